from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from driven_circle import circle_evaluation

from deepracer_sim.evaluation import CarRun, Ending, Evaluation, Lap
from deepracer_sim.evaluation_report import best_lap, format_table, to_json
from deepracer_sim.racing_env import Status

OFF = Status.OFF_TRACK


def evaluation() -> Evaluation:
    runs = (
        CarRun(
            "oval", 0.14, False, 3, 3.0, (Lap(8.5, 0), Lap(13.25, 1), Lap(8.25, 0)), (OFF,), Ending.FINISHED
        ),
        CarRun("bowtie", 12.5, True, 3, 1.5, (Lap(10.0, 0),), (OFF, Status.IMMOBILIZED), Ending.IMMOBILIZED),
        CarRun("oval", 3.0, False, 3, 0.999, (), (), Ending.TIME_UP),
    )
    return Evaluation(runs, circle_evaluation().trace)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_best_lap_includes_penalties():
    runs = evaluation().runs
    assert best_lap(runs) == 8.25 and best_lap(runs[1:]) == 10.0
    assert math.isnan(best_lap(runs[2:]))


def test_table_has_a_row_for_each_run():
    lines = format_table(evaluation()).splitlines()
    assert cells(lines[0])[:3] == ["track", "start m", "direction"] and set(lines[1]) == {"-"}
    first = [
        "oval",
        "0.14",
        "forward",
        "3/3",
        "100 %",
        "8.50",
        "13.25*",
        "8.25",
        "8.25",
        "1",
        "1",
        "finished",
    ]
    assert " ".join(lines[2].split()) == " ".join(first)
    # The second fault ended the run: one reset only, and one of the two faults was off the road.
    assert cells(lines[3]) == [
        "bowtie",
        "12.50",
        "reversed",
        "1/3",
        "50 %",
        "10.00",
        "10.00",
        "1",
        "1",
        "immobilized",
    ]
    # 99.9 % of a third is 33 %, and no lap, no time.
    assert cells(lines[4]) == ["oval", "3.00", "forward", "0/3", "33 %", "-", "-", "0", "0", "time up"]
    assert lines[5] == "* with the penalty of a reset"


def test_table_columns_are_aligned():
    lines = format_table(evaluation()).splitlines()
    assert lines[0].index("ended") == lines[2].index("finished") == lines[4].index("time up")


def test_summary_of_the_table():
    # Begun: 3, 2 and 1; clean: 2 and 1. Driven: (1 + 1/2 + 0.333) / 3. Clean times: 8.25, 8.5, 10.
    assert cells(format_table(evaluation()).splitlines()[-1]) == [
        "clean laps 3 of 6 (50 %)",
        "clean runs 0 of 3",
        "completion 61 %",
        "best lap 8.25 s",
        "median clean lap 8.50 s",
    ]


def test_almost_all_is_not_all():
    run = CarRun("oval", 0.0, False, 1, 0.9999, (), (), Ending.TIME_UP)
    assert " 99 % " in format_table(Evaluation((run,), circle_evaluation().trace))


def test_many_laps_are_shortened():
    run = CarRun("oval", 0.0, False, 40, 40.0, (Lap(9.0, 0),) * 40, (), Ending.FINISHED)
    row = format_table(Evaluation((run,), circle_evaluation().trace)).splitlines()[2]
    assert row.count("9.00") == 6 and "... 35 more" in row  # five laps, and the best


def test_json_is_strict_and_complete():
    report = to_json(evaluation(), model=Path("runs/a"), randomised=np.bool_(True), scale=np.float32(0.5))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert (report["model"], report["randomised"], report["scale"]) == ("runs/a", True, 0.5)
    assert report["summary"]["clean_runs"] == 0 and report["summary"]["runs"] == 3
    assert report["summary"]["begun_laps"] == 6
    assert report["summary"]["clean_lap_share"] == 0.5 and report["summary"]["median_clean_lap_time"] == 8.5
    first, second, third = report["runs"]
    assert first["laps"][1] == {"time": 13.25, "resets": 1, "is_clean": False}
    assert (first["track"], first["direction"], first["ending"]) == ("oval", "forward", "finished")
    assert second["faults"] == ["off_track", "immobilized"]
    assert (second["off_tracks"], second["resets"], second["ending"]) == (1, 1, "immobilized")
    assert second["completion"] == 0.5 and second["laps_driven"] == 1.5
    assert third["best_lap_time"] is None and third["laps"] == []


def test_json_has_null_for_what_is_not_a_number():
    report = to_json(evaluation(), nested={"values": [math.inf, np.nan, 1.0], "array": np.array((1, 2))})
    assert report["nested"] == {"values": [None, None, 1.0], "array": [1, 2]}
