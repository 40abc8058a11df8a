"""A track that nobody knows before a race is over, and the proof that it was chosen before the race began."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from pydantic import Field

from deepracer_sim.settings import Settings
from deepracer_sim.track_drawing import RANDOM

if TYPE_CHECKING:
    from deepracer_sim.track import Track

SEEDS = 10**18
"""Far more than anybody could draw to find a track by its length."""


class SecretTrack(Settings):
    """What is revealed when the race is closed.

    Attributes:
        track: name under which everybody can load it.
        nonce: keeps others from trying seeds until one has the published commitment.
    """

    track: str = Field(pattern=rf"^{RANDOM}\d{{1,18}}$")
    nonce: str = Field(pattern="^[0-9a-f]{64}$")

    @classmethod
    def drawn(cls) -> SecretTrack:
        """Draw a seed and a nonce that nobody can foretell."""
        return cls(track=f"{RANDOM}{secrets.randbelow(SEEDS)}", nonce=secrets.token_hex(32))

    @property
    def text(self) -> str:
        """What is hashed."""
        return f"{self.track} {self.nonce}"

    @property
    def commitment(self) -> str:
        """SHA-256 of the text in UTF-8, hexadecimal; it is published when the race opens."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def is_of(self, track: Track) -> bool:
        """Tell whether a track is the one that everybody will draw from the revealed seed."""
        from deepracer_sim.track_library import load_track

        promised = load_track(self.track).center
        return promised.shape == track.center.shape and bool((promised - track.center).abs().max() < 1e-3)
