"""What a training leaves for racers' tools: simulation traces, their log lines, and metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.held_prints import HeldPrints
from deepracer_sim.metrics_files import Entry, evaluated_laps, training_episode, training_metrics_text
from deepracer_sim.racing_env import RacingEnv, Status
from deepracer_sim.run_files import EPISODES, LOG, TRACES, TRAINING_METRICS
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.simulation_trace import HEADER, LOG_TAG, single_track
from deepracer_sim.step_recorder import Recording, StepRecorder
from deepracer_sim.traced_episode import episode_trace
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME

DENSE_FILES = 32
"""At so many evaluations a file may begin, and at half as many more each time that a training doubles."""
EPISODE_COLUMNS = (
    "episode",
    "iteration",
    "car",
    "track",
    "reversed",
    "steps",
    "reward",
    "progress",
    "status",
)


class TrainingTrace:
    """Writes whole episodes of a training's first cars, the same number in each file.

    N-iteration.csv begins with the policy of iteration N, which was evaluated, and has the episodes that end
    from then on. Racers' tools take an episode's iteration to be its number over the episodes an iteration:
    so each file has `RunFolder.traced_episodes`, and takes those after the next evaluation too while it has
    fewer. In a long training files begin at fewer and fewer evaluations, lest they fill the disk.

    Args:
        env: of the training.
        run: folder to write.
        prints: of the environment's reward function.
    """

    def __init__(self, env: RacingEnv, run: RunFolder, prints: HeldPrints) -> None:
        self._env, self._run, self._prints = env, run, prints
        self.recorder = StepRecorder(env, prints)
        self._first, self._count = 0, 0
        self._text = ""
        self._earlier: list[str] = []
        self._entries: list[Entry] = []
        self._ended: list[Recording] = []
        self._tracks: dict[int, Track] = {}

    def collected(self, steps_before: int) -> None:
        """Take the episodes of a rollout; they are written by `save`, once it has been learnt from.

        Args:
            steps_before: steps of the simulator before the rollout.
        """
        self._ended = self.recorder.take(steps_before)

    def restarted(self) -> None:
        """Forget the episodes under way: all cars begin new ones."""
        self._log(self.recorder.drop())

    def save(self, iteration: int, steps: int, evaluation: Evaluation | None) -> None:
        """Write what an iteration brought.

        Args:
            iteration: that has ended.
            steps: of the simulator so far.
            evaluation: of its policy, if there was one.

        Raises:
            RunError: the disk is full or the folder cannot be written.
        """
        whole = [episode for episode in self._ended if episode.is_whole]
        chosen = set(map(id, spread(whole, self._run.traced_episodes - self._count)))
        ended, self._ended = self._ended, []
        log: list[str] = []
        table: list[str] = []
        for episode in ended:
            if id(episode) not in chosen:
                log.extend(episode.prints)
                continue
            lines = self._add(episode)
            table.append(self._table_row(episode, iteration))
            log.extend(map(_log_text, ("", *episode.prints), lines))
        if chosen:
            self._run.write(self._file_name(self._first), (HEADER + self._text).encode())
            self._append_to_table(table)
        self._log("".join(log))
        if evaluation is not None:
            self._add_evaluation(evaluation, iteration, steps)

    @property
    def _is_full(self) -> bool:
        return self._count >= self._run.traced_episodes

    @property
    def _every(self) -> int:
        return self._run.settings.evaluation.every

    def _add(self, episode: Recording) -> list[str]:
        """Number an episode and add it; return its lines."""
        number = self._first * self._run.traced_episodes + self._count
        text = episode_trace(episode, self._track_of(episode.car)).text(number)
        self._text += text
        self._count += 1
        self._entries.append(training_episode(episode, number + 1, self._count))
        return text.splitlines(keepends=True)

    def _track_of(self, car: int) -> Track:
        if car not in self._tracks:
            self._tracks[car] = single_track(self._env.track, car, self._env.track_names[car])
        return self._tracks[car]

    def _table_row(self, episode: Recording, iteration: int) -> str:
        values = (
            self._first * self._run.traced_episodes + self._count - 1,
            iteration,
            episode.car,
            self._env.track_names[episode.car],
            bool(episode["reversed"][0]),
            len(episode.rows),
            f"{float(episode['reward'].sum()):.7g}",
            f"{float(episode['progress'][-1]):.4f}",
            Status(int(episode["status"][-1])).name.lower(),
        )
        return ",".join(map(str, values)) + "\n"

    def _append_to_table(self, rows: list[str]) -> None:
        header = "" if (self._run.path / EPISODES).exists() else ",".join(EPISODE_COLUMNS) + "\n"
        self._run.append(EPISODES, header + "".join(rows))

    def _log(self, text: str) -> None:
        if text:
            self._prints.log.flush()
            self._run.append(LOG, text)

    def _add_evaluation(self, evaluation: Evaluation, iteration: int, steps: int) -> None:
        # AWS counts an evaluation to the iteration that led to it.
        most = self._run.traced_episodes
        last = (iteration - self._every + 1) * most
        self._entries += evaluated_laps(evaluation.runs, steps * STEP_TIME, last, most)
        self._write_metrics()
        if self._is_full and begins_file(iteration // self._every):
            self._earlier += map(json.dumps, self._entries)
            self._first, self._count, self._text, self._entries = iteration, 0, "", []

    def _write_metrics(self) -> None:
        text = training_metrics_text([*self._earlier, *map(json.dumps, self._entries)])
        self._run.write(TRAINING_METRICS, text.encode())

    def finish(self) -> None:
        """Write what is left when a training ends: metrics, and prints of the episodes under way.

        Raises:
            RunError: the disk is full or the folder cannot be written.
        """
        self._log("".join(text for episode in self._ended for text in episode.prints) + self.recorder.drop())
        if self._entries:
            self._write_metrics()

    @staticmethod
    def _file_name(first: int) -> str:
        return f"{TRACES}/{first}-iteration.csv"

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        with suppress(OSError):
            self._prints.log.flush()
        log = self._run.path / LOG
        return {
            "first": self._first,
            "episodes": self._count,
            "entries": self._entries,
            "log_size": log.stat().st_size if log.exists() else 0,
        }

    def restore(self, snapshot: dict[str, Any], iteration: int) -> None:
        """Go on from a `snapshot`: what was written after it goes; the episodes under way then are lost.

        Args:
            snapshot: of the training.
            iteration: that it was made after.

        Raises:
            RunError: a file cannot be read or written.
        """
        run, most = self._run, self._run.traced_episodes
        self._first, self._count = snapshot["first"], snapshot["episodes"]
        self._entries = list(snapshot["entries"])
        end = self._first * most + self._count
        self._text = run.keep_lines(self._file_name(self._first), lambda line: int(line.split(",")[0]) < end)
        for file in (run.path / TRACES).glob("*-iteration.csv"):
            if int(file.name.split("-")[0]) > self._first:
                file.unlink()
        run.keep_lines(EPISODES, lambda line: int(line.split(",")[1]) <= iteration)
        self._cut_log(snapshot["log_size"])
        self._earlier = self._saved_metrics()
        if self._earlier or self._entries:
            self._write_metrics()

    def _cut_log(self, size: int) -> None:
        """Remove trace lines that come again; what a reward function printed before it failed stays."""
        file = self._run.path / LOG
        with file.open("r+b") as log:
            log.seek(size)
            rest = log.read()
            if LOG_TAG.encode() in rest:
                log.truncate(size)
            elif rest and not rest.endswith(b"\n"):
                log.write(b"\n")

    def _saved_metrics(self) -> list[str]:
        """Return the entries of earlier files of the trace."""
        file = self._run.path / TRAINING_METRICS
        if not file.exists():
            return []
        try:
            entries = json.loads(file.read_text(encoding="utf-8"))["metrics"]
            last = self._first * self._run.traced_episodes
            return [json.dumps(entry) for entry in entries if entry["episode"] <= last]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} cannot be used: {error}; to go on without it, remove it") from error


def begins_file(evaluation: int) -> bool:
    """Tell whether a file may begin at an evaluation, counted from 1: at each, then every second, fourth."""
    stride = 1
    while evaluation > DENSE_FILES * stride:
        stride *= 2
    return evaluation % stride == 0


def spread(episodes: Sequence[Recording], count: int) -> list[Recording]:
    """Return at most `count` of some episodes, at even distances: of all cars, and of any length."""
    if len(episodes) <= count:
        return list(episodes)
    return [episodes[index * len(episodes) // count] for index in range(count)]


def _log_text(prints: str, line: str) -> str:
    """Return a step's lines of the log."""
    gap = "" if not prints or prints.endswith("\n") else "\n"
    return f"{prints}{gap}{LOG_TAG}{line}"
