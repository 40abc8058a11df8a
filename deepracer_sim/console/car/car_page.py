"""Page: Car."""

from __future__ import annotations

import time

from fastapi import Response
from nicegui import app, ui

from deepracer_sim.console.car import car_stop
from deepracer_sim.console.car.car_link import ALONE, CarLink, make_link
from deepracer_sim.console.car.car_panel import CarPanel
from deepracer_sim.console.frame import Info, frame
from deepracer_sim.console.garage import Garage

LOOK = 0.25
"""Seconds between two looks at what is known of the car."""
STALE = 2.0
"""Seconds after which the last picture is no longer shown."""
ABOUT_SETUP = """
A model drives a real car by its **inference node**, `inference_node`. This page finds it over ROS 2, in the
same network, under the same `ROS_DOMAIN_ID`.

1. Put the car on a stand, its wheels in the air.
2. Bring the model onto the car: `deepracer car deploy USER@ADDRESS MODEL`. It installs the node, which
   starts with the car and is **inactive** then.
3. Start this console with ROS 2 at hand: in a workspace that has been sourced, or after `make ros`; with
   the car's `ROS_DOMAIN_ID` in its environment.

To try it without a car: `ros2 launch deepracer_sim car_in_simulation.launch.py model:=FOLDER
sim:=embedded`.

All of it, step by step, is in *On the car*: `docs/car.md`.
"""
ABOUT_STOP = f"""
**Stop** tells the car's node to drive no more, and waits for its word that it stands. The button is on
every page of the console while the car drives; Escape does the same. If the car does not confirm within a
second, this is said in red: then switch it off by hand.

**If this console ends or crashes,** a car that was started here is stopped: by the console, or by the
process beside it that speaks ROS. **If the last page of the console is closed,** or loses its connection,
it is stopped {ALONE:g} seconds later. A car that others have started is left to them.

**If this computer hangs, or the network is gone,** nobody here can stop the car, and it goes on: it drives
by its own camera and computer. What it watches itself: pictures that stop coming, come late or repeat
themselves; a network that is too slow or says nonsense; a second camera. Any of these stops it within
fractions of a second. A joystick's button that must be held is the best protection (`joy_topic`).

**If the car's node is killed,** AWS's servo node keeps the last command on; ours stops the wheels after 0.1
s.

So keep a hand near the car, and know where its switch is.
"""


def add(garage: Garage) -> None:
    """Register the page, and the stop button on all pages."""
    link = make_link()
    car_stop.add(link)

    @app.get("/car/picture")
    async def picture(after: int = 0) -> Response:
        data, _, number, taken = link.picture
        if number <= after or not data or time.monotonic() - taken > STALE:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        headers = {"Cache-Control": "no-store", "X-Picture": str(number)}
        return Response(data, media_type="image/jpeg", headers=headers)

    @ui.page("/car")
    async def page() -> None:
        ui.add_head_html('<script defer src="/static/car.js"></script>')
        client = ui.context.client
        client.on_connect(lambda: link.enter(client.id))
        client.on_disconnect(lambda: link.leave(client.id))
        client.on_delete(lambda: link.leave(client.id))
        with frame("Car", "Car") as info:
            _CarPage(link, info).show()


class _CarPage:
    def __init__(self, link: CarLink, info: Info) -> None:
        self.link, self.info = link, info

    def show(self) -> None:
        self.absent = ui.element("div").classes("card car-absent")
        with self.absent:
            ui.icon("sensors_off", size="2.5rem").classes("soft")
            ui.label("Not connected").classes("text-h6").props("role=heading aria-level=2")
            self.reason = ui.label().classes("soft").props("role=status")
            with ui.element("ol").classes("car-steps"):
                ui.label("Start the inference node on the car, its wheels in the air.").props("role=listitem")
                ui.label("Have car and console in one network.").props("role=listitem")
                self.domain = ui.label().props("role=listitem")
            ui.button(
                "How to connect a car", on_click=lambda: self.info.show("Connecting a car", ABOUT_SETUP)
            ).props("flat no-caps")
            self.again = ui.button("Look again", icon="refresh", on_click=self._again).props("flat no-caps")
        self.panel = CarPanel(self.link, self.info, ABOUT_STOP)
        self._look()
        ui.timer(LOOK, self._look)

    def _again(self) -> None:
        self.link.enter(ui.context.client.id)

    def _look(self) -> None:
        link = self.link
        self.absent.set_visibility(link.car is None)
        self.panel.place.set_visibility(link.car is not None)
        if link.car is not None:
            self.panel.update(link.car)
            return
        self.again.set_visibility(bool(link.fault))
        if link.fault:
            self.reason.text = f"{link.fault}."
        elif link.others:
            self.reason.text = (
                f"There is more than one car: {', '.join(link.others)}. Give each a ROS_DOMAIN_ID of its own."
            )
        else:
            self.reason.text = "Looking for an inference node ..."
        number = "its own" if link.domain is None else f"{link.domain} here"
        self.domain.text = f"Give both the same ROS_DOMAIN_ID; it is {number}."
