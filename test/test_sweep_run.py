"""Sweeps on a Ray cluster of two nodes, one of which is killed; and on one of the program's own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

import pytest

pytest.importorskip("ray")

import psutil  # Ray brings it along
from deepracer_program import ENVIRONMENT
from ray.cluster_utils import Cluster
from small_runs import assert_same_run, rows_of, small_settings
from small_sweeps import small_base, trials, write_sweep

from deepracer_sim.run_folder import RunFolder
from deepracer_sim.sweep import sweeping
from deepracer_sim.sweep.sweep_folder import SweepFolder
from deepracer_sim.sweep.sweep_run import SweepRun
from deepracer_sim.sweep.trial_worker import Job, TrialWorker
from deepracer_sim.training_run import start

STORE = 80_000_000
QUICK = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
    "health_check_timeout_ms": 500,
}
"""So that a node is found to be dead after a second; by default it takes half a minute."""
ITERATIONS = 24
LAST = 60.0
"""Seconds within which whatever is waited for has happened."""


@pytest.fixture(scope="module")
def nodes():
    """Two nodes; the second one, of one core, may be killed."""
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE, "_system_config": QUICK}
    short = TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True)  # as sockets need
    with short as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        os.mkdir(f"{folder}/ray")  # Ray takes it for granted when it is given another folder for its sessions
        started = Cluster(initialize_head=True, head_node_args={**head, "temp_dir": folder})
        started.add_node(num_cpus=1, object_store_memory=STORE)
        yield started
        started.shutdown()


@pytest.fixture
def told(monkeypatch):
    """Have each message of a trial told to a function, with the sweep."""

    def tell(function):
        take = SweepRun._take

        def take_and_tell(self, attempt, message):
            take(self, attempt, message)
            function(self, attempt.trial, message)

        monkeypatch.setattr(SweepRun, "_take", take_and_tell)

    return tell


def test_a_node_is_killed_in_the_middle(nodes, track, tmp_path, monkeypatch, told, capfd):
    """Its trial goes on where its last checkpoint is: to the same weights as one that was never disturbed."""
    second = nodes.list_all_nodes()[1]
    parent = second.all_processes["raylet"][0].process.pid
    there, killed = [], []

    def kill(run, trial, message):
        if "process" in message and psutil.Process(message["process"]).ppid() == parent:
            there.append(trial)
        if "row" in message and message["row"]["iteration"] >= 4 and [trial] == there and not killed:
            killed.append(RunFolder.open(run.folder.run(trial)).iterations()[-1])
            nodes.remove_node(second, allow_graceful=False)

    told(kill)
    file = write_sweep(tmp_path, base=small_base(track, ITERATIONS), seeds=[5, 6])
    folder, results = sweeping.run_sweep(file, tmp_path / "results", nodes.address)
    assert len(there) == 1 and 4 <= killed[0] < ITERATIONS
    lost = there[0].name
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("was lost") == 1
    assert f"{lost}: its worker on {os.uname().nodename} was lost; it goes on from its last" in said.err
    assert [(entry.trial.name, entry.state) for entry in results] == [
        ("seed=5", "finished"),
        ("seed=6", "finished"),
    ]
    for entry in results:
        lines = rows_of(RunFolder.open(folder / "trials" / entry.trial.name))[1:]
        assert [int(line[0]) for line in lines] == list(range(1, ITERATIONS + 1))
    with (folder / "results.csv").open() as table:
        assert [row["trial"] for row in csv.DictReader(table)] == ["seed=5", "seed=6"]
    assert sorted(os.listdir(folder / "trials")) == ["seed=5", "seed=6"]
    assert (folder / "parallel_coordinates.png").read_bytes().startswith(b"\x89PNG")
    undisturbed = start(small_settings(track, ITERATIONS, seed=there[0].seed), tmp_path / "undisturbed")
    monkeypatch.setattr("small_runs.ITERATIONS", ITERATIONS)
    assert_same_run(RunFolder.open(folder / "trials" / lost), undisturbed)


def test_ctrl_c_on_a_cluster_that_does_not_reach_the_folder(
    deepracer, nodes, track, tmp_path, monkeypatch, told
):
    """What was finished comes back, and the same command goes on with it."""
    monkeypatch.setattr(SweepFolder, "mark", lambda self: "a word that stands nowhere")
    (tmp_path / "reward.py").write_text("def reward_function(params):\n    return params['speed']\n")
    base = small_base(track, ITERATIONS, reward="reward.py")
    file = write_sweep(tmp_path, base=base, seeds=[8])
    stopped = []

    def interrupt(run, trial, message):
        if "row" in message and message["row"]["iteration"] == 3 and not stopped:
            stopped.append(trial)
            raise KeyboardInterrupt

    told(interrupt)
    words = ("sweep", file, "--folder", tmp_path / "results", "--address", nodes.address)
    code, out, err = deepracer(*words)
    assert (code, out) == (130, "")
    assert "does not reach" in err and "stopping" in err
    assert err.splitlines()[-1] == (
        "deepracer: stopped. 0 of 1 trials have ended, all finished iterations of the others are saved; "
        f"to go on: deepracer {' '.join(map(str, words))}"
    )
    run = RunFolder.open(tmp_path / "results/trials/seed=8")
    before = run.iterations()[-1]
    assert 3 <= before < ITERATIONS
    with (tmp_path / "results/results.csv").open() as table:
        assert [row["state"] for row in csv.DictReader(table)] == ["stopped"]
    code, out, err = deepracer(*words)
    assert code == 0, err
    assert "The best trial is seed=8; drive it with: deepracer evaluate" in out
    assert [int(line[0]) for line in rows_of(run)[1:]] == list(range(1, ITERATIONS + 1))
    assert sorted(os.listdir(tmp_path / "results/trials")) == ["seed=8"]
    monkeypatch.undo()
    assert deepracer(*words[:-2])[:2] == (0, out)  # nothing is left to do: no cluster is needed


def test_a_trial_that_fails_says_why(track, tmp_path):
    """The reward function has a fault that shows late, at a speed that the car can choose."""
    (tmp_path / "reward.py").write_text(
        "calls = []\n"
        "def reward_function(params):\n"
        "    calls.append(1)\n"
        "    return 1 / (params['speed'] - 2) if len(calls) > 40 else 1.0\n"
    )
    (trial,) = trials(tmp_path, base=small_base(track, ITERATIONS, reward="reward.py"), seeds=1)
    with SweepFolder.opened(tmp_path / "results") as folder:
        job = Job(str(folder.run(trial)), str(folder.path / ".reached"), folder.mark(), folder.prepare(trial))
        first, *rows, last = TrialWorker().run(job)
        assert first["reaches"] and folder.has_begun(trial)
    assert rows and all(set(message) == {"row"} for message in rows)
    assert (last["end"], last["again"]) == ("failed", True)
    assert "reward_function.py:4: ZeroDivisionError" in last["message"]


def test_more_threads_than_any_node_has(deepracer, nodes, track, tmp_path):
    file = write_sweep(tmp_path, base={**small_base(track, 1), "threads": 3}, seeds=1)
    code, _, err = deepracer("sweep", file, "--folder", tmp_path / "results", "--address", nodes.address)
    assert (code, err) == (
        2,
        "deepracer: threads=3: no node has so many cores, the largest has 1: choose fewer threads\n",
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--address=127.0.0.1:1", "nobody answers there"),
        ("--address=nowhere", "must be host:port of a Ray cluster's head"),
        ("--address=ray://127.0.0.1:10001", "must be host:port"),
        ("--cores=0", "must be from 1 to "),
        ("--cores=5000", "must be from 1 to "),
    ],
)
def test_no_such_cluster(deepracer, track, tmp_path, option, message):
    file = write_sweep(tmp_path, base=small_base(track, 1), seeds=1)
    code, _, err = deepracer("sweep", file, "--folder", tmp_path / "results", option)
    assert code == 2 and f"{option}: {message}" in err


def test_a_program_that_is_killed_leaves_nothing_running(track, tmp_path):
    """Its own cluster listens to this machine alone, and all of its processes and files end with it."""
    file = write_sweep(tmp_path, base=small_base(track, 10_000), seeds=1)
    words = [sys.executable, "-m", "deepracer_sim.cli", "sweep", file, "--folder", tmp_path / "results"]
    metrics = tmp_path / "results/trials/seed=0/metrics.csv"
    environment = {**ENVIRONMENT, "HOME": str(tmp_path)}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as program:
        deadline = time.monotonic() + LAST
        while not metrics.exists() and program.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        started = psutil.Process(program.pid).children(recursive=True)
        commands = {process.pid: process.cmdline() for process in started}
        sockets = [socket for process in started for socket in process.net_connections()]
        program.kill()
        assert metrics.exists(), program.stderr.read()
    everything = " ".join(word for words in commands.values() for word in words)
    for part in ("gcs_server", "raylet", "DashboardAgent", "TrialWorker", "trial_process", "cluster_watch"):
        assert part in everything
    listening = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"} and listening
    _, alive = psutil.wait_procs(started, timeout=20)
    assert [commands[process.pid] for process in alive] == []
    (scratch,) = [words[-1] for words in commands.values() if "cluster_watch" in " ".join(words)]
    assert not os.path.exists(scratch)
    assert not (tmp_path / ".ray").exists()
    assert SweepFolder(tmp_path / "results").has_begun(trials(tmp_path, base={}, seeds=1)[0])
