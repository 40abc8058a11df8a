"""The sweep itself: gives trials to the cluster, and takes care of those whose worker is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepracer_sim.errors import DeepRacerError, RunError
from deepracer_sim.sweep.cluster import reason_of, resources
from deepracer_sim.sweep.results import Result, read_result, read_results, results_csv
from deepracer_sim.sweep.sweep_folder import MARKER, RESULTS, SweepFolder, TrialRecord
from deepracer_sim.sweep.sweep_line import SweepLine
from deepracer_sim.sweep.trial import Trial
from deepracer_sim.sweep.trial_worker import Job, TrialWorker, pack

LOOK = 0.5
"""Seconds between two looks at the cluster if it says nothing."""
MOST_LOSSES = 3
"""Workers that a trial may lose: who loses more is probably to blame, by the memory that it takes."""
STOP_LIMIT = 120.0
"""Seconds that trials get to end with their finished iterations saved, and their models exported."""


@dataclass
class Attempt:
    """A trial at a worker.

    Attributes:
        trial: which one.
        worker: the actor.
        messages: of it, as they come.
        node: where it is; None as long as it waits for cores.
        reaches: whether it trains in the sweep's folder.
        row: of metrics, the last one.
    """

    trial: Trial
    worker: Any
    messages: Any
    node: str | None = None
    reaches: bool = True
    row: dict[str, float] | None = None


class SweepRun:
    """Trains what is unfinished of a sweep.

    Args:
        ray: the module, connected to a cluster.
        folder: of the sweep.
        trials: all of them.
        line: where it is shown.
        is_local: whether all nodes are this machine, which reaches the folder.
    """

    def __init__(
        self, ray: Any, folder: SweepFolder, trials: Sequence[Trial], line: SweepLine, is_local: bool
    ) -> None:
        self.ray, self.folder, self.trials = ray, folder, trials
        self.line, self.is_local = line, is_local
        self._attempts: list[Attempt] = []
        self._ended: set[str] = set()
        self._losses: dict[str, int] = {}
        self._results: dict[str, Result] = {}
        self._word = folder.mark()
        self._actor = ray.remote(TrialWorker)

    def run(self) -> list[Result]:
        """Train until all trials have ended.

        Raises:
            KeyboardInterrupt: Ctrl-C; all finished iterations are saved.
            DeepRacerError: the folder cannot be written.
        """
        self._results = {result.trial.name: result for result in read_results(self.folder, self.trials)}
        left = self.folder.unfinished(self.trials)
        self._ended = {trial.name for trial in self.trials} - {trial.name for trial in left}
        try:
            for trial in left:
                self._start(trial)
            while self._attempts:
                self._take_messages(is_stopping=False)
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            for attempt in list(self._attempts):
                self._release(attempt)
            self.line.close()
            results = read_results(self.folder, self.trials)
            self._write_results(results)
        return results

    def _start(self, trial: Trial) -> None:
        settings = self.folder.prepare(trial)
        run = self.folder.run(trial)
        marker = self.folder.path / MARKER
        job = Job(str(run), str(marker), self._word, settings, dict(trial.definition.files))
        has_begun = self.folder.has_begun(trial) and not self.is_local
        archive = self.ray.put(pack(run)) if has_begun else None
        # Two calls at a time: a training, and the word to stop it.
        options = {"max_concurrency": 2, "max_restarts": 0, **resources(settings)}
        worker = self._actor.options(**options).remote()
        self._attempts.append(Attempt(trial, worker, worker.run.remote(job, archive)))

    def _take_messages(self, is_stopping: bool) -> None:
        """Wait a moment for messages, and do what they ask for."""
        waiting = [attempt.messages for attempt in self._attempts]
        ready, _ = self.ray.wait(waiting, timeout=LOOK)
        for attempt in [attempt for attempt in self._attempts if attempt.messages in ready]:
            try:
                message = self.ray.get(next(attempt.messages))
            except self.ray.exceptions.RayTaskError as error:
                message = {"end": "failed", "message": str(error.cause), "again": True}
            except (self.ray.exceptions.RayError, StopIteration) as error:
                self._lose(attempt, error, is_stopping)
                continue
            self._take(attempt, message)
        rows = {attempt.trial.name: attempt.row for attempt in self._attempts if attempt.node}
        self.line.show(len(self._ended), rows)

    def _take(self, attempt: Attempt, message: dict[str, Any]) -> None:
        trial = attempt.trial
        if "node" in message:
            attempt.node, attempt.reaches = message["node"], message["reaches"]
            if not attempt.reaches:
                self.line.note(
                    f"{trial.name} trains on {attempt.node}, which does not reach {self.folder.path}: its "
                    "run comes back when it ends"
                )
        elif "row" in message:
            attempt.row = message["row"]
        else:
            self._end(attempt, message)

    def _end(self, attempt: Attempt, message: dict[str, Any]) -> None:
        trial, state, reason = attempt.trial, message["end"], message.get("message", "")
        again = message.get("again", False)
        self._release(attempt)
        try:
            if message.get("archive"):
                self.folder.take_in(trial, message["archive"])
            elif not attempt.reaches and state == "finished":
                raise RunError("its run did not come back")
        except DeepRacerError as error:
            state, reason, again = "failed", str(error), True
        if state != "stopped":
            self._ended.add(trial.name)
            record = TrialRecord(state=state, best=message.get("best"), message=reason, again=again)
            self.folder.record(trial, record)
            self._results[trial.name] = read_result(self.folder, trial, record)
            self._write_results(list(self._results.values()))
            first = reason.split("\n")[0]
            self.line.note(f"{trial.name}: {state}{': ' if first else ''}{first}")

    def _lose(self, attempt: Attempt, error: Exception, is_stopping: bool) -> None:
        """Train a trial on whose worker is lost, elsewhere or on a new one."""
        trial = attempt.trial
        losses = self._losses[trial.name] = self._losses.get(trial.name, 0) + 1
        if losses > MOST_LOSSES:
            message = f"its worker was lost {losses} times, lastly: {reason_of(error)}"
            self._end(attempt, {"end": "failed", "message": message, "again": True})
            return
        self._release(attempt)
        if is_stopping:
            return
        where = f" on {attempt.node}" if attempt.node else ""
        way = "goes on from its last checkpoint" if self.folder.has_begun(trial) else "begins anew"
        self.line.note(f"{trial.name}: its worker{where} was lost; it {way}")
        self._start(trial)

    def _release(self, attempt: Attempt) -> None:
        self._attempts.remove(attempt)
        self.ray.kill(attempt.worker)  # where it still lives, it must not train beside its successor

    def _stop(self) -> None:
        """Let trials that are trained end with their finished iterations saved."""
        for attempt in list(self._attempts):
            if attempt.node is None:
                self._release(attempt)
            else:
                attempt.worker.stop.remote()
        if self._attempts:
            self.line.note("stopping, all finished iterations are kept; once more: at once")
        deadline = time.monotonic() + STOP_LIMIT
        while self._attempts and time.monotonic() < deadline:
            self._take_messages(is_stopping=True)

    def _write_results(self, results: Sequence[Result]) -> None:
        self.folder.write(RESULTS, results_csv(results, self.folder.path))
