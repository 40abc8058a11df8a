"""The reward drawn over a track as a heat map."""

from __future__ import annotations

from dataclasses import dataclass

from deepracer_sim.console.create.reward_check import RewardMap
from deepracer_sim.console.tracks.track_shapes import TrackShape, svg

LEVELS = 20
"""Colours from the least to the most reward, and as many below zero."""


@dataclass(frozen=True)
class HeatScale:
    """Which colour a reward has: one ramp upwards from zero, or from what is least, another one below it.

    Attributes:
        low: the least reward.
        high: the most.
    """

    low: float
    high: float

    @property
    def start(self) -> float:
        """Where the ramp upwards begins."""
        return max(0.0, self.low)

    def level(self, reward: float) -> int:
        """Return 1 to `LEVELS` for a reward, -1 to -`LEVELS` for one below zero."""
        if reward < 0:
            return -max(1, min(LEVELS, 1 + int(LEVELS * reward / self.low)))
        span = self.high - self.start
        return LEVELS if span <= 0 else min(LEVELS, 1 + int(LEVELS * (reward - self.start) / span))

    def span(self, level: int) -> tuple[float, float]:
        """Return between which rewards a level lies."""
        base, end = (0.0, self.low) if level < 0 else (self.start, self.high)
        near, far = ((abs(level) - offset) / LEVELS * (end - base) + base for offset in (1, 0))
        return min(near, far), max(near, far)


def scale_of(reward_map: RewardMap) -> HeatScale | None:
    """Return the colours for a map; None if it has no reward at all."""
    rewards = [value for station in reward_map.rewards for value in station if value is not None]
    return HeatScale(min(rewards), max(rewards)) if rewards else None


def colour(level: int) -> str:
    """Return a level's colour in CSS; the page's variables follow light and dark."""
    if level < 0:
        share = round(100 * -level / LEVELS)
        return f"color-mix(in oklab,var(--heat-below) {share}%,var(--heat-zero))"
    share = round(200 * (level - 1) / (LEVELS - 1))
    low, high = ("--heat-low", "--heat-middle") if share <= 100 else ("--heat-middle", "--heat-high")
    return f"color-mix(in oklab,var({high}) {share if share <= 100 else share - 100}%,var({low}))"


def draw_reward(shape: TrackShape, reward_map: RewardMap) -> str:
    """Draw a track with the reward of each place as SVG.

    Args:
        shape: of the same track.
        reward_map: of the rewards.
    """
    scale = scale_of(reward_map)
    cells = "" if scale is None else _cells(reward_map, scale)
    lines = "".join(
        f'<path class="heat-border" d="M{"L".join(f"{x:.2f},{-y:.2f}" for x, y in line)}Z"/>'
        for line in (shape.inner, shape.outer)
    )
    (x0, y0), (x1, y1) = shape.inner[0], shape.outer[0]
    start = f'<line class="track-start" x1="{x0}" y1="{-y0}" x2="{x1}" y2="{-y1}"/>'
    return svg(shape, cells + lines + start, f"the reward at each place of {shape.title or shape.name}")


def _cells(reward_map: RewardMap, scale: HeatScale) -> str:
    """Draw all cells of one colour as one path: the strip beside the road first, the road over it."""
    paths: dict[tuple[bool, int], list[str]] = {}
    for station, rewards in enumerate(reward_map.rewards):
        near, far = reward_map.corners[station], reward_map.corners[station + 1]
        for lane, reward in enumerate(rewards):
            if reward is not None:
                corners = (near[lane], near[lane + 1], far[lane + 1], far[lane])
                outline = "L".join(f"{x:.2f},{-y:.2f}" for x, y in corners)
                key = (reward_map.on_road[lane], scale.level(reward))
                paths.setdefault(key, []).append(f"M{outline}Z")
    return "".join(
        f'<path class="heat" style="--heat:{colour(level)}" d="{"".join(outlines)}">'
        f"<title>{_span_text(scale.span(level))}</title></path>"
        for (_, level), outlines in sorted(paths.items())
    )


def _span_text(span: tuple[float, float]) -> str:
    return f"{span[0]:.3g}" if span[0] == span[1] else f"{span[0]:.3g} to {span[1]:.3g}"


def gradient(scale: HeatScale) -> str:
    """Return the scale's colours from left to right as a CSS gradient."""
    levels = [
        *(range(-LEVELS, 0) if scale.low < 0 else ()),
        *(range(1, LEVELS + 1) if scale.high >= 0 else ()),
    ]
    return f"linear-gradient(to right,{','.join(map(colour, levels))})"
