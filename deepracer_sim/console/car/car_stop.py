"""The button that stops the car, on every page while it drives; it needs neither ROS nor a WebSocket."""

from __future__ import annotations

from fastapi.responses import JSONResponse
from nicegui import app, ui

from deepracer_sim.console.car.car_link import CarLink
from deepracer_sim.console.frame import EVERY_PAGE

HEAD = '<link rel="stylesheet" href="/static/car.css"><script defer src="/static/car_stop.js"></script>'


def add(link: CarLink) -> None:
    """Have every page show the button, and answer it."""

    @app.post("/car/stop")
    async def stop() -> JSONResponse:
        has_stopped, words = await link.stop()
        return JSONResponse({"stopped": has_stopped, "words": words})

    @app.post("/car/off")
    async def off() -> JSONResponse:
        link.dismiss()
        return JSONResponse({})

    EVERY_PAGE.append(lambda: _show(link))


def _show(link: CarLink) -> None:
    ui.add_head_html(HEAD)
    button = ui.element("car-stop")

    def show() -> None:
        shown = {"data-active": "true" if link.is_active else "false", "data-alarm": link.alarm}
        if {key: button.props.get(key) for key in shown} != shown:
            button.props.update(shown)
            button.update()

    show()
    link.changed.subscribe(show)
