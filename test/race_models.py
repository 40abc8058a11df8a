"""Models that steer by one angle for ever, and races for them on a circle of 1 m: a lap is 2 pi metres."""

from __future__ import annotations

import json
import math

from onnx_models import metadata, network_bytes

from deepracer_sim.car import WHEELBASE
from deepracer_sim.races.entering import enter
from deepracer_sim.races.entry import Drive, DrivenLap, Entry
from deepracer_sim.races.race_creation import create_race
from deepracer_sim.races.rules import RaceRules

CIRCLING = math.degrees(math.atan(WHEELBASE))
"""The angle that leads around a circle of 1 m, degrees."""


def write_bundle(folder, angle=CIRCLING, speed=1.0, onnx=None):
    """Write a bundle with one action; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = metadata(1)
    content["action_space"] = [{"steering_angle": angle, "speed": speed}]
    shape = ("batch", 24, 32, 1)
    (folder / "model.onnx").write_bytes(onnx or network_bytes(shape=shape, probabilities=(1.0,)))
    (folder / "model_metadata.json").write_text(json.dumps(content))
    return folder


def make_race(folder, track, name="cup", **rules):
    return create_race(folder / name, RaceRules(**{"track": str(track), "laps": 1, **rules}))


def enter_circling(race, folder, racer, speed=1.0, angle=CIRCLING):
    return enter(race, str(write_bundle(folder / racer, angle, speed)), racer)


def drive_of(*times, resets=0, laps=3, ending=None, distance=None):
    """A drive of given lap times; the resets are in the first lap."""
    counts = [resets, *[0] * len(times)]
    return Drive(
        laps=tuple(DrivenLap(time=time, resets=count) for time, count in zip(times, counts, strict=False)),
        resets=resets,
        distance=float(len(times)) if distance is None else distance,
        ending=ending or ("finished" if len(times) == laps else "off_track"),
    )


def entry_of(number, racer, *times, **drive):
    return Entry(
        number=number,
        racer=racer,
        model="model",
        submitted=f"2026-01-01T00:00:{number:02d}Z",
        sha256="0" * 64,
        drive=drive_of(*times, **drive),
    )
