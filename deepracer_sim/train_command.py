"""`deepracer train`: its options have the defaults of a profile, a simulator, or the run that goes on."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from deepracer_sim.command_options import Command
from deepracer_sim.errors import SettingError
from deepracer_sim.garage.making_commands import train_file
from deepracer_sim.profiles import PROFILES, for_gazebo
from deepracer_sim.settings import TrainSettings, tyre_fault

RUNS = Path("runs")


def train_command(words: Sequence[str]) -> Command:
    """Return the `train` subcommand with the defaults of a profile, or of the run that is to be resumed.

    Args:
        words: of the command line; only what the other options' defaults depend on is looked at.
    """
    early = argparse.ArgumentParser(prog="deepracer train", add_help=False, allow_abbrev=False)
    for name in ("--profile", "--world", "--num-cars"):
        early.add_argument(name, name.replace("-c", "_c"), nargs="?")
    early.add_argument("--resume", type=Path, nargs="?")
    given = early.parse_known_args(words)[0]
    profile = given.profile if given.profile in PROFILES else "fast"
    defaults = PROFILES[profile]() if given.resume is None else _settings_of(given.resume)
    if given.resume is None and given.world == "gazebo":
        num_cars = given.num_cars or ""
        defaults = for_gazebo(defaults, int(num_cars) if num_cars.isdecimal() else None)

    def train(
        settings: Annotated[TrainSettings, tyro.conf.arg(name="")] = defaults,
        profile: Literal["fast", "aws"] = profile,  # type: ignore[assignment]
        run: Path | None = None,
        resume: Path | None = None,
        clone: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
        gui: bool = False,
        file: Annotated[Path | None, tyro.conf.arg(aliases=["-f"])] = None,
        store: Path | None = None,
    ) -> None:
        """Train a car from its camera.

        Ctrl-C ends a training with all its finished iterations saved and its best model exported; the exit
        code is then 130. It is 2 after an error.

        Args:
            settings: of the run.
            profile: which defaults the other options have: ours, or those of the AWS console.
            run: folder to write; by default one under runs/ named by the time.
            resume: run folder to go on with exactly where it stopped; only --stop options may be added.
            clone: run folder or checkpoint whose weights are the start.
            gui: show Gazebo's window.
            file: YAML of a model, in place of all other options: it is made in the store and trained there.
            store: folder of the models, for --file.
        """
        if file is not None:
            if given.profile or run or resume or clone or settings != defaults:
                raise SettingError(f"--file takes all settings from {file}: change them there")
            train_file(file, store, gui)
            return
        if store is not None:
            raise SettingError(f"--store={store}: is for --file, whose model is kept there; a run has --run")
        from deepracer_sim import training_run
        from deepracer_sim.other_simulator import open_for_training
        from deepracer_sim.progress_line import ProgressLine

        path = resume or run or RUNS / time.strftime("%Y-%m-%d_%H-%M-%S")
        if resume and (given.profile or run or clone or settings.replaced(stop=defaults.stop) != defaults):
            raise SettingError(
                f"--resume goes on with {path}'s own settings: only --stop options can be added. "
                f"To train on with others, use --from {path}"
            )
        if settings.world == "gazebo" and not resume and (fault := tyre_fault(settings.car)):
            raise SettingError(fault)
        with ProgressLine(settings) as line, open_for_training(settings, gui, line.note) as simulator:
            if resume:
                training_run.resume(path, settings.stop, line, simulator)
            else:
                training_run.start(settings, path, clone, line, simulator)
        way = " --world gazebo" if settings.world == "gazebo" else ""
        print(f"The run is in {path}; drive it with: deepracer evaluate {path}{way}")

    return train


def _settings_of(run: Path) -> TrainSettings:
    from deepracer_sim.run_folder import RunFolder

    return RunFolder.open(run).settings
