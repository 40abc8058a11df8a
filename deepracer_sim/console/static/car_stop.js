// The button that stops the car. It asks by a request of its own, so that a lost WebSocket does not matter.
"use strict";
const PATIENCE = 2500; // milliseconds; the console itself gives the car one second
const SHOWN = 5000;

class CarStop extends HTMLElement {
  static observedAttributes = ["data-active", "data-alarm"];

  connectedCallback() {
    if (this.button) return;
    this.banner = document.createElement("div");
    this.banner.className = "car-banner";
    this.banner.setAttribute("role", "alert");
    this.words = document.createElement("span");
    this.off = document.createElement("button");
    this.off.type = "button";
    this.off.textContent = "It is off";
    this.off.addEventListener("click", () => this.dismiss());
    this.banner.append(this.words, this.off);
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "car-stop-button";
    this.button.innerHTML = "<b>Stop the car</b><small>or press Escape</small>";
    this.button.addEventListener("click", () => this.stop());
    this.append(this.banner, this.button);
    // Wherever the keyboard is, also in a dialog.
    this.listen = (event) => {
      if (event.key === "Escape" && this.dataset.active === "true" && !event.repeat) this.stop();
    };
    document.addEventListener("keydown", this.listen, true);
    this.show();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.listen, true);
  }

  attributeChangedCallback(name, before, now) {
    if (!this.button || before === now) return;
    // What this page has to say of an earlier stop is over once the car drives again.
    if (name === "data-active" && now === "true") this.own = null;
    this.show();
  }

  async stop() {
    this.say("Stopping ...", "is-waiting");
    let answer;
    try {
      const response = await fetch("/car/stop", { method: "POST", signal: AbortSignal.timeout(PATIENCE) });
      if (!response.ok) throw new Error(response.statusText);
      answer = await response.json();
    } catch {
      this.say("The console has not answered. Switch the car off by hand.", "is-bad");
      return;
    }
    this.say(answer.words, answer.stopped ? "is-good" : "is-bad");
    if (answer.stopped) setTimeout(() => { this.own = null; this.show(); }, SHOWN);
  }

  say(words, kind) {
    this.own = { words, kind };
    this.show();
  }

  async dismiss() {
    this.own = null;
    this.show();
    await fetch("/car/off", { method: "POST" }).catch(() => this.say("The console has not answered.", "is-bad"));
  }

  show() {
    const isActive = this.dataset.active === "true";
    const alarm = this.dataset.alarm;
    const said = alarm && this.own?.kind !== "is-waiting" ? { words: alarm, kind: "is-bad" } : this.own;
    this.button.hidden = !isActive;
    this.banner.hidden = !said;
    this.banner.className = `car-banner ${said?.kind ?? ""}`;
    if (this.words.textContent !== (said?.words ?? "")) this.words.textContent = said?.words ?? "";
    this.off.hidden = said?.kind !== "is-bad";
    document.body.classList.toggle("has-car-stop", isActive || Boolean(said));
  }
}

customElements.define("car-stop", CarStop);
