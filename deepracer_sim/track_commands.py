"""The `deepracer tracks` subcommands."""

from __future__ import annotations

from pathlib import Path

import tyro

from deepracer_sim.command_options import Command


def list_tracks() -> None:
    """List the built-in tracks."""
    from deepracer_sim.track_library import list_tracks as rows

    line = "{:15}  {:15}  {:>8}  {:>7}  {:17}  {:>17}"
    print(line.format("name", "title", "length m", "width m", "direction", "smallest radius m"))
    for row in rows():
        numbers = (f"{value:.2f}" for value in (row.length, row.width, row.min_radius))
        length, width, radius = numbers
        print(line.format(row.name, row.title, length, width, row.direction, radius))


def show_track(name: tyro.conf.Positional[str], output: Path | None = None) -> None:
    """Draw a track with its borders, numbered waypoints, start line and direction.

    Args:
        name: of a built-in track, a file, or random:SEED.
        output: picture to write (.png, .svg or .pdf); by default NAME.png here.
    """
    from deepracer_sim.track_library import load_track
    from deepracer_sim.track_picture import draw_track

    track = load_track(name)
    path = output or Path(f"{track.name}.png")
    draw_track(track, path)
    print(path)


def import_track(file: tyro.conf.Positional[Path], output: Path | None = None) -> None:
    """Check a published track file and save it cleaned, ready to train on.

    Args:
        file: .npy of shape (N, 6): centre, inner and outer x, y in metres.
        output: file to write; by default NAME_clean.npy here.
    """
    from deepracer_sim.track_library import describe as describe_track
    from deepracer_sim.track_library import import_track as read
    from deepracer_sim.track_library import save_track

    track = read(file)
    path = output or Path(f"{file.stem}_clean.npy")
    save_track(track, path)
    row = describe_track(track)
    print(
        f"{len(track.center)} waypoints, {row.length:.2f} m long, {row.width:.2f} m wide, {row.direction}, "
        f"smallest radius {row.min_radius:.2f} m"
    )
    print(f"{path}: train on it with: deepracer train --track {path}")


def generate_track(seed: int, output: Path | None = None) -> None:
    """Make up a track; the same seed always gives the same one.

    Args:
        seed: 0 or more.
        output: .npy to write; by default random_SEED.npy here.
    """
    from deepracer_sim.track_generator import generate_track as draw
    from deepracer_sim.track_library import save_track

    path = output or Path(f"random_{seed}.npy")
    save_track(draw(seed), path)
    print(path)


COMMANDS: dict[str, Command] = {
    "list": list_tracks,
    "show": show_track,
    "import": import_track,
    "generate": generate_track,
}
