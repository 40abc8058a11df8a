"""The heat map of a reward on the page, with its scale."""

from __future__ import annotations

from nicegui import ui

from deepracer_sim.console.create.reward_check import RewardMap
from deepracer_sim.console.create.reward_drawing import draw_reward, gradient, scale_of
from deepracer_sim.console.tracks.track_shapes import TrackShape


class RewardMapView:
    """A track with the reward of each place."""

    def __init__(self) -> None:
        with ui.column().classes("w-full gap-2 reward-map"):
            self._picture = ui.html("", sanitize=False).classes("w-full reward-picture")
            with ui.row().classes("w-full items-center no-wrap gap-2 heat-legend") as self._legend:
                self._low = ui.label()
                with ui.element("div").classes("heat-scale") as self._bar:
                    self._zero = ui.label("0").classes("heat-zero")
                self._high = ui.label()
            self._text = ui.label().classes("soft")
        self._legend.set_visibility(False)

    def say(self, text: str) -> None:
        """Show a text in place of a map that is no longer true."""
        self._picture.classes(add="is-stale")
        self._text.text = text

    def show(self, shape: TrackShape, reward_map: RewardMap) -> None:
        """Draw a map.

        Args:
            shape: of its track.
            reward_map: of the rewards.
        """
        self._picture.content = draw_reward(shape, reward_map)
        self._picture.classes(remove="is-stale")
        scale = scale_of(reward_map)
        self._legend.set_visibility(scale is not None)
        if scale is not None:
            self._low.text, self._high.text = f"{scale.low:.3g}", f"{scale.high:.3g}"
            self._bar.style(f"background:{gradient(scale)}")
            self._zero.set_visibility(scale.low < 0 <= scale.high)
        text = (
            f"Driving straight along the road of {shape.title or shape.name} at {reward_map.speed:.3g} m/s."
        )
        fault = f" Some places are missing: {reward_map.fault}" if reward_map.fault else ""
        self._text.text = text + fault
