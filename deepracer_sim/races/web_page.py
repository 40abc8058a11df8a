"""Web pages that need nothing but themselves: no network, no scripts; light or dark as the reader has it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepracer_sim.track import Track

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #1c2128; --faint: #626c78;
  --line: #dfe3e8; --accent: #0a66c2; --fault: #c62828; --good: #1a7f37; --road: #c9d0d8; --edge: #59636e;
  --gold: #b8860b; --silver: #7b8794; --bronze: #a0622d; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --card: #161b22; --ink: #e6edf3;
  --faint: #8b949e; --line: #2b323b; --accent: #58a6ff; --fault: #ff6b6b; --good: #56d364;
  --road: #30363d; --edge: #a0a8b2;
  --gold: #e3b341; --silver: #b1bac4; --bronze: #d9935a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: .35rem 0; }
.faint { color: var(--faint); }
.state { display: inline-block; margin-left: .6rem; padding: .1rem .6rem; border-radius: 1rem;
  font-size: .8rem; font-weight: 600; vertical-align: middle; border: 1px solid currentColor;
  color: var(--faint); }
.open { color: var(--good); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-size: .8rem; color: var(--faint); }
sup { line-height: 0; }
th, td { padding: .55rem .8rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
.text { text-align: left; }
.name { display: inline-block; min-width: 9rem; max-width: 20rem; font-weight: 600; white-space: normal;
  overflow-wrap: anywhere; }
.model { color: var(--faint); font-weight: 400; font-size: .85rem; }
.place { font-weight: 700; font-size: 1.05rem; }
.first { color: var(--gold); } .second { color: var(--silver); } .third { color: var(--bronze); }
.result { font-weight: 700; }
.reset { color: var(--fault); }
.best { font-weight: 700; }
.lap { display: inline-block; min-width: 4.4rem; }
svg { display: block; width: 100%; max-height: 22rem; padding: 1rem; }
.road { fill: var(--road); stroke: var(--edge); stroke-width: 2; fill-rule: evenodd; }
.center { fill: none; stroke: var(--edge); stroke-width: 1; stroke-dasharray: 5 5; opacity: .6; }
.start { stroke: var(--fault); stroke-width: 4; }
code { font-size: .85rem; overflow-wrap: anywhere; }
dl { margin: .5rem 0 0; } dt { color: var(--faint); font-size: .85rem; } dd { margin: 0 0 .6rem; }
a { color: var(--accent); }
"""
PICTURE = 900
"""Units across a track's picture; its strokes are measured in them."""
MEDALS = {1: "first", 2: "second", 3: "third"}


def page(title: str, body: Sequence[str]) -> bytes:
    """Return a whole page.

    Args:
        title: as plain text.
        body: HTML; whatever people have named is escaped already.
    """
    # Nothing may be fetched or run, even if a name got through that is more than a name.
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    lines = (
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style></head><body><main>",
        *body,
        "</main></body></html>",
    )
    return ("\n".join(lines) + "\n").encode()


def table(header: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table.

    Args:
        header: text and class of each column.
        rows: HTML of the cells.
    """
    heads = "".join(f'<th scope="col" class="{kind}">{escape(text)}</th>' for text, kind in header)
    lines = ['<div class="card"><table><thead><tr>', heads, "</tr></thead><tbody>"]
    for row in rows:
        cells = (f'<td class="{kind}">{cell}</td>' for cell, (_, kind) in zip(row, header, strict=True))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return [*lines, "</tbody></table></div>"]


def place_cell(place: int | None) -> str:
    """Return a place in the colour of its medal."""
    return f'<span class="place {MEDALS.get(place or 0, "")}">{place or "-"}</span>'


def name_cell(name: str, below: str = "") -> str:
    """Return a name, with something small below it."""
    return f'<span class="name">{escape(name)}</span>' + (
        f'<br><span class="model">{escape(below)}</span>' if below else ""
    )


def track_picture(track: Track) -> str:
    """Draw a single track's road, centre line, start line as SVG, north up."""
    import numpy as np

    lines = [line.double().cpu().numpy() for line in (track.outer, track.inner, track.center)]
    low, high = lines[0].min(0), lines[0].max(0)
    scale = PICTURE / float((high - low).max())
    flipped = [np.stack(((line[:, 0] - low[0]), (high[1] - line[:, 1])), 1) * scale for line in lines]

    def path(line: np.ndarray) -> str:
        return "M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in line) + "Z"

    outer, inner, center = flipped
    width, height = (high - low) * scale
    (x1, y1), (x2, y2) = outer[0], inner[0]
    box = f"-6 -6 {width + 12:.0f} {height + 12:.0f}"
    return (
        f'<svg viewBox="{box}" role="img" aria-label="the track from above">'
        f'<path class="road" d="{path(outer)} {path(inner)}"/><path class="center" d="{path(center)}"/>'
        f'<line class="start" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/></svg>'
    )
