// Shows the car's camera: the next picture is asked for once the last one is there.
"use strict";
const PAUSE = 200; // milliseconds

class CarCamera extends HTMLElement {
  connectedCallback() {
    this.image = document.createElement("img");
    this.image.alt = "What the car sees";
    this.image.hidden = true;
    this.append(this.image);
    this.number = 0;
    this.isHere = true;
    this.look();
  }

  disconnectedCallback() {
    this.isHere = false;
  }

  async look() {
    while (this.isHere) {
      if (!document.hidden && this.offsetParent) await this.fetch().catch(() => { this.image.hidden = true; });
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  async fetch() {
    const answer = await fetch(`/car/picture?after=${this.number}`);
    if (answer.status !== 200) {
      if (++this.missed > 10) this.image.hidden = true;
      return;
    }
    this.missed = 0;
    this.number = Number(answer.headers.get("X-Picture"));
    const before = this.image.src;
    this.image.src = URL.createObjectURL(await answer.blob());
    this.image.hidden = false;
    URL.revokeObjectURL(before);
  }
}

// The throttle's cap: what the car has confirmed moves it, and nothing else but its user.
class CapSlider extends HTMLElement {
  static observedAttributes = ["data-min", "data-max", "data-value"];

  connectedCallback() {
    if (this.input) return;
    this.input = document.createElement("input");
    this.input.type = "range";
    this.input.step = 0.01;
    this.input.setAttribute("aria-label", "Throttle cap");
    this.append(this.input);
    this.show();
  }

  attributeChangedCallback() {
    if (this.input) this.show();
  }

  show() {
    for (const name of ["min", "max", "value"]) this.input[name] = this.dataset[name] ?? "";
  }
}

customElements.define("car-camera", CarCamera);
customElements.define("cap-slider", CapSlider);
