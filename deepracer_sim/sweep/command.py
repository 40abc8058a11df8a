"""The `deepracer sweep` command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import tyro


def sweep(
    file: tyro.conf.Positional[Path],
    folder: Path | None = None,
    address: str | None = None,
    cores: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
) -> None:
    """Train many variants: reward functions, hyperparameters, tracks, seeds; on all cores or a Ray cluster.

    Ctrl-C ends a sweep with all finished iterations saved; the same command goes on and trains nothing twice.

    Args:
        file: YAML with `base`, the settings of all trainings as in a model's file; `vary`, lists of values by
            settings' names as in ppo.lr, of which every combination is trained; `draw`, lists or ranges, of
            which `samples` combinations are drawn; and `seeds`, how many or a list.
        folder: for the results; by default one under sweeps/ with the sweep's name.
        address: host:port of a Ray cluster's head; by default this machine's cores are used.
        cores: of this machine to use; all by default.
    """
    from deepracer_sim.errors import RunError
    from deepracer_sim.sweep.results import best_of, format_results
    from deepracer_sim.sweep.sweep_folder import PICTURE, RESULTS, TRIALS
    from deepracer_sim.sweep.sweeping import run_sweep

    try:
        path, results = run_sweep(file, folder, address, cores)
    except KeyboardInterrupt as stop:
        options = {"--folder": folder, "--address": address, "--cores": cores}
        words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
        again = shlex.join(["deepracer", "sweep", str(file), *words])
        raise KeyboardInterrupt(*(f"{part}; to go on: {again}" for part in stop.args)) from None
    print(format_results(results))
    if not any(result.state == "finished" for result in results):
        raise RunError(
            f"all trials failed, the first one by this: {results[0].message}; see {path / RESULTS}"
        )
    best = best_of(results)
    if best is not None:
        run = shlex.quote(str(path / TRIALS / best.trial.name))
        print(f"\nThe best trial is {best.trial.name}; drive it with: deepracer evaluate {run}")
    print()
    print(path / RESULTS)
    print(path / PICTURE)
