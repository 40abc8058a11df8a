"""From a sweep's file to its results."""

from __future__ import annotations

from pathlib import Path

from deepracer_sim.errors import RunError
from deepracer_sim.sweep import cluster
from deepracer_sim.sweep.parallel_coordinates import save_parallel_coordinates
from deepracer_sim.sweep.results import Result, read_results
from deepracer_sim.sweep.sweep_file import read_sweep
from deepracer_sim.sweep.sweep_folder import PICTURE, SweepFolder
from deepracer_sim.sweep.sweep_line import SweepLine
from deepracer_sim.sweep.sweep_run import SweepRun
from deepracer_sim.sweep.trial import Trial, check_trials, trials_of

SWEEPS = Path("sweeps")


def run_sweep(
    file: Path, folder: Path | None = None, address: str | None = None, cores: int | None = None
) -> tuple[Path, list[Result]]:
    """Train what is unfinished of a sweep; write its table and picture.

    Args:
        file: the sweep's YAML, see `SweepSettings`.
        folder: for the results; by default one under sweeps/ with the sweep's name.
        address: host:port of a Ray cluster's head; this machine's cores if absent.
        cores: of this machine to use; all if absent.

    Returns:
        The folder, and a result for each trial, in the trials' order.

    Raises:
        DeepRacerError: something in the file is not valid, found before anything has started; the folder is
            another sweep's or cannot be written; or there is no such cluster.
        KeyboardInterrupt: Ctrl-C; all finished iterations are saved, and the same call goes on.
    """
    name, settings = read_sweep(file)
    trials = trials_of(file, settings)
    check_trials(trials)
    with SweepFolder.opened(folder or SWEEPS / name) as opened:
        opened.refuse_changed(trials)
        if opened.unfinished(trials):
            results = _train(opened, trials, address, cores)
        else:
            results = read_results(opened, trials)
        save_parallel_coordinates(results, opened.path / PICTURE)
    return opened.path, results


def _train(folder: SweepFolder, trials: list[Trial], address: str | None, cores: int | None) -> list[Result]:
    line = SweepLine(len(trials))
    left = len(folder.unfinished(trials))
    done = f", {len(trials) - left} of them have ended already" if left < len(trials) else ""
    with cluster.opened(address, cores) as ray:
        if address is not None:
            cluster.check_nodes(ray)
        cluster.check_resources(ray, [trial.definition.settings for trial in trials])
        total = sum(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
        line.note(f"{len(trials)} trials{done}; training on {total:g} cores, into {folder.path}")
        try:
            return SweepRun(ray, folder, trials, line, is_local=address is None).run()
        except ray.exceptions.RayError as error:
            raise RunError(
                f"the Ray cluster was lost: {cluster.reason_of(error)}; all finished iterations are saved, "
                "and the same command goes on"
            ) from error
        except KeyboardInterrupt:
            left = len(folder.unfinished(trials))
            raise KeyboardInterrupt(
                f"{len(trials) - left} of {len(trials)} trials have ended, all finished iterations of the "
                "others are saved"
            ) from None
