"""The `deepracer race` subcommands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import tyro

from deepracer_sim.command_options import Command
from deepracer_sim.races.rules import RaceRules

ENVIRONMENT = "DEEPRACER_RACES"
Races = Annotated[
    Path | None,
    tyro.conf.arg(help=f"folder of the races; by default ${ENVIRONMENT}, or the one beside the models'"),
]


def races_folder(given: Path | None = None) -> Path:
    """Return the folder of the races: the given one, else the environment's, else beside the models."""
    from deepracer_sim.garage.model_store import ModelStore

    if given is None and (named := os.environ.get(ENVIRONMENT)):
        given = Path(named)
    return (given or ModelStore().path.parent / "races").expanduser().resolve()


def race_path(name: str, races: Path | None) -> Path:
    """Return the folder of a race.

    Raises:
        RaceError: the name would lead elsewhere.
    """
    from deepracer_sim.races.race import checked_name

    return races_folder(races) / checked_name(name)


def make_race(
    name: tyro.conf.Positional[str],
    rules: Annotated[RaceRules, tyro.conf.arg(name="")] = RaceRules(),  # noqa: B008
    races: Races = None,
) -> None:
    """Make a race that models can enter.

    Args:
        name: of the race.
        rules: how it is driven and decided.
    """
    from deepracer_sim.races.leaderboard import format_leaderboard
    from deepracer_sim.races.leaderboard_page import publish
    from deepracer_sim.races.race_creation import create_race

    race = create_race(race_path(name, races), rules)
    board, files = publish(race)
    print(format_leaderboard(board))
    _print_files(files)


def list_races(races: Races = None) -> None:
    """List the races with who leads them."""
    from deepracer_sim.races.leaderboard import Leaderboard, format_table
    from deepracer_sim.races.season import read_races

    folder = races_folder(races)
    found, problems = read_races(folder)
    rows = []
    for race in found:
        board = Leaderboard.of(race)
        problems += [f"race {race.name}, {problem}" for problem in board.problems]
        first = board.standings[0] if board.standings else None
        leader = f"{first.entry.racer} {first.result:.3f}" if first and first.result is not None else "-"
        state = "open" if race.is_open else "closed"
        rules = race.rules
        cells = (race.name, state, race.track_name, str(rules.laps), rules.rule, rules.season or "-")
        rows.append((*cells, str(len(board.standings)), leader))
    header = ("name", "state", "track", "laps", "rule", "season", "racers", "leads with s")
    lines = format_table(header, rows, texts={0, 1, 2, 4, 5, 7}) if rows else [f"no races in {folder}"]
    print("\n".join([*lines, *(f"left out: {problem}" for problem in problems)]))


def enter_race(
    race: tyro.conf.Positional[str],
    model: tyro.conf.Positional[str],
    racer: str | None = None,
    races: Races = None,
    store: Path | None = None,
) -> None:
    """Drive a model in a race; the best entry of each racer counts.

    Args:
        race: name of the race.
        model: name in the store, run folder, checkpoint, folder with model.onnx, or a .tar.gz of it.
        racer: under which name it drives; by default the model's.
        store: folder of the models; by default $DEEPRACER_STORE, or one among the user's data.
    """
    from deepracer_sim.races.entering import enter
    from deepracer_sim.races.leaderboard import format_leaderboard
    from deepracer_sim.races.leaderboard_page import publish
    from deepracer_sim.races.race import Race

    opened = Race.open(race_path(race, races))
    entry = enter(opened, model, racer, store)
    board, files = publish(opened)
    standing = board.standing_of(entry.racer)
    print(format_leaderboard(board))
    print()
    laps = " ".join(f"{time:.3f}" for time in entry.drive.times) or "none"
    print(f"entry {entry.number} of {entry.racer}: laps {laps}, {entry.drive.resets} resets")
    if standing and standing.entry != entry:
        print(f"its entry {standing.entry.number} was better, and still counts")
    _print_files(files)


def show_leaderboard(race: tyro.conf.Positional[str], races: Races = None) -> None:
    """Show who stands where in a race; write it as a web page and as JSON.

    Args:
        race: name of the race.
    """
    from deepracer_sim.races.leaderboard import Leaderboard, format_leaderboard
    from deepracer_sim.races.leaderboard_page import publish
    from deepracer_sim.races.race import Race

    opened = Race.open(race_path(race, races))
    print(format_leaderboard(Leaderboard.of(opened)))
    _print_files(publish(opened)[1])


def close_race(race: tyro.conf.Positional[str], races: Races = None) -> None:
    """Let no more models enter a race, and reveal its track if nobody has seen it.

    Args:
        race: name of the race.
    """
    from deepracer_sim.races.race import Race

    Race.open(race_path(race, races)).close()
    show_leaderboard(race, races)


def make_video(race: tyro.conf.Positional[str], races: Races = None) -> None:
    """Drive a race's first three again, on one track as ghosts; write it as a video.

    Args:
        race: name of the race; an unseen track must have been revealed.
    """
    from deepracer_sim.races.head_to_head import save_head_to_head
    from deepracer_sim.races.leaderboard_page import publish
    from deepracer_sim.races.race import Race

    opened = Race.open(race_path(race, races))
    video = save_head_to_head(opened)
    _print_files([video, *publish(opened)[1]])


def show_season(season: tyro.conf.Positional[str], races: Races = None) -> None:
    """Add up the points of a season's races; write them as a web page and as JSON.

    Args:
        season: name that its races were made with.
    """
    from deepracer_sim.races.season import Season, format_season, publish_season

    folder = races_folder(races)
    found = Season.of(folder, season)
    print(format_season(found))
    _print_files(publish_season(folder, found))


def _print_files(files: list[Path]) -> None:
    print()
    for file in files:
        print(file)


COMMANDS: dict[str, Command] = {
    "create": make_race,
    "enter": enter_race,
    "leaderboard": show_leaderboard,
    "close": close_race,
    "list": list_races,
    "season": show_season,
    "video": make_video,
}
