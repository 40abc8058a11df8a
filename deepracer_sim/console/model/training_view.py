"""What the page of a model shows of its training: figures, how it learns, the cars, the camera."""

from __future__ import annotations

import math
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.frame import Info
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.learning_chart import LearningChart
from deepracer_sim.console.model.model_state import ModelState
from deepracer_sim.console.model.run_metrics import Row, judged, seconds_left, speed
from deepracer_sim.console.tracks.track_shapes import TrackShape, svg
from deepracer_sim.errors import TrackError
from deepracer_sim.garage.model_table import percent
from deepracer_sim.garage.stored_model import Status

NONE = "\N{EN DASH}"
"""In place of a figure that there is not."""
CHART_SECONDS = 2
"""Between two drawings of the chart: each goes to every browser as a whole."""
FIGURES = (
    "Iteration",
    "Steps",
    "Steps/s",
    "Time",
    "Left",
    "Completion",
    "Best lap",
    "Entropy",
)
ABOUT = """
Above: the mean **reward** of the episodes that ended in each iteration. Rewards of two reward functions
cannot be compared; what counts is whether the curve rises.

Below: how much of the lap the cars drive, in percent. **In training** they try actions out, begin anywhere
on the track and are often put back, so this stays lower. **In evaluation** they drive as well as they can,
whole laps, on cars and pictures drawn at random.

The diamond is the policy that **drives**: the one of the best evaluation, unless you have chosen another.

**Steps** are pictures that were answered with an action, of all cars together; **steps/s** is over the last
ten iterations.

**Left** is the longest that it can take. With a target, training ends earlier: as soon as every lap of two
evaluations in a row was clean.

**Completion** and **best lap** are of the best evaluation during this training.

**Entropy** says how undecided the policy is. It begins at the logarithm of the number of actions and falls
while the car learns; where it falls to zero early, the car has stopped trying anything new.
"""


class TrainingView:
    """The figures, the chart and the live view of a model's page.

    Args:
        garage: of the model.
        info: the page's pane.
        name: of the model.
    """

    def __init__(self, garage: Garage, info: Info, name: str) -> None:
        self._garage, self._name = garage, name
        self._drawn = 0
        with ui.element("div").classes("model-figures"):
            self._figures = {figure: _figure(figure) for figure in FIGURES}
        with ui.element("div").classes("model-columns"):
            with ui.element("div").classes("card"):
                with ui.row().classes("model-card-head no-wrap"):
                    ui.label("How it learns").classes("model-card-title")
                    info.button("How it learns", ABOUT)
                self._chart = LearningChart()
            with ui.element("div").classes("card"):
                self._live = LiveCard(garage, info)

    def show(self, state: ModelState) -> None:
        """Show how a model stands."""
        for name, text in figures_of(state).items():
            self._figures[name].text = text
        self._drawn = (self._drawn + 1) % CHART_SECONDS
        if self._drawn or state.status is not Status.TRAINING:
            drives = state.drives
            is_here = drives is not None and state.runs and drives.run == state.runs[-1]
            self._chart.show(state.rows, drives.iteration if drives and is_here else None)
        self._live.show(state)

    async def draw_track(self, state: ModelState) -> None:
        """Draw the first track, which may have to be looked up."""
        await self._live.draw_track(state.settings.track)


class LiveCard:
    """The track from above with its cars, and the picture of the first one's camera."""

    def __init__(self, garage: Garage, info: Info) -> None:
        self._garage = garage
        self._tracks: tuple[str, ...] = ()
        with ui.row().classes("model-card-head no-wrap"):
            ui.label("On the track").classes("model-card-title")
            self._choice = ui.select([], on_change=self._choose).props("dense outlined options-dense")
            self._choice.props("aria-label=Track").set_visibility(False)
            info.button("On the track", ABOUT_LIVE)
        with ui.element("div").classes("live-ground"):
            self._ground = ui.element("div")
            self._cars = ui.element("live-cars").props("role=img aria-label='The cars, from above'")
        with ui.element("div").classes("live-below"):
            self._camera = ui.element("live-camera").props("role=img aria-label='Picture of the camera'")
            with ui.element("div").classes("live-words"):
                with ui.row().classes("items-center no-wrap gap-0"):
                    ui.element("span").classes("live-mark")
                    ui.label("The marked car's camera, as its policy sees it")
                self._words = ui.label()

    def show(self, state: ModelState) -> None:
        """Connect while the model trains."""
        is_live = state.status is Status.TRAINING
        for element in (self._cars, self._camera):
            name = state.model.name if is_live else ""
            if element.props.get("model", "") != name:
                element.props["model"] = name
                element.update()
        count = state.settings.num_cars
        self._words.text = (
            f"{count} car{'s' if count > 1 else ''}; they stand still while the policy learns from them"
            if is_live
            else "The cars appear while it trains."
        )

    async def draw_track(self, tracks: tuple[str, ...]) -> None:
        """Draw the first of the tracks, and let the others be chosen."""
        self._tracks = tracks
        if len(tracks) > 1:
            self._choice.set_options({index: Path(name).stem for index, name in enumerate(tracks)}, value=0)
            self._choice.set_visibility(True)
        await self._draw(0)

    async def _choose(self) -> None:
        if self._choice.value is not None:
            await self._draw(int(self._choice.value))

    async def _draw(self, index: int) -> None:
        try:
            shape: TrackShape | None = await self._garage.shapes.of(self._tracks[index])
            fault = ""
        except (TrackError, BrokenProcessPool) as error:
            shape, fault = None, str(error)
        if self._ground.is_deleted:
            return
        self._ground.clear()
        with self._ground:
            if shape is None:
                ui.label(fault).classes("bad model-words")
            else:
                ui.html(svg(shape), sanitize=False).style("height: 100%")
                self._cars.props["box"] = " ".join(f"{value:.3f}" for value in shape.box)
                self._cars.props["track"] = str(index)
                self._cars.update()


ABOUT_LIVE = """
The cars where they are now, ten times a second, and what the first one's camera sees. Simulation runs
faster than the clock, so they seem to race. Now and then they stand still: the policy learns from what they
have done, or it is being evaluated on other cars.

At most 256 cars are shown.
"""


def _figure(name: str) -> ui.label:
    with ui.element("div").classes("model-figure"):
        ui.label(name).classes("model-figure-name")
        return ui.label(NONE).classes("model-figure-value").props(f"aria-label='{name}'")


def figures_of(state: ModelState) -> dict[str, str]:
    """Return the figures in words."""
    rows, stop = state.rows, state.settings.stop
    last: Row = rows[-1] if rows else {}
    best = max((one.completion for one in judged(rows)), default=math.nan)
    laps = [one.lap_time for one in judged(rows) if one.lap_time > 0]
    is_training = state.status is Status.TRAINING
    left = seconds_left(stop, rows) if is_training else math.nan
    texts = (
        f"{last['iteration']:.0f}" if rows else "",
        f"{last['samples']:,.0f}" if rows else "",
        f"{speed(rows):,.0f}" if rows and not math.isnan(speed(rows)) else "",
        clock(last["seconds"]) if rows else "",
        "" if math.isnan(left) else f"{'< ' if stop.target else ''}{clock(left)}",
        "" if math.isnan(best) else percent(best),
        f"{min(laps):.2f} s" if laps else "",
        f"{last['entropy']:.2f}" if rows else "",
    )
    return {name: text or NONE for name, text in zip(FIGURES, texts, strict=True)}


def clock(seconds: float) -> str:
    """Return minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
