"""A video of an evaluation's first car: what it saw and chose, beside the track from above."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.evaluation_map import Picture
from deepracer_sim.evaluation_screen import HEIGHT, WIDTH, Pictures, Screen
from deepracer_sim.file_replacement import replacing
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME

FRAME_RATE = round(1 / STEP_TIME)
"""The video runs as fast as the car did: a frame a step."""
HOLD = 2 * FRAME_RATE
"""Frames for which the end of the run stays."""
PRESET, QUALITY = "superfast", 21
"""Of x264: twice as fast as its default for quiet drawings like these, at a few megabytes a minute."""


def save_video(
    evaluation: Evaluation,
    track: Track,
    path: str | os.PathLike[str],
    action_table: Tensor | NDArray[np.floating],
    title: str = "",
    images: Pictures | None = None,
) -> None:
    """Write an H.264 .mp4 of the first car's run.

    Args:
        evaluation: its trace must hold images unless `images` are given.
        track: what the first car drove on.
        path: of the video; the file appears under its name only when it is complete.
        action_table: (A, 2) steering angle in radians and speed in m/s of each action.
        title: at the top; the track's name if empty.
        images: (T, H, W, C) uint8, 1 or 3 channels, each from before its step. They are shown in place of the
            trace's, which then become a small picture in their corner.

    Raises:
        RunError: there is not an image for each step, or ffmpeg is missing or cannot write the file.
    """
    own = evaluation.trace.images
    shown = own if images is None else images
    steps = int(evaluation.trace.alive[:, 0].sum())
    if shown is None:
        raise RunError("no video: the evaluation kept no images; evaluate with keep_images=True")
    if len(shown) < steps:
        raise RunError(f"no video: {len(shown)} images of a run of {steps} steps; give one for each step")
    screen = Screen(evaluation, track, np.asarray(action_table, dtype=np.float64), title)
    save_frames(screen.frames(shown, None if images is None else own, HOLD), path)


def save_frames(frames: Iterable[Picture], path: str | os.PathLike[str]) -> None:
    """Write pictures of WIDTH x HEIGHT as an H.264 .mp4, FRAME_RATE a second.

    Args:
        frames: (HEIGHT, WIDTH, 3) RGB each.
        path: of the video; the file appears under its name only when it is complete.

    Raises:
        RunError: ffmpeg is missing or cannot write the file.
    """
    with replacing(path, RunError) as temporary:
        _encode(frames, temporary, Path(path))


def _encode(frames: Iterable[Picture], temporary: Path, path: Path) -> None:
    import imageio_ffmpeg

    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise RunError(f"no video: {error}; pip install --force-reinstall imageio-ffmpeg") from error
    source = f"-f rawvideo -pix_fmt yuv420p -s {WIDTH}x{HEIGHT} -r {FRAME_RATE} -i -".split()
    # yuv420p with the index at the front plays everywhere, and in a browser before all of it has come.
    target = f"-c:v libx264 -preset {PRESET} -crf {QUALITY} -pix_fmt yuv420p -movflags +faststart".split()
    command = [program, "-y", "-loglevel", "error", *source, *target, str(temporary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            for frame in frames:
                # Half the bytes of RGB in the pipe, and ffmpeg has nothing left to convert.
                process.stdin.write(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).data)
        except BrokenPipeError:
            pass  # ffmpeg has given up and says why below
        message = process.communicate()[1].decode(errors="replace").strip()
    if process.returncode:
        reason = (
            message.splitlines()[0].split("] ")[-1]
            if message
            else f"it ended with status {process.returncode}"
        )
        raise RunError(f"cannot write {path}: ffmpeg: {reason}; free some space or choose another folder")
