"""The `deepracer analyze` command; apart from the analysis, which needs packages of its own."""

from __future__ import annotations

from pathlib import Path

import tyro


def analyze(run: tyro.conf.Positional[Path], output: Path | None = None) -> None:
    """Write a report of a run or an evaluation: one HTML page that needs nothing else.

    Args:
        run: run folder, a model's name, or the folder of an evaluation; a training may be at work in it.
        output: .html file to write; by default report.html in that folder.
    """
    from deepracer_sim.analysis import write_report
    from deepracer_sim.garage.model_store import find_policy

    print(write_report(find_policy(run), output))
