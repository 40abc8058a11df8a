"""Reading run folders and evaluations as they are found: cut off, damaged, hardly begun."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("plotly")

from written_run import LENGTH, STEPS_A_LAP, Drive, write_evaluation, write_run, write_trace

from deepracer_sim.analysis import read_records
from deepracer_sim.analysis.report import render
from deepracer_sim.analysis.trace_file import read_trace
from deepracer_sim.errors import RunError, SettingError

LAP = Drive(STEPS_A_LAP)
OFF = Drive(15, "off_track", radius=1.5)


@pytest.fixture
def trace(tmp_path):
    """A file with one lap."""
    file = tmp_path / "3-iteration.csv"
    write_trace(file, [LAP])
    return file


def test_an_unfinished_last_line_is_left_out(trace):
    whole = trace.read_bytes()
    rows, problem = read_trace(trace)
    assert (len(rows), problem) == (STEPS_A_LAP + 1, None)
    trace.write_bytes(whole[:-30])
    rows, problem = read_trace(trace)
    assert (len(rows), problem) == (STEPS_A_LAP, None)


def test_lines_that_are_no_numbers_are_left_out_and_counted(trace):
    lines = trace.read_text().splitlines(keepends=True)
    lines[10] = lines[10].replace(",", ",x", 3)
    lines[20] = "0,1,2\n"
    lines[30] = ",".join(["1"] * 40) + "\n"
    lines[40] = "\x00\ufffd\n"
    trace.write_text("".join(lines))
    rows, problem = read_trace(trace)
    assert len(rows) == STEPS_A_LAP + 1 - 4
    assert problem == "4 damaged lines of 3-iteration.csv left out"
    assert rows["X"].dtype == np.float64


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", None),
        (b"episode,steps", None),
        (b"episode,steps\n1,2\n", "it has no column X, Y"),
        (b"\xff\xfe\x00\x01\n\n", "3-iteration.csv cannot be read"),
    ],
)
def test_a_file_that_is_no_trace_is_named(trace, content, problem):
    trace.write_bytes(content)
    rows, found = read_trace(trace)
    assert len(rows) == 0
    assert found is None if problem is None else problem in found


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    write_run(tmp_path, {})
    with pytest.raises(RunError, match=r"is neither a run folder .* nor an evaluation's; there is .*/run"):
        read_records(tmp_path)
    with pytest.raises(RunError, match="no such folder"):
        read_records(tmp_path / "nothing")


@pytest.mark.parametrize(
    "drives", [{}, {0: [OFF]}, {0: [Drive(1, "in_progress")]}, {0: [Drive(0, "prepare")]}]
)
@pytest.mark.parametrize("iterations", [(), (1,)])
def test_a_run_that_hardly_began_has_a_report(tmp_path, drives, iterations):
    run = write_run(tmp_path, drives, iterations)
    records = read_records(run.path)
    assert len(records.iterations) == len(iterations)
    assert len(records.episodes) == len(drives)
    assert "No lap was finished" in render(records) or not drives


def test_a_run_without_any_trace_says_so(tmp_path):
    run = write_run(tmp_path, {})
    shutil.rmtree(run.path / "training-simtrace")
    records = read_records(run.path)
    assert records.notes == ("nothing was traced yet: all that is of single steps and laps is missing",)
    assert len(records.iterations) == 2
    assert 'id="learning"' in render(records)


def test_a_cut_off_run_keeps_what_is_whole(tmp_path):
    run = write_run(tmp_path, {0: [OFF], 2: [LAP]}, iterations=(1, 2, 3))
    for name in ("metrics.csv", "training-simtrace/2-iteration.csv", "training-simtrace/episodes.csv"):
        content = (run.path / name).read_bytes()
        (run.path / name).write_bytes(content[:-7])
    records = read_records(run.path)
    assert list(records.iterations["iteration"]) == [1, 2]
    assert list(records.episodes["status"]) == ["off_track", "in_progress"]
    assert list(records.episodes["track"]) == ["circle", "circle"]


def test_damaged_metrics_are_a_note(tmp_path):
    run = write_run(tmp_path, {0: [LAP]})
    with (run.path / "metrics.csv").open("a") as file:
        file.write("some text\n")
    (run.path / "metrics").mkdir(exist_ok=True)
    (run.path / "metrics/TrainingMetrics.json").write_text('{"metrics": [')
    records = read_records(run.path)
    assert "metrics.csv is damaged" in records.notes[0]
    assert "TrainingMetrics.json cannot be read" in records.notes[1]
    assert len(records.laps) == 1


def test_a_track_that_is_gone_or_has_changed_is_not_drawn(tmp_path):
    run = write_run(tmp_path, {0: [OFF, LAP]})
    track = tmp_path / "circle.npy"
    np.save(track, 2 * np.load(track))
    records = read_records(run.path)
    assert (
        f"track circle was {LENGTH:.2f} m long when it was driven, now {2 * LENGTH:.2f} m" in records.notes[0]
    )
    assert records.tracks == {}
    track.unlink()
    records = read_records(run.path)
    assert "no road is drawn" in records.notes[0]
    assert records.exits["distance"].isna().all()
    assert list(records.exits["side"]) == [""]
    page = render(records)
    assert 'id="exits-0"' in page
    assert 'id="exit-shares-0"' not in page


def test_laps_of_evaluations_in_training_count_for_the_best_one(tmp_path):
    run = write_run(tmp_path, {0: [LAP]})
    entry = {
        "reward_score": 50,
        "elapsed_time_in_milliseconds": 3210,
        "phase": "evaluation",
        "completion_percentage": 100,
        "episode_status": "Lap complete",
    }
    slow, part = entry | {"elapsed_time_in_milliseconds": 9000}, entry | {"completion_percentage": 40}
    training = entry | {"phase": "training", "elapsed_time_in_milliseconds": 10}
    (run.path / "metrics").mkdir(exist_ok=True)
    (run.path / "metrics/TrainingMetrics.json").write_text(
        json.dumps({"metrics": [training, slow, entry, part]})
    )
    records = read_records(run.path)
    assert list(records.evaluated_laps["lap_time"]) == [9.0, 3.21, 3.21]
    assert list(records.evaluated_laps["completion"]) == [100, 100, 40]
    assert "3.21 s" in render(records)


def test_an_evaluation_has_the_times_of_its_summary(tmp_path):
    run = write_run(tmp_path, {})
    folder = run.path / "evaluation-20300101000000"
    reversed_lap = Drive(STEPS_A_LAP, is_reversed=True, action=4)
    write_evaluation(
        folder, tmp_path / "circle.npy", [reversed_lap, reversed_lap, Drive(30, "time_up")], [3.98, 3.95]
    )
    records = read_records(folder)
    assert records.kind == "evaluation"
    assert list(records.laps["lap_time"]) == [3.95, 3.98]
    assert list(records.laps["reversed"]) == [True, True]
    row = records.evaluations.iloc[0]
    assert (row["iteration"], row["laps"], row["begun_laps"], row["clean_laps"]) == (7, 2, 3, 2)
    assert (row["best_lap_time"], row["completion"]) == (3.95, pytest.approx(200 / 3))
    assert len(records.actions) == 10  # those of the run that it is in
    assert "2 of 3" in render(records)


def test_an_evaluation_away_from_its_run_shows_the_actions_that_were_driven(tmp_path):
    run = write_run(tmp_path, {})
    write_evaluation(tmp_path / "alone", run.settings.track[0], [LAP], [3.9])
    records = read_records(tmp_path / "alone")
    assert records.actions.to_dict("index") == {2: {"steering_angle": 15.0, "speed": 1.5}}
    assert 'id="actions"' in render(records)


def test_a_run_shows_its_evaluations_but_keeps_them_apart(tmp_path):
    run = write_run(tmp_path, {0: [LAP]})
    write_evaluation(run.path / "evaluation-20300101000000", run.settings.track[0], [OFF, LAP], [3.9])
    (run.path / "evaluation-20300101000001").mkdir()
    (run.path / "evaluation-20300101000001/evaluation.json").write_text("{}")
    records = read_records(run.path)
    assert list(records.evaluations["name"]) == ["evaluation-20300101000000"]
    assert "evaluation-20300101000001/evaluation.json cannot be read" in records.notes[0]
    assert set(records.steps["source"]) == {"training", "evaluation-20300101000000"}
    assert records.action_use["count"].sum() == STEPS_A_LAP
    assert len(records.exits) == 1
    assert records.stretches("circle")["exits"].sum() == 0


def test_without_its_packages_the_analysis_says_what_to_install(monkeypatch, deepracer, tmp_path):
    import sys

    for name in [name for name in sys.modules if name.startswith("deepracer_sim.analysis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(SettingError, match=r"needs plotly: pip install 'deepracer_sim\[analysis\]'"):
        import deepracer_sim.analysis  # noqa: F401
