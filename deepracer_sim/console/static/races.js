// Replays a race: its cars at once on the track from above.
"use strict";
const COLOURS = ["#e69f00", "#3a8ee6", "#d65bd0", "#22a884", "#e2574c", "#8b78e6", "#9aa81f", "#c77b4a"];
const CAR = [[0.2, 0.09], [0.26, 0], [0.2, -0.09], [-0.1, -0.09], [-0.1, 0.09]]; // ahead and left of base_link, metres
const TRAIL = 0.8; // seconds
const HIGHEST = 560; // pixels

const made = (kind, parent, attributes = {}) => {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
};

class RaceReplay extends HTMLElement {
  static observedAttributes = ["data-version"];

  connectedCallback() {
    if (this.canvas) return;
    this.canvas = made("canvas", this, { role: "img", "aria-label": "The cars on the track from above" });
    const controls = made("div", this, { class: "replay-controls" });
    this.button = made("button", controls, { type: "button", class: "replay-play" });
    this.clock = made("input", controls, { type: "range", min: 0, step: 0.01, "aria-label": "Time" });
    this.shown = made("output", controls, { class: "replay-time" });
    this.pace = made("select", controls, { "aria-label": "Speed" });
    for (const pace of [0.5, 1, 2, 4]) this.pace.append(new Option(`${pace}x`, pace, pace === 1, pace === 1));
    this.what = made("select", controls, { "aria-label": "What is shown" });
    this.what.append(new Option("Best laps", "best"), new Option("Whole drives", "whole"));
    this.legend = made("ul", this, { class: "replay-legend", "aria-label": "Cars" });
    this.note = made("p", this, { class: "replay-note soft" });
    this.button.addEventListener("click", () => (this.isPlaying ? this.stop() : this.play()));
    this.clock.addEventListener("input", () => { this.stop(); this.render(); });
    this.what.addEventListener("change", () => this.choose());
    this.watch = new ResizeObserver(() => this.render());
    this.watch.observe(this);
    this.themes = new MutationObserver(() => this.render());
    this.themes.observe(document.body, { attributeFilter: ["class"] });
    this.hidden_ = new Set();
    this.stop();
    this.fetch();
  }

  disconnectedCallback() {
    this.stop();
    this.watch.disconnect();
    this.themes.disconnect();
  }

  attributeChangedCallback(name, before, now) {
    if (this.canvas && before !== now) this.fetch();
  }

  async fetch() {
    const answer = await fetch(this.dataset.url).catch(() => null);
    if (!answer || !answer.ok) {
      this.note.textContent = "The drives could not be fetched.";
      return;
    }
    const isFirst = !this.race;
    this.race = await answer.json();
    if (isFirst && !this.race.cars.some((car) => car.best !== null)) this.what.value = "whole";
    this.choose();
  }

  // Lay out the times of what is shown: `times[row]` is when a car was there, from the start of the replay.
  choose() {
    this.stop();
    const whole = this.what.value === "whole";
    this.cars = [];
    this.race.cars.forEach((car, number) => {
      const lap = whole ? null : car.laps[car.best];
      if (whole ? !car.isWhole : !lap) return;
      this.cars.push({ ...car, lap, colour: COLOURS[number % COLOURS.length], ...this.times(car, lap) });
    });
    this.end = Math.max(0.1, ...this.cars.map((car) => car.end));
    this.clock.max = this.end;
    this.clock.value = 0;
    this.list(whole);
    this.render();
  }

  times(car, lap) {
    const begin = lap ? lap.begin : 0;
    const until = lap ? lap.end : (car.x.length - 1) * car.step;
    const resets = new Set(car.resets);
    const times = [];
    let lost = 0; // by standing after resets of the lap
    for (let row = 0; row < car.x.length; row++) {
      const time = (car.first + row) * car.step;
      times.push(time - begin + lost);
      if (resets.has(row) && time > begin && time <= until + car.step) lost += this.race.penalty;
    }
    return { times, jumps: resets, end: until - begin + lost };
  }

  list(whole) {
    this.legend.replaceChildren();
    for (const car of this.cars) {
      const item = made("button", made("li", this.legend), { type: "button" });
      made("span", item, { class: "replay-swatch" }).style.background = car.colour;
      made("span", item, { class: "replay-name" }).textContent = car.racer;
      const time = whole ? (car.result === null ? "DNF" : `${car.result.toFixed(3)} s`) : `${car.lap.time.toFixed(3)} s`;
      made("span", item, { class: "soft" }).textContent = time;
      const press = () => item.setAttribute("aria-pressed", String(!this.hidden_.has(car.racer)));
      press();
      item.addEventListener("click", () => {
        if (!this.hidden_.delete(car.racer)) this.hidden_.add(car.racer);
        press();
        this.render();
      });
    }
    const absent = [...this.race.missing];
    const unfinished = this.race.cars.length - this.cars.length;
    const notes = [];
    if (absent.length) notes.push(`Not kept when they drove: ${absent.join(", ")}.`);
    if (unfinished) notes.push(whole ? `${unfinished} too long to be shown whole.` : `${unfinished} without a full lap.`);
    this.note.textContent = notes.join(" ");
  }

  play() {
    if (Number(this.clock.value) >= this.end - 0.02) this.clock.value = 0;
    this.isPlaying = true;
    this.label("Pause");
    let before = performance.now();
    let time = Number(this.clock.value);
    const frame = (now) => {
      if (!this.isPlaying) return;
      time = Math.min(this.end, time + (Math.max(0, now - before) / 1000) * Number(this.pace.value));
      before = now;
      this.clock.value = time;
      this.render();
      if (time < this.end) requestAnimationFrame(frame);
      else this.stop();
    };
    requestAnimationFrame(frame);
  }

  stop() {
    this.isPlaying = false;
    this.label("Play");
  }

  label(words) {
    this.button.setAttribute("aria-label", words);
    this.button.classList.toggle("is-playing", words === "Pause");
  }

  // Where a car is: between two rows, or standing where it waits to be put back.
  at(car, time) {
    const moment = Math.min(Math.max(time, 0), car.end);
    let low = 0, high = car.times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (car.times[middle] <= moment) low = middle;
      else high = middle - 1;
    }
    const next = Math.min(low + 1, car.x.length - 1);
    const span = car.times[next] - car.times[low];
    const share = next === low || car.jumps.has(low) ? 0 : Math.min(1, (moment - car.times[low]) / span);
    const between = (column) => car[column][low] + share * (car[column][next] - car[column][low]);
    const turn = ((car.yaw[next] - car.yaw[low] + 9424.778) % 6283.185) - 3141.593;
    return { row: low, x: between("x") / 1000, y: between("y") / 1000, yaw: (car.yaw[low] + share * turn) / 1000 };
  }

  render() {
    if (!this.race || !this.clientWidth) return;
    const [left, top, width, height] = this.race.road.box;
    const style = getComputedStyle(document.body);
    this.colour = (name) => style.getPropertyValue(name).trim();
    const wide = this.clientWidth;
    const high = Math.round(Math.min((wide * height) / width, HIGHEST));
    const dots = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(wide * dots) || this.canvas.height !== Math.round(high * dots)) {
      this.canvas.width = Math.round(wide * dots);
      this.canvas.height = Math.round(high * dots);
      this.canvas.style.height = `${high}px`;
    }
    const scale = Math.min(wide / width, high / height);
    const shift = [(wide - scale * width) / 2 - scale * left, (high - scale * height) / 2 - scale * top];
    this.place = (x, y) => [shift[0] + scale * x, shift[1] - scale * y];
    this.scale = scale;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, wide, high);
    this.drawRoad(pen);
    const time = Number(this.clock.value);
    this.shown.textContent = `${time.toFixed(2)} s`;
    this.clock.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds`);
    // The first place lies on top.
    for (const car of [...this.cars].reverse()) if (!this.hidden_.has(car.racer)) this.drawCar(pen, car, time);
  }

  path(pen, points) {
    points.forEach(([x, y], number) => pen[number ? "lineTo" : "moveTo"](...this.place(x, y)));
    pen.closePath();
  }

  drawRoad(pen) {
    const { center, inner, outer } = this.race.road;
    pen.beginPath();
    this.path(pen, outer);
    this.path(pen, inner);
    pen.fillStyle = this.colour("--road");
    pen.strokeStyle = this.colour("--edge");
    pen.lineWidth = 1.5;
    pen.fill("evenodd");
    pen.stroke();
    pen.beginPath();
    this.path(pen, center);
    pen.lineWidth = 1;
    pen.setLineDash([6, 5]);
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    pen.moveTo(...this.place(...inner[0]));
    pen.lineTo(...this.place(...outer[0]));
    pen.strokeStyle = this.colour("--ink");
    pen.lineWidth = 3;
    pen.stroke();
  }

  drawCar(pen, car, time) {
    const now = this.at(car, time);
    pen.strokeStyle = pen.fillStyle = car.colour;
    pen.lineWidth = Math.max(2, 0.05 * this.scale);
    pen.globalAlpha = 0.5;
    pen.beginPath();
    pen.moveTo(...this.place(now.x, now.y));
    for (let row = now.row; row >= 0 && car.times[row] > time - TRAIL && car.times[row] >= 0; row--) {
      if (row < now.row && car.jumps.has(row)) break;
      pen.lineTo(...this.place(car.x[row] / 1000, car.y[row] / 1000));
    }
    pen.stroke();
    pen.globalAlpha = 1;
    const size = Math.max(1, 34 / (0.36 * this.scale) / 2); // still to be seen on a phone
    const [sine, cosine] = [Math.sin(now.yaw), Math.cos(now.yaw)];
    pen.beginPath();
    this.path(pen, CAR.map(([ahead, side]) => [
      now.x + size * (ahead * cosine - side * sine), now.y + size * (ahead * sine + side * cosine)]));
    pen.fill();
    pen.strokeStyle = this.colour("--card");
    pen.lineWidth = 1.5;
    pen.stroke();
  }
}

customElements.define("race-replay", RaceReplay);
