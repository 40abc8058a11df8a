"""A sweep's file: what it says, and what is refused before anything starts."""

from __future__ import annotations

import pytest
from small_sweeps import trials, write_sweep

from deepracer_sim.errors import DeepRacerError
from deepracer_sim.profiles import aws_profile
from deepracer_sim.settings import TrainSettings
from deepracer_sim.sweep.sweep_file import read_sweep
from deepracer_sim.sweep.trial import LONGEST_NAME, check_trials, trials_of

REWARD = "def reward_function(params):\n    return params['speed']\n"


def test_a_grid_with_seeds(tmp_path):
    found = trials(
        tmp_path,
        base={"ppo": {"num_epochs": 3}},
        vary={"ppo.lr": [0.001, "2e-3"], "track": ["oval", ["oval", "bowtie"]]},
        seeds=[4, 9],
    )
    assert [trial.name for trial in found] == [
        "lr=0.001,track=oval,seed=4",
        "lr=0.001,track=oval,seed=9",
        "lr=0.001,track=oval+bowtie,seed=4",
        "lr=0.001,track=oval+bowtie,seed=9",
        "lr=2e-3,track=oval,seed=4",
        "lr=2e-3,track=oval,seed=9",
        "lr=2e-3,track=oval+bowtie,seed=4",
        "lr=2e-3,track=oval+bowtie,seed=9",
    ]
    default = TrainSettings()
    wanted = default.replaced(
        track=("oval", "bowtie"), seed=9, threads=1, ppo=default.ppo.replaced(num_epochs=3, lr=0.002)
    )
    assert found[-1].definition.settings == wanted
    assert [trial.seed for trial in found[:2]] == [4, 9]


def test_the_profile_and_the_threads_are_the_files(tmp_path):
    (found,) = trials(tmp_path, base={"profile": "aws", "threads": 2}, vary={"ppo.lr": [0.001]})
    wanted = aws_profile()
    assert found.definition.settings == wanted.replaced(threads=2, ppo=wanted.ppo.replaced(lr=0.001))


def test_how_many_seeds(tmp_path):
    assert [trial.name for trial in trials(tmp_path, seeds=3)] == ["seed=0", "seed=1", "seed=2"]
    assert [trial.seed for trial in trials(tmp_path, base={"seed": 7}, seeds=2)] == [7, 8]
    assert [trial.seed for trial in trials(tmp_path, base={"seed": 7}, vary={"ppo.lr": [0.1]})] == [7]


DRAW = {
    "ppo.lr": {"low": 1e-4, "high": 1e-2, "scale": "log"},
    "ppo.num_epochs": {"low": 2, "high": 6},
    "track": ["oval", "bowtie"],
}


def test_draws(tmp_path):
    found = trials(tmp_path, draw=DRAW, samples=100)
    assert len({trial.name for trial in found}) == 100
    settings = [trial.definition.settings for trial in found]
    rates = [entry.ppo.lr for entry in settings]
    assert 1e-4 <= min(rates) < 2e-4 and 5e-3 < max(rates) <= 1e-2
    # Of 100 draws on a logarithmic scale, half are below 1e-3 on average: within five deviations of 5.
    assert 25 <= sum(rate < 1e-3 for rate in rates) <= 75
    assert all(rate == float(f"{rate:.3g}") for rate in rates)
    assert {entry.ppo.num_epochs for entry in settings} == {2, 3, 4, 5, 6}
    assert {entry.track for entry in settings} == {("oval",), ("bowtie",)}


def test_more_draws_begin_with_the_same(tmp_path):
    few = trials(tmp_path, draw=DRAW, samples=5)
    assert [trial.name for trial in trials(tmp_path, draw=DRAW, samples=20)[:5]] == [t.name for t in few]
    others = trials(tmp_path, draw=DRAW, samples=5, draw_seed=1)
    assert others[0].name != few[0].name


def test_each_point_of_the_grid_has_each_draw(tmp_path):
    found = trials(tmp_path, vary={"critic": ["state", "image"]}, draw=DRAW, samples=4)
    halves = [trial.name.partition(",")[2] for trial in found]
    assert len(found) == 8 and halves[:4] == halves[4:]


def test_files_are_relative_to_the_sweeps_file(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "speed.py").write_text(f"# {folder}\n{REWARD}")
    found = trials(tmp_path, vary={"reward": ["a/speed.py", "b/speed.py"]})
    assert [trial.name for trial in found] == ["reward=speed-1", "reward=speed-2"]
    assert [trial.definition.files["reward_function.py"][:3] for trial in found] == [b"# a", b"# b"]


def test_settings_of_one_word_have_their_groups_in_names(tmp_path):
    values = {"episode.laps": [1, 2], "evaluation.laps": [3]}
    names = [trial.name for trial in trials(tmp_path, vary=values)]
    assert names == ["episode.laps=1,evaluation.laps=3", "episode.laps=2,evaluation.laps=3"]


def test_names_stay_short_and_different(tmp_path):
    group = TrainSettings.model_fields["randomisation"].annotation.model_fields
    ranges = {f"randomisation.{name}": [[0.2, 0.3]] for name in list(group)[2:5]}
    names = [trial.name for trial in trials(tmp_path, vary={**ranges, "actions.max_speed": [1, 2]}, seeds=9)]
    assert len(set(names)) == 18
    long = {f"ppo.{name}": [value] for name, value in TrainSettings().ppo.model_dump().items() if value}
    names = [trial.name for trial in trials(tmp_path, vary=long, seeds=2)]
    assert len(set(names)) == 2 and all(len(name) == LONGEST_NAME for name in names)


def test_the_name_is_the_files(tmp_path):
    path = write_sweep(tmp_path, seeds=2)
    assert read_sweep(path)[0] == "sweep"
    assert read_sweep(path.rename(tmp_path / "my rates.v2.yaml"))[0] == "my-rates-v2"
    assert read_sweep(write_sweep(tmp_path, name="rates", seeds=2))[0] == "rates"


GRID = {"ppo.lr": [0.001]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "nothing varies: add vary, draw with samples, or seeds"),
        (
            {"vari": GRID},
            "vari: no such setting; a sweep has name, base, vary, draw, samples, draw_seed, seeds",
        ),
        ({"vary": {"ppo.lr": [5]}}, "ppo.lr=5: must be <= 0.1"),
        ({"vary": {"ppo.lr": [0.1, "fast"]}}, "ppo.lr='fast': must be a valid number"),
        ({"vary": {"ppo.rate": [1]}}, "ppo.rate: no such setting"),
        ({"vary": {"learning_rate": [1]}}, "learning_rate: no such setting"),
        ({"vary": {"ppo.lr": 0.1}}, "vary.ppo.lr=0.1: must be a list of values"),
        (
            {"vary": {"ppo": {"lr": [1]}}},
            "vary.ppo={'lr': [1]}: must be a list of values; settings of a group",
        ),
        ({"vary": {"ppo.lr": []}}, "vary.ppo.lr=[]: must be a list"),
        ({"vary": {"ppo.lr": [0.1, 0.2, 0.1]}}, "vary.ppo.lr=[0.1, 0.2, 0.1]: has 0.1 twice"),
        ({"vary": {"track.name": ["oval"]}, "base": {"track": "oval"}}, "track.name: track is no group"),
        ({"vary": {"seed": [1, 2]}}, "seed has a place of its own: seeds: [1, 2, 3], or how many"),
        ({"vary": GRID, "base": {"ppo": {"lr_": 1}}}, "ppo.lr_: no such setting"),
        ({"vary": GRID, "base": {"world": "gazebo"}}, "world=gazebo: a sweep trains in the embedded"),
        ({"vary": GRID, "base": [1]}, "base=[1]: must be a valid dictionary"),
        ({"draw": DRAW}, "draw: needs samples too"),
        ({"vary": GRID, "samples": 3}, "samples=3: needs draw too"),
        ({"draw": DRAW, "samples": 0}, "samples=0: must be >= 1"),
        ({"draw": DRAW, "samples": 3, "vary": GRID}, "ppo.lr: is in vary and in draw"),
        ({"draw": {"ppo.lr": {"low": 2, "high": 1}}, "samples": 3}, "low=2: must be < high=1"),
        ({"draw": {"ppo.lr": {"low": 0, "high": 1, "scale": "log"}}, "samples": 3}, "low=0: must be > 0"),
        ({"draw": {"ppo.lr": {"from": 0, "high": 1}}, "samples": 3}, "a range is {low: 0.001, high: 0.01"),
        ({"draw": {"ppo.lr": {"low": 1, "high": 2}}, "samples": 3}, "must be <= 0.1"),
        ({"draw": {"track": ["oval"]}, "samples": 3}, "samples=3: there are about 1 different draws"),
        ({"seeds": 0}, "seeds=0: must be from 1 to 1000; a certain seed is a list: [0]"),
        ({"seeds": [1, 1]}, "has 1 twice"),
        ({"seeds": [-1]}, "must be how many, or a list of seeds from 0"),
        ({"seeds": "all"}, "seeds='all': must be how many, or a list"),
        ({"seeds": [1], "base": {"seed": 2}}, "has both base.seed and a list of seeds"),
        (
            {"vary": {"ppo.lr": [k / 1e4 for k in range(1, 41)]}, "seeds": 26},
            "1040 trials: must be at most 1000",
        ),
        ({"name": "../out", "seeds": 2}, "name='../out': must be 1 to 64 letters"),
        ({"vary": {"reward": ["none.py"]}}, "none.py: cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path, content, message):
    path = write_sweep(tmp_path, **content)
    with pytest.raises(DeepRacerError) as caught:
        trials_of(path, read_sweep(path)[1])
    assert message in str(caught.value)


def test_what_is_no_yaml(tmp_path):
    (tmp_path / "sweep.yaml").write_text("vary: {ppo.lr: [0.1, 0.2}\n")
    with pytest.raises(DeepRacerError, match="no valid YAML"):
        read_sweep(tmp_path / "sweep.yaml")
    with pytest.raises(DeepRacerError, match="cannot be read"):
        read_sweep(tmp_path / "nosuch.yaml")


def test_reward_functions_are_tried_in_a_child(tmp_path):
    (tmp_path / "good.py").write_text(REWARD)
    (tmp_path / "bad.py").write_text("def reward_function(params):\n    return params['sped']\n")
    found = trials(tmp_path, base={"track": "oval"}, vary={"reward": ["good.py", "bad.py"]}, seeds=3)
    with pytest.raises(
        DeepRacerError, match=r"trial reward=bad,seed=0: .*\n.*bad.py: refused.*\n.*:2: KeyError"
    ):
        check_trials(found)


def test_tracks_are_looked_for(tmp_path):
    with pytest.raises(DeepRacerError, match=r"trial track=nosuch: .*nosuch"):
        check_trials(trials(tmp_path, vary={"track": ["oval", "nosuch"]}))
