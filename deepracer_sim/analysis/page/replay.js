// Drives two recorded attempts over the track again.
"use strict";
const SLOW_TO_FAST = [[106, 60, 196], [181, 48, 140], [232, 80, 91], [247, 150, 60], [245, 217, 10]];
const MARGIN = 0.4; // metres around the road

class Replay {
  constructor(colour, showTelemetry) {
    this.colour = colour;
    this.showTelemetry = showTelemetry;
    this.canvas = document.getElementById("ground");
    this.clock = document.getElementById("clock");
    this.button = document.getElementById("play");
    this.pace = document.getElementById("pace");
    this.choices = ["a", "b"].map((car) => document.getElementById(`car-${car}`));
    this.readouts = ["a", "b"].map((car) => document.getElementById(`readout-${car}`));
    this.isPlaying = false;
    this.button.addEventListener("click", () => this.toggle());
    this.clock.addEventListener("input", () => { this.stop(); this.render(); });
    for (const choice of this.choices) choice.addEventListener("change", () => this.choose());
    new ResizeObserver(() => this.render()).observe(this.canvas.parentElement);
  }

  show(scene) {
    this.scene = scene;
    this.choices.forEach((choice, place) => this.fill(choice, scene.first[place]));
    this.choose();
  }

  fill(choice, chosen) {
    choice.replaceChildren();
    if (choice === this.choices[1]) choice.append(new Option("nobody", ""));
    this.scene.attempts.forEach((attempt, number) => choice.append(new Option(attempt.label, String(number))));
    choice.value = chosen === null ? "" : String(chosen);
  }

  choose() {
    this.stop();
    this.cars = this.choices.map((choice) => (choice.value === "" ? null : this.scene.attempts[Number(choice.value)]));
    this.end = Math.max(0.1, ...this.cars.filter(Boolean).map((car) => car.time[car.time.length - 1] / 100));
    this.clock.max = this.end;
    this.clock.value = this.end; // the whole line is there before anybody presses play
    this.showTelemetry(this.telemetry());
    this.render();
  }

  toggle() {
    if (this.isPlaying) return this.stop();
    if (Number(this.clock.value) >= this.end - 0.02) this.clock.value = 0;
    this.isPlaying = true;
    this.button.textContent = "❚❚";
    this.button.setAttribute("aria-label", "Pause");
    let before = performance.now();
    let time = Number(this.clock.value);
    const frame = (now) => {
      if (!this.isPlaying) return;
      time = Math.min(this.end, time + Math.max(0, now - before) / 1000 * Number(this.pace.value));
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
    this.button.textContent = "▶";
    this.button.setAttribute("aria-label", "Play");
  }

  recolour() {
    this.render();
  }

  // The row at a time, and how far the next one has come near: 0 where the car was put back.
  at(car, time) {
    const moment = time * 100;
    let low = 0, high = car.time.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (car.time[middle] <= moment) low = middle;
      else high = middle - 1;
    }
    if (low === car.time.length - 1 || car.jumps.includes(low)) return { row: low, share: 0 };
    return { row: low, share: (moment - car.time[low]) / Math.max(1, car.time[low + 1] - car.time[low]) };
  }

  between(car, name, place) {
    const from = car[name][place.row];
    if (!place.share) return from;
    let change = car[name][place.row + 1] - from;
    if (name === "yaw") change = ((change + 540) % 360) - 180;
    return from + place.share * change;
  }

  extent() {
    const road = this.scene.road;
    const x = road ? road.outer.map((point) => point[0]) : this.scene.attempts.flatMap((car) => car.x);
    const y = road ? road.outer.map((point) => point[1]) : this.scene.attempts.flatMap((car) => car.y);
    const smallest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity) / 1000 - MARGIN;
    const largest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity) / 1000 + MARGIN;
    return [smallest(x), largest(x), smallest(y), largest(y)];
  }

  render() {
    if (!this.scene || !this.scene.attempts.length) return;
    const [left, right, bottom, top] = this.extent();
    const width = this.canvas.clientWidth;
    const height = Math.round(Math.min(width * (top - bottom) / (right - left), 620));
    const dots = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * dots) || this.canvas.height !== Math.round(height * dots)) {
      this.canvas.style.height = `${height}px`;
      this.canvas.width = Math.round(width * dots);
      this.canvas.height = Math.round(height * dots);
    }
    const scale = Math.min(width / (right - left), height / (top - bottom));
    const pen = this.canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    const shift = (width - scale * (right - left)) / 2;
    this.place = (x, y) => [shift + (x / 1000 - left) * scale, (top - y / 1000) * scale];
    this.scale = scale;
    this.drawRoad(pen);
    const time = Number(this.clock.value);
    [1, 0].forEach((number) => this.cars[number] && this.drawTrail(pen, number, time));
    [1, 0].forEach((number) => this.cars[number] && this.drawCar(pen, number, time));
    [0, 1].forEach((number) => this.readOut(number, time));
    for (const end of ["slowest", "fastest"]) {
      document.getElementById(end).textContent = this.cars[0] ? `${(this[end] / 1000).toFixed(1)} m/s` : "";
    }
  }

  trace(pen, points, isClosed) {
    points.forEach(([x, y], number) => pen[number ? "lineTo" : "moveTo"](...this.place(x, y)));
    if (isClosed) pen.closePath();
  }

  drawRoad(pen) {
    const road = this.scene.road;
    if (!road) return;
    pen.beginPath();
    this.trace(pen, road.outer, true);
    this.trace(pen, road.inner, true);
    pen.fillStyle = this.colour("--road");
    pen.fill("evenodd");
    pen.strokeStyle = this.colour("--edge");
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.beginPath();
    this.trace(pen, road.center, true);
    pen.setLineDash([6, 8]);
    pen.lineWidth = 1;
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    this.trace(pen, [road.inner[0], road.outer[0]], false);
    pen.lineWidth = 3;
    pen.stroke();
  }

  speedColour(speed) {
    const share = Math.min(0.9999, Math.max(0, (speed - this.slowest) / Math.max(1, this.fastest - this.slowest)));
    const place = share * (SLOW_TO_FAST.length - 1);
    const [low, high] = [SLOW_TO_FAST[Math.floor(place)], SLOW_TO_FAST[Math.floor(place) + 1]];
    return `rgb(${low.map((value, channel) => Math.round(value + (place % 1) * (high[channel] - value)))})`;
  }

  drawTrail(pen, number, time) {
    const car = this.cars[number];
    const place = this.at(car, time);
    const driven = [...car.speed].sort((a, b) => a - b);
    this.slowest = driven[Math.floor(0.1 * driven.length)];
    this.fastest = driven[Math.floor(0.98 * (driven.length - 1))];
    pen.lineCap = "round";
    pen.lineWidth = number ? 2 : 3.5;
    pen.globalAlpha = number ? 0.75 : 1;
    for (let row = 0; row <= place.row; row++) {
      if (car.jumps.includes(row)) this.drawCross(pen, car, row);
      const isLast = row === place.row;
      if (car.jumps.includes(row) || (isLast && !place.share)) continue;
      const end = isLast ? ["x", "y"].map((name) => this.between(car, name, place)) : [car.x[row + 1], car.y[row + 1]];
      pen.strokeStyle = number ? this.colour("--b") : this.speedColour(car.speed[row + 1]);
      pen.beginPath();
      this.trace(pen, [[car.x[row], car.y[row]], end], false);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  drawCross(pen, car, row) {
    const [x, y] = this.place(car.x[row], car.y[row]);
    const arm = 7;
    pen.save();
    pen.globalAlpha = 1;
    pen.strokeStyle = this.colour("--b");
    pen.lineWidth = 3;
    pen.beginPath();
    for (const side of [1, -1]) {
      pen.moveTo(x - arm, y - arm * side);
      pen.lineTo(x + arm, y + arm * side);
    }
    pen.stroke();
    pen.restore();
  }

  drawCar(pen, number, time) {
    const car = this.cars[number];
    const place = this.at(car, time);
    const yaw = this.between(car, "yaw", place) * Math.PI / 180;
    const [x, y] = ["x", "y"].map((name) => this.between(car, name, place));
    const [cos, sin] = [Math.cos(yaw), Math.sin(yaw)];
    for (const [outline, paint] of [[this.scene.body, number ? "--b" : "--a"], [this.scene.windscreen, "--card"]]) {
      pen.beginPath();
      this.trace(pen, outline.map(([ahead, side]) => [x + cos * ahead - sin * side, y + sin * ahead + cos * side]), true);
      pen.fillStyle = this.colour(paint);
      pen.fill();
    }
  }

  readOut(number, time) {
    const row = this.readouts[number];
    const car = this.cars[number];
    row.hidden = !car;
    if (!car) return;
    const place = this.at(car, time);
    const cells = [
      number ? "Rival" : "Car",
      Math.min(time, car.time[car.time.length - 1] / 100).toFixed(2),
      (this.between(car, "progress", place) / 10).toFixed(1),
      (car.speed[place.row] / 1000).toFixed(2),
      String(car.steering[place.row]),
      car.reward[place.row].toFixed(1),
    ];
    row.replaceChildren(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  }

  telemetry() {
    const lines = this.cars.map((car, number) => car && {
      type: "scatter", mode: "lines", name: number ? "Rival" : "Car",
      x: car.progress.map((value) => value / 10), y: car.speed.map((value) => value / 1000),
      line: { color: this.colour(number ? "--b" : "--a"), width: number ? 1.5 : 2.5 },
      hovertemplate: "%{y:.2f} m/s at %{x:.0f} %",
    });
    return {
      data: lines.filter(Boolean),
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 8, r: 8, t: 8, b: 46 },
        dragmode: false, font: { size: 13 }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, showlegend: true,
        xaxis: { title: { text: "progress in % of the lap", standoff: 8 }, zeroline: false, range: [0, 100] },
        yaxis: { title: { text: "speed in m/s", standoff: 8 }, automargin: true, zeroline: false, rangemode: "tozero" },
      },
    };
  }
}
