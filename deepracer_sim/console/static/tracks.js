"use strict";
// Wheel, two fingers and dragging move the view of a large drawing; a double click shows all of it again.
(() => {
  const fingers = new Map();
  const drawing = (event) => event.target.closest?.(".track-large svg");

  function show(svg, left, top, width, height) {
    svg.whole ??= read(svg);
    const { x, y, width: most, height: highest } = svg.whole;
    const scale = Math.min(1, Math.max(1 / 12, width / most));
    width = most * scale;
    height = highest * scale;
    left = Math.min(Math.max(left, x), x + most - width);
    top = Math.min(Math.max(top, y), y + highest - height);
    svg.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
    svg.classList.toggle("is-zoomed", scale < 1);
  }

  function read(svg) {
    const { x, y, width, height } = svg.viewBox.baseVal;
    return { x, y, width, height };
  }

  function place(svg, x, y) {
    return new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
  }

  function zoom(svg, x, y, share) {
    const point = place(svg, x, y);
    const { x: left, y: top, width, height } = read(svg);
    show(svg, point.x - (point.x - left) * share, point.y - (point.y - top) * share, width * share, height * share);
  }

  function move(svg, from, to) {
    const [before, after] = [place(svg, from.x, from.y), place(svg, to.x, to.y)];
    const { x, y, width, height } = read(svg);
    show(svg, x + before.x - after.x, y + before.y - after.y, width, height);
  }

  addEventListener("wheel", (event) => {
    const svg = drawing(event);
    if (!svg) return;
    event.preventDefault();
    zoom(svg, event.clientX, event.clientY, Math.exp(event.deltaY * 0.0015));
  }, { passive: false });
  addEventListener("dblclick", (event) => {
    const svg = drawing(event);
    if (svg?.whole) show(svg, svg.whole.x, svg.whole.y, svg.whole.width, svg.whole.height);
  });
  addEventListener("pointerdown", (event) => {
    if (drawing(event)) fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  addEventListener("pointermove", (event) => {
    const svg = drawing(event), before = fingers.get(event.pointerId);
    if (!svg || !before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
      zoom(svg, (now.x + other.x) / 2, (now.y + other.y) / 2, distance(before) / Math.max(1, distance(now)));
    } else {
      move(svg, before, now);
    }
    fingers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
})();
