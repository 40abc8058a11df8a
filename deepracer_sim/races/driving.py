"""Driving an entry: from its bundle alone, and with the same laps every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from deepracer_inference.model_bundle import METADATA_FILE, MODEL_FILE
from deepracer_inference.policy import PolicyError
from deepracer_sim.errors import RaceError
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.evaluation_report import to_json
from deepracer_sim.evaluation_run import Model, evaluate_model, load_model
from deepracer_sim.races.entry import Drive, DrivenLap
from deepracer_sim.races.rules import RaceRules
from deepracer_sim.simulation import Course

DICE = {"Bernoulli", "Multinomial"} | {
    f"Random{kind}{like}" for kind in ("Normal", "Uniform") for like in ("", "Like")
}
LOOPS = {"Loop", "Scan"}
"""ONNX's operators that give something else each time, and those that may never end."""


def load_entry(folder: Path) -> Model:
    """Load a bundle for a race.

    Raises:
        DeepRacerError: it is damaged, does not fit the car, draws at random, or has loops.
    """
    _check_operators(folder / MODEL_FILE)
    return load_model(folder)


def _check_operators(file: Path) -> None:
    """Refuse a network before it runs whose laps could not be driven again, or would never end."""
    try:
        model = onnx.load_model_from_string(file.read_bytes())
    except (OSError, DecodeError) as error:
        raise RaceError(f"{file.name} cannot be read: {error}") from error
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    used = {name for body in bodies for name in _operators(body)}
    if found := sorted(used & (DICE | LOOPS)):
        why = "draws at random" if used & DICE else "may never end"
        raise RaceError(f"{file.name} {why} ({', '.join(found)}): export the network without it")


def drive(model: Model, rules: RaceRules, course: Course) -> Evaluation:
    """Drive a model under a race's rules; the number of threads does not change the laps.

    Raises:
        RaceError: the network's output cannot be driven by.
    """
    try:
        with _one_thread():
            return evaluate_model(model, rules.evaluation(), course)
    except PolicyError as error:
        raise RaceError(f"the model cannot be driven: {error}") from error


def judged(evaluation: Evaluation) -> Drive:
    """Return the laps of an evaluation's car as a race counts them."""
    run = to_json(evaluation)["runs"][0]
    laps = tuple(DrivenLap(time=lap["time"], resets=lap["resets"]) for lap in run["laps"])
    return Drive(laps=laps, resets=run["resets"], distance=run["laps_driven"], ending=run["ending"])


def digest(folder: Path) -> str:
    """Return the SHA-256 of a bundle: of model.onnx followed by model_metadata.json."""
    content = (folder / MODEL_FILE).read_bytes() + (folder / METADATA_FILE).read_bytes()
    return hashlib.sha256(content).hexdigest()


def _operators(nodes: object) -> Iterator[str]:
    """Name the operators of nodes and of the graphs inside them."""
    for node in nodes:  # type: ignore[attr-defined]
        yield node.op_type
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _operators(graph.node)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
