"use strict";
// The live view of a training: <live-cars> draws its cars over the track, <live-camera> what the first one
// sees. Both get their states from the WebSocket /live/NAME; the bytes are those of deepracer_sim/live_file.py.

const HEADER_BYTES = 64;
const NO_SUCH_MODEL = 4404;
const RETRY_MS = 1000;
const CAR_METRES = 0.28;
const SMALLEST_PIXELS = 8;

function parsed(buffer) {
  const view = new DataView(buffer);
  const cars = view.getUint32(32, true);
  const [height, width, channels] = [36, 38, 40].map((place) => view.getUint16(place, true));
  return {
    number: view.getUint32(12, true), steps: view.getUint32(24, true), iteration: view.getUint32(28, true),
    cars, height, width, channels,
    poses: new Float32Array(buffer, HEADER_BYTES, 4 * cars),
    tracks: new Uint16Array(buffer, HEADER_BYTES + 16 * cars, cars),
    picture: new Uint8Array(buffer, HEADER_BYTES + 18 * cars),
  };
}

// One connection a model and page, kept as long as somebody listens and the page can be seen.
class LiveFeed {
  static feeds = new Map();

  static join(model, listener) {
    if (!LiveFeed.feeds.has(model)) LiveFeed.feeds.set(model, new LiveFeed(model));
    const feed = LiveFeed.feeds.get(model);
    feed.listeners.add(listener);
    feed.open();
    return feed;
  }

  constructor(model) {
    this.model = model;
    this.listeners = new Set();
    this.socket = null;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
  }

  leave(listener) {
    this.listeners.delete(listener);
    if (!this.listeners.size) this.close();
  }

  open() {
    if (this.socket || document.hidden || !this.listeners.size) return;
    const place = location.origin.replace(/^http/, "ws") + "/live/" + encodeURIComponent(this.model);
    const socket = (this.socket = new WebSocket(place));
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      const state = parsed(event.data);
      this.listeners.forEach((listener) => listener.show(state));
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (event.code !== NO_SUCH_MODEL) setTimeout(() => this.open(), RETRY_MS);
    };
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.close();
  }
}

class LiveElement extends HTMLElement {
  static observedAttributes = ["model", "box", "track"];

  connectedCallback() {
    if (!this.canvas) this.canvas = this.appendChild(document.createElement("canvas"));
    this.follow();
  }

  disconnectedCallback() {
    if (this.feed) this.feed.leave(this);
    this.feed = null;
  }

  attributeChangedCallback(name) {
    if (!this.canvas) return;
    if (name === "model") this.follow();
    else if (this.state) this.draw(this.state);
  }

  // Without a model nothing is shown: it does not drive just now.
  follow() {
    this.disconnectedCallback();
    const model = this.getAttribute("model");
    if (model && this.isConnected) this.feed = LiveFeed.join(model, this);
    else { this.state = null; this.canvas.width = this.canvas.height = 0; }
  }

  show(state) {
    this.state = state;
    this.draw(state);
  }
}

class LiveCars extends LiveElement {
  connectedCallback() {
    super.connectedCallback();
    this.sizes = new ResizeObserver(() => this.state && this.draw(this.state));
    this.sizes.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (this.sizes && !this.isConnected) this.sizes.disconnect();
  }

  draw(state) {
    const box = (this.getAttribute("box") || "").split(" ").map(Number);
    const [left, top, width, height] = box;
    const { clientWidth, clientHeight } = this, ratio = window.devicePixelRatio || 1;
    if (box.length !== 4 || !clientWidth) return;
    this.canvas.width = clientWidth * ratio;
    this.canvas.height = clientHeight * ratio;
    const pen = this.canvas.getContext("2d");
    // As the track's SVG is laid out: as large as fits, in the middle.
    const scale = ratio * Math.min(clientWidth / width, clientHeight / height);
    const right = (clientWidth * ratio - width * scale) / 2, down = (clientHeight * ratio - height * scale) / 2;
    const size = Math.max(CAR_METRES * scale, SMALLEST_PIXELS * ratio);
    const colours = getComputedStyle(this), track = Number(this.getAttribute("track") || 0);
    const car = (index) => {
      const [x, y, yaw] = state.poses.subarray(4 * index, 4 * index + 3);
      pen.setTransform(1, 0, 0, 1, right + (x - left) * scale, down + (-y - top) * scale);
      pen.rotate(-yaw);
      pen.beginPath();
      pen.moveTo(size * 0.62, 0);
      pen.lineTo(-size * 0.42, size * 0.34);
      pen.lineTo(-size * 0.24, 0);
      pen.lineTo(-size * 0.42, -size * 0.34);
      pen.closePath();
      pen.fill();
    };
    pen.fillStyle = colours.getPropertyValue("--accent");
    pen.globalAlpha = 0.55;
    for (let index = 1; index < state.cars; index++) if (state.tracks[index] === track) car(index);
    if (state.tracks[0] !== track) return;
    pen.globalAlpha = 1;
    pen.fillStyle = colours.getPropertyValue("--marked");
    pen.strokeStyle = colours.getPropertyValue("--card");
    pen.lineWidth = 1.5 * ratio;
    car(0);
    pen.stroke();
  }
}

class LiveCamera extends LiveElement {
  draw({ width, height, channels, picture }) {
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    const pen = this.canvas.getContext("2d"), image = pen.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let colour = 0; colour < 3; colour++) {
        image.data[4 * pixel + colour] = picture[channels * pixel + (channels === 3 ? colour : 0)];
      }
      image.data[4 * pixel + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
  }
}

customElements.define("live-cars", LiveCars);
customElements.define("live-camera", LiveCamera);
