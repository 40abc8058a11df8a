"""A simulator in place of the embedded one, for a training or an evaluation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from deepracer_sim.errors import SettingError
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.racing_env import Outcome
from deepracer_sim.settings import EvaluateSettings, TrainSettings
from deepracer_sim.simulation import Course
from deepracer_sim.world import World

if TYPE_CHECKING:
    from deepracer_sim.evaluation_run import Model


@dataclass(frozen=True)
class OtherSimulator:
    """A simulator in place of the embedded one.

    Attributes:
        world: of as many cars as the settings say.
        on_step: called with the actions and the outcome of each step, in evaluations too.
    """

    world: World
    on_step: Callable[[Tensor, Outcome], None] = lambda actions, outcome: None


def print_note(text: str) -> None:
    """Tell the user something that is no error."""
    print(f"deepracer: {text}", file=sys.stderr)


def open_for_training(
    settings: TrainSettings, gui: bool = False, note: Callable[[str], None] = print_note
) -> AbstractContextManager[OtherSimulator | None]:
    """Return the simulator that a training's settings name, open until the end of its context.

    Args:
        settings: of the training.
        gui: show its window.
        note: told when it was lost and is started again.

    Returns:
        Within its context it is None for the embedded simulator, and for one behind ROS.

    Raises:
        GazeboError: Gazebo is not installed, does not start, or cannot have so many cars.
        SettingError: a simulator without a window is to show one.
    """
    fleet = Fleet(settings.num_cars, settings.camera, settings.car)
    return _opened(settings.world, lambda: Course.load(settings.track), fleet, gui, note)


def open_for_evaluation(
    settings: EvaluateSettings, model: Model, course: Course, gui: bool = False
) -> AbstractContextManager[OtherSimulator | None]:
    """Return the simulator that an evaluation's settings name; see `open_for_training`."""
    car = model.settings.car.replaced(latency=settings.latency)
    fleet = Fleet(settings.cars, model.camera, car)
    return _opened(settings.world, lambda: course, fleet, gui, print_note)


@contextmanager
def _opened(
    world: str, load: Callable[[], Course], fleet: Fleet, gui: bool, note: Callable[[str], None]
) -> Iterator[OtherSimulator | None]:
    if world != "gazebo":
        if gui:
            raise SettingError(f"--gui: the {world} simulator has no window; Gazebo has one: --world gazebo")
        yield None
        return
    from deepracer_sim.gazebo.track_server import open_world

    with closing(open_world(load(), fleet, gui)) as gazebo:
        gazebo.note = note
        yield OtherSimulator(gazebo)
