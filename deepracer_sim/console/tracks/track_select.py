"""A field in which one of the garage's tracks is chosen."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.tracks.kept_tracks import kept_tracks
from deepracer_sim.errors import TrackError
from deepracer_sim.track_drawing import RANDOM


class TrackSelect:
    """The field: built-in tracks, the model's own, imported ones, and one made up from a seed.

    Args:
        garage: that has them.
        own: the model's; the first one is chosen.
    """

    def __init__(self, garage: Garage, own: tuple[str, ...]) -> None:
        self._garage, self._own = garage, own
        self._field = ui.select(_titles(own), value=own[0], label="Track", with_input=True)
        self._field.on_value_change(self._changed)
        self._field.props("outlined dense options-dense").classes("w-full")
        self._seed = ui.number("Seed of the track", value=0, min=0, max=2**31 - 1, precision=0)
        self._seed.props("outlined dense").classes("w-full").set_visibility(False)

    async def fill(self) -> None:
        """Offer the other tracks too."""
        builtin = await self._garage.shapes.builtin()
        try:
            kept = [str(path) for path in await to_thread(kept_tracks, self._garage.tracks)]
        except TrackError:
            kept = []
        if self._field.is_deleted:
            return
        titles = _titles((*self._own, *builtin, *kept))
        self._field.set_options({**titles, RANDOM: "made up from a seed"}, value=self._field.value)

    def _changed(self) -> None:
        self._seed.set_visibility(self._field.value == RANDOM)

    @property
    def value(self) -> str:
        """The track, as settings have it."""
        if self._field.value == RANDOM:
            return f"{RANDOM}{int(self._seed.value or 0)}"
        return str(self._field.value or "")


def _titles(names: Sequence[str]) -> dict[str, str]:
    return {name: Path(name).stem if name.endswith((".npy", ".yaml", ".yml")) else name for name in names}
