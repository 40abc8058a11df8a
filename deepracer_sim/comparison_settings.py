"""The settings of a comparison of iterations."""

from __future__ import annotations

from pydantic import Field

from deepracer_sim.settings import EvaluateSettings, Settings


class ComparisonSettings(Settings):
    """How iterations are compared: without resets, so that a fault ends a car's run."""

    track: str | None = Field(None, description="name, file, or random:SEED; the run's first one by default")
    laps: int = Field(3, ge=1, le=100, description="laps to drive")
    cars: int = Field(16, ge=1, le=4096, description="spread over track and directions; 1 starts at the line")
    randomised: bool = Field(False, description="draw car and pictures from the ranges of the training")
    latency: float = Field(
        0.0, ge=0, le=1.5, description="delay from picture to wheels, in steps, if not randomised"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")

    def evaluation(self, track: str) -> EvaluateSettings:
        """Return the evaluation that each iteration drives, on `track` where no other is named."""
        own = self.model_dump(exclude={"track"})
        return EvaluateSettings(track=self.track or track, max_resets=0, video=False, **own)
