// Draws the figures, keeps them in the page's colours, and switches tracks and parts of the training.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const config = { responsive: true, displayModeBar: false, scrollZoom: false, doubleClick: false };
const isDrawn = new Set();

function colours(layout) {
  const changes = {
    "font.color": colour("--soft"),
    "hoverlabel.bgcolor": colour("--card"),
    "hoverlabel.bordercolor": colour("--line"),
    "hoverlabel.font.color": colour("--ink"),
    "font.family": getComputedStyle(document.body).fontFamily,
  };
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
    changes[`${axis}.gridcolor`] = colour("--line");
    changes[`${axis}.linecolor`] = colour("--line");
    changes[`${axis}.tickcolor`] = colour("--line");
  }
  return changes;
}

async function draw(name, figure) {
  isDrawn.add(name);
  for (const [path, value] of Object.entries(colours(figure.layout))) {
    const names = path.split(".");
    const place = names.slice(0, -1).reduce((group, one) => (group[one] ??= {}), figure.layout);
    place[names[names.length - 1]] = value;
  }
  await Plotly.react(name, figure.data, figure.layout, config);
}

// What is hidden has no size to be drawn at: it waits until its track is chosen.
async function drawVisible() {
  for (const [name, figure] of Object.entries(data.figures)) {
    const place = document.getElementById(name);
    if (!place || isDrawn.has(name) || place.offsetParent === null) continue;
    await draw(name, figure);
    await new Promise((resolve) => setTimeout(resolve)); // the page answers between two figures
  }
}

function recolour() {
  for (const name of isDrawn) Plotly.relayout(name, colours(data.figures[name].layout));
  if (window.replay) window.replay.recolour();
}

function setTheme(theme) {
  root.dataset.theme = theme;
  recolour();
}

async function showPart(section, part) {
  for (const button of section.querySelectorAll(".parts button")) {
    button.setAttribute("aria-pressed", String(button.dataset.part === part));
  }
  for (const [name, figure] of Object.entries(data.figures)) {
    if (!section.contains(document.getElementById(name))) continue;
    const traces = figure.data.filter((trace) => trace.meta && trace.meta.part);
    for (const trace of traces) trace.visible = trace.meta.part === part;
    if (traces.length && isDrawn.has(name)) await Plotly.restyle(name, { visible: traces.map((trace) => trace.visible) });
  }
}

async function showTrack(number) {
  for (const choice of document.querySelectorAll(".track-select")) choice.value = number;
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.dataset.track !== number;
  if (window.replay) window.replay.show(data.replays[Number(number)]);
  await drawVisible();
}

async function start() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = dark.matches ? "dark" : "light";
  dark.addEventListener("change", (event) => setTheme(event.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () =>
    setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  for (const button of document.querySelectorAll(".parts button")) {
    button.addEventListener("click", () => showPart(button.closest("section"), button.dataset.part));
  }
  for (const choice of document.querySelectorAll(".track-select")) {
    choice.addEventListener("change", () => showTrack(choice.value));
  }
  if (document.getElementById("replay")) {
    window.replay = new Replay(colour, (figure) => {
      data.figures.telemetry = figure;
      draw("telemetry", figure);
    });
    window.replay.show(data.replays[0]);
  }
  await drawVisible();
  root.dataset.ready = "true";
}

start();
