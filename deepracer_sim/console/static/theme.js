"use strict";
// Quasar's dark mode follows the system (see server.py) until the user switches; the browser remembers that.
window.addEventListener("DOMContentLoaded", () => {
  const stored = localStorage.getItem("dark");
  const apply = (dark) => window.Quasar && Quasar.Dark.set(dark);
  if (stored !== null) {
    const wait = setInterval(() => {
      if (window.Quasar && document.querySelector(".q-layout")) { clearInterval(wait); apply(stored === "1"); }
    }, 20);
  }
  window.switchTheme = () => {
    const dark = !Quasar.Dark.isActive;
    localStorage.setItem("dark", dark ? "1" : "0");
    apply(dark);
  };
});
