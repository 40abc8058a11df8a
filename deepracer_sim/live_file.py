"""What a training shows while it drives: a small file that is written over some times a second.

Little-endian, without gaps:

```
 0  char[4]     DRLV
 4  uint32      CRC-32 of all that follows
 8  uint32      version, 1
12  uint32      number of the state, from 1; a reader sees by it what is new
16  float64     when, seconds since 1970
24  uint32      steps that were driven in this training, all cars at once
28  uint32      iteration that is being driven for, from 1
32  uint32      cars that follow, N
36  uint16[3]   height, width and channels of the picture
42  uint16[11]  0
64  float32[N, 4]                   x, y (m), yaw (rad) and forward speed (m/s) of each car
..  uint16[N]                       the track that it is on, of those that the settings name, from 0
..  uint8[height, width, channels]  what the first car sees, as its network is given it
```

The checksum tells whole states from those that are being written: neither side waits for the other. It is
written and read as a file, not mapped into memory, where a disk that is full would end the training.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LIVE = "live"
"""Name of the file in a run folder; there is none while nothing drives."""
MAGIC, VERSION = b"DRLV", 1
HEADER = struct.Struct("<4sIIIdIII3H22x")
CHECKED = 8
"""Bytes before that which the checksum is of."""
MOST_CARS = 256
"""That are shown; more would be a carpet."""
INTERVAL = 0.1
"""Seconds between two states, at least."""


class LiveFile:
    """Writes what is driven just now; what cannot be written is not shown, and the training goes on.

    Args:
        path: of the file; one that is there is replaced.
        tracks: the track of each car, see above.
    """

    def __init__(self, path: Path, tracks: Sequence[int]) -> None:
        self.path, self._count, self._due = path, 0, 0.0
        self.num_cars = min(len(tracks), MOST_CARS)
        self._tracks = np.asarray(tracks[: self.num_cars], "<u2").tobytes()
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    @property
    def is_due(self) -> bool:
        """Whether it is time for another state."""
        return self._file is not None and time.monotonic() >= self._due

    def write(self, progress: tuple[int, int], cars: NDArray[np.float32], picture: NDArray[np.uint8]) -> None:
        """Write a state.

        Args:
            progress: steps and iteration.
            cars: (num_cars, 4) x, y, yaw and forward speed.
            picture: (height, width, channels) of the first car.
        """
        if self._file is None:
            return
        self._due = time.monotonic() + INTERVAL
        self._count += 1
        numbers = (VERSION, self._count, time.time(), *progress, self.num_cars, *picture.shape)
        body = cars.astype("<f4").tobytes() + self._tracks + picture.tobytes()
        header = HEADER.pack(MAGIC, 0, *numbers)[CHECKED:]
        checksum = struct.pack("<I", zlib.crc32(body, zlib.crc32(header)))
        content, written = MAGIC + checksum + header + body, 0
        with suppress(OSError):
            written = os.pwrite(self._file, content, 0)
        if written < len(content):  # the disk is full
            self.close()

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        with suppress(OSError):
            self.path.unlink()


def read_live(path: Path) -> bytes | None:
    """Return the state in a file, as above; None if there is none, or it is being written just now."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if len(content) < HEADER.size:
        return None
    magic, checksum, version, *_ = HEADER.unpack_from(content)
    is_whole = (magic, version) == (MAGIC, VERSION) and zlib.crc32(content[CHECKED:]) == checksum
    return content if is_whole else None


def number_of(state: bytes) -> int:
    """Return the number of a state."""
    return int(HEADER.unpack_from(state)[3])
