"""Jobs of the console: processes that outlive it, are found again and stopped, and tell how they ended."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from disk_limit import full_disk
from small_runs import small_settings

from deepracer_sim.console.job_process import CODE
from deepracer_sim.console.jobs import INTERRUPTED, REFUSED, Jobs
from deepracer_sim.errors import RunError
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.stored_model import Status

LAST = 60.0


@pytest.fixture
def store(tmp_path, track):
    """Two models: one for a moment, one that trains until it is stopped."""
    store = ModelStore(tmp_path / "models")
    for name, iterations in (("short", 1), ("long", 100_000)):
        store.create(name, ModelDefinition.packed(small_settings(track, iterations)))
    return store


@pytest.fixture
def jobs(store, tmp_path):
    jobs = Jobs(tmp_path / "jobs", {"DEEPRACER_STORE": str(store.path)})
    yield jobs
    for job in jobs.all():
        if job.is_running:
            os.kill(job.process, signal.SIGKILL)


def wait_for(condition):
    deadline = time.monotonic() + LAST
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begin_long(jobs, store):
    """Start the training that goes on, and wait for its second iteration."""
    job = jobs.start("train", "long", ["models", "train", "long"])
    metrics = store.open("long").run_path(1) / "metrics.csv"
    wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") > 2)
    return job


def test_a_job_from_its_start_to_its_end(jobs, store):
    job = jobs.start("train", "short", ["models", "train", "short"])
    assert job.is_running and job.code is None and job.fault == ""
    assert jobs.running("train", "short") == job
    wait_for(lambda: not job.is_running)
    assert job.code == 0 and job.fault == ""
    assert "short has trained in" in job.output
    assert jobs.running("train", "short") is None
    assert jobs.last("train", "short") == job and jobs.last("train", "long") is None
    assert store.open("short").status is Status.READY


def test_it_is_found_again_and_stopped_by_another_console(jobs, store):
    begin_long(jobs, store)
    found = Jobs(jobs.folder).running("train", "long")
    assert store.open("long").status is Status.TRAINING
    found.stop()
    wait_for(lambda: not found.is_running)
    assert found.code == INTERRUPTED and found.fault == ""
    model = store.open("long")
    assert model.status is Status.STOPPED and model.summaries[0].iterations >= 2
    found.stop()  # nothing is left to stop


def test_one_that_is_killed_is_told_of(jobs, store):
    job = begin_long(jobs, store)
    os.kill(job.process, signal.SIGKILL)
    wait_for(lambda: not job.is_running)
    assert job.code is None
    assert job.fault.startswith("its process was killed")
    assert store.open("long").status is Status.STOPPED


def test_the_fault_is_the_programs_own_words(jobs):
    job = jobs.start("train", "nobody", ["models", "train", "nobody"])
    wait_for(lambda: not job.is_running)
    assert job.code == REFUSED
    assert job.fault.startswith("no model 'nobody'")


def test_the_same_twice_is_refused(jobs, store):
    """Two browsers press the same button at the same time."""
    refused = []

    def press():
        try:
            jobs.start("train", "long", ["models", "train", "long"])
        except RunError as error:
            refused.append(str(error))

    presses = [threading.Thread(target=press) for _ in range(4)]
    for thread in presses:
        thread.start()
    for thread in presses:
        thread.join()
    assert refused == ["train long: is at work already"] * 3
    assert len(jobs.all()) == 1
    jobs.start("train", "short", ["models", "train", "short"])


def test_output_cannot_deceive(jobs):
    job = jobs.start("show", "x", ["models", "show", "\x1b[31mred\x07"])
    wait_for(lambda: not job.is_running)
    assert "\x1b" not in job.output and "\x07" not in job.output and "red" in job.fault


def test_a_full_disk(jobs, store):
    with full_disk(10), pytest.raises(RunError, match="cannot be written"):
        jobs.start("train", "long", ["models", "train", "long"])
    assert os.listdir(jobs.folder) == []
    assert store.open("long").status is Status.CREATED


def test_damaged_records_are_passed_over(jobs):
    job = jobs.start("list", "all", ["models", "list"])
    wait_for(lambda: not job.is_running)
    (jobs.folder / "20200101-000000-1").mkdir()
    (jobs.folder / "20200101-000000-2").mkdir()
    (jobs.folder / "20200101-000000-2" / "job.json").write_text('{"kind": "list"}')
    (jobs.folder / "20200101-000000-3").write_text("")
    assert jobs.all() == [job]
    (job.folder / CODE).write_text("many")
    assert job.code is None
