"""A connected car on its page: what it sees, how it stands, its cap, its start."""

from __future__ import annotations

import time
from pathlib import PurePosixPath
from typing import Any

from nicegui import ui

from deepracer_sim.console.car.car_link import CarLink
from deepracer_sim.console.frame import Info

FIGURES = {
    "rate (1/s)": "Pictures a second",
    "latency median (ms)": "Latency, median (ms)",
    "latency p99 (ms)": "Latency, 99 of 100 (ms)",
    "lost frames": "Lost pictures",
    "refused frames": "Refused pictures",
}
"""Of the node's diagnostics, by what they are called there."""
NO_PICTURE = 2.0
"""Seconds without a picture after which it is said."""
ABOUT_CAP = """
The **cap** is the largest throttle that the car's node lets through, 0 to 1; whatever the model wants,
nothing after the cap changes a command. At full throttle a DeepRacer is far too fast for a room: begin with
0.3, or less.

The number that is shown is the one that the car has confirmed.
"""
READY = {
    "active": "Driving",
    "inactive": "Ready: it stands, and waits for the start",
    "unconfigured": "Has no model loaded; the start loads it",
}


class CarPanel:
    """The parts of the page for a car.

    Args:
        link: to the car.
        info: the page's pane.
        about_stop: what stops the car, for the pane.
    """

    def __init__(self, link: CarLink, info: Info, about_stop: str) -> None:
        self.link, self.info = link, info
        self.has_confirmed = False
        self.is_waiting = False
        self.wished: float | None = None
        self.shown_cap: dict[str, float] | None = None
        with ui.element("div").classes("car-columns") as self.place:
            with ui.element("div").classes("card"):
                self._lay_out_camera()
            with ui.element("div").classes("car-side"):
                with ui.element("div").classes("card"):
                    self._lay_out_state(about_stop)
                with ui.element("div").classes("card"):
                    self._lay_out_cap()
                with ui.element("div").classes("card"):
                    ui.label("Figures").classes("text-h6").props("role=heading aria-level=2")
                    self.facts = ui.element("dl").classes("car-facts")
        self.shown_facts: list[tuple[str, str]] = []

    def _lay_out_camera(self) -> None:
        ui.label("Camera").classes("text-h6").props("role=heading aria-level=2")
        with ui.element("div").classes("car-camera"):
            ui.element("car-camera")
            self.no_picture = ui.label().classes("car-no-picture soft")

    def _lay_out_state(self, about: str) -> None:
        with ui.row().classes("w-full items-center no-wrap"):
            self.dot = ui.element("span").classes("car-dot")
            self.state = ui.label().classes("text-h6").props("role=status")
            ui.space()
            self.info.button("What stops the car", about)
        self.reason = ui.label().classes("warn")
        self.words = ui.label().classes("soft car-words")
        self.note = ui.label().classes("warn")
        with ui.row().classes("w-full items-center"):
            self.start = ui.button("Start", icon="play_arrow", on_click=self._ask_to_start).props(
                "no-caps unelevated"
            )
            self.reset = ui.button("End the emergency stop", on_click=self._reset).props("no-caps flat")
            self.spinner = ui.spinner(size="1.4rem")
        self.fault = ui.label().classes("bad").props("role=alert")

    def _lay_out_cap(self) -> None:
        with ui.row().classes("w-full items-center no-wrap"):
            ui.label("Throttle cap").classes("text-h6").props("role=heading aria-level=2")
            self.info.button("Throttle cap", ABOUT_CAP)
            ui.space()
            self.cap = ui.label().classes("car-cap")
        # Not NiceGUI's slider: whatever else changes on the page would fight with whoever is moving it.
        self.slider = ui.element("cap-slider").on(
            "change", lambda event: self._set_cap(float(event.args)), js_handler="(e) => emit(e.target.value)"
        )
        self.cap_note = ui.label().classes("soft").props("role=status")

    def update(self, car: dict[str, Any]) -> None:
        """Show what is known of the car now."""
        silence = self.link.silence
        is_driving = car["state"] == "active" and not car["reason"]
        kind = "is-silent" if silence else "is-active" if is_driving else f"is-{car['state']}"
        self.dot.classes(replace=f"car-dot {kind}")
        stands = car["state"] == "active" and car["reason"]
        self.state.text = (
            f"Has not answered for {silence:.0f} s" if silence
            else "Started, but stands" if stands
            else READY.get(car["state"], car["state"])
        )  # fmt: skip
        self._say(self.reason, f"Because: {car['reason']}" if stands and not silence else "")
        self._say(self.words, f"The car says: {car['words']}" if car["words"] else "")
        others = (
            f"There is another inference node: {', '.join(self.link.others)}." if self.link.others else ""
        )
        self._say(self.note, " ".join(filter(None, (self.link.note, others))))
        can_start = car["state"] != "active" and not silence and not self.is_waiting
        self.start.set_visibility(car["state"] != "active")
        self.start.set_enabled(can_start)
        self.reset.set_visibility(bool(stands) and car["reason"].startswith("emergency"))
        self.spinner.set_visibility(self.is_waiting)
        self._update_cap(car)
        self._update_facts(car)
        data, words, _, taken = self.link.picture
        age = time.monotonic() - taken
        missing = "" if data and age < NO_PICTURE else words or "No picture: does the camera send?"
        self._say(self.no_picture, missing)

    def _update_cap(self, car: dict[str, Any]) -> None:
        cap = car.get("cap")
        is_known = cap is not None and bool(car["cap_limits"])
        self.slider.set_visibility(is_known)
        if not is_known or self.wished is not None:
            return
        self.cap.text = f"{cap:.2f}"
        low, high = car["cap_limits"]
        shown = {"data-min": low, "data-max": high, "data-value": cap}
        if self.shown_cap != shown:  # else somebody may be moving the slider
            self.shown_cap = shown
            self.slider.props.update(shown)
            self.slider.update()

    def _update_facts(self, car: dict[str, Any]) -> None:
        facts = [("Node", car["name"]), ("ROS domain", str(self.link.domain))]
        if model := car.get("model"):
            facts.append(("Model", PurePosixPath(model).name if model else "none"))
        facts += [(title, car["figures"][name]) for name, title in FIGURES.items() if name in car["figures"]]
        if facts == self.shown_facts:
            return
        self.shown_facts = facts
        self.facts.clear()
        with self.facts:
            for name, value in facts:
                with ui.element("div"):
                    ui.label(name).classes("soft")
                    ui.label(value)

    @staticmethod
    def _say(label: ui.label, text: str) -> None:
        label.text = text
        label.set_visibility(bool(text))

    async def _ask_to_start(self) -> None:
        """Start, after a question the first time on this page."""
        if not self.has_confirmed:
            cap = (self.link.car or {}).get("cap")
            with ui.dialog() as dialog, ui.card().classes("car-form"):
                ui.label("Start the car?").classes("text-h6").props("role=heading aria-level=2")
                ui.label("Its wheels are off the ground, or it has space; and a hand is near its switch.")
                ui.label(f"Throttle cap: {cap:.2f}" if cap is not None else "Its cap is not known.").classes(
                    "car-cap"
                )
                with ui.row().classes("w-full justify-end"):
                    ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat no-caps autofocus")
                    ui.button("Start driving", on_click=lambda: dialog.submit(True)).props(
                        "unelevated no-caps"
                    )
            wanted = await dialog
            dialog.delete()
            if not wanted:
                return
            self.has_confirmed = True
        await self._ask("start")

    async def _reset(self) -> None:
        await self._ask("reset")

    async def _set_cap(self, wanted: float) -> None:
        """Ask for a cap; of several that are wished meanwhile only the last one is asked for."""
        is_asking, self.wished = self.wished is not None, wanted
        while self.wished is not None and not is_asking:
            wanted = self.wished
            self.cap_note.text = f"Asking the car for {wanted:.2f} ..."
            done, words = await self._ask("cap", wanted)
            if self.wished == wanted:
                self.wished = None
                self.cap_note.text = "" if done else f"The car has refused {wanted:.2f}: {words}"
                if not done:
                    self.slider.run_method("show")  # what the car has

    async def _ask(self, what: str, value: float = 0.0) -> tuple[bool, str]:
        self.is_waiting, self.fault.text = True, ""
        try:
            done, words = await self.link.ask(what, value)
        finally:
            self.is_waiting = False
        if not done and what != "cap":
            self.fault.text = words
        return done, words
