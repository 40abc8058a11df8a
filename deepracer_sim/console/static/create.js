"use strict";
// Asks before a page with changes is left; the server marks such a page.
window.addEventListener("beforeunload", (event) => {
  if (document.querySelector(".has-changes")) event.preventDefault();
});

// The editor's colours are those of a theme that the server chooses: it is told whether the page is dark.
window.addEventListener("DOMContentLoaded", () => {
  let told = null;
  const tell = () => {
    const isDark = document.body.classList.contains("body--dark");
    if (isDark !== told && window.socket?.connected) emitEvent("theme", (told = isDark));
  };
  new MutationObserver(tell).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  const wait = setInterval(() => {
    tell();
    if (told !== null) clearInterval(wait);
  }, 50);
});

window.goToLine = (id, number) => {
  const editor = getElement(id).editor;
  const line = editor.state.doc.line(Math.min(Math.max(number, 1), editor.state.doc.lines));
  editor.dispatch({ selection: { anchor: line.from }, scrollIntoView: true });
  editor.focus();
};
