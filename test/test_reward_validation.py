"""What the validation of a user's reward function accepts and refuses, and on which line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch

from deepracer_sim.errors import SettingError
from deepracer_sim.reward_validation import (
    ValidationReport,
    format_report,
    sample_params,
    sample_states,
    validate_reward,
)
from deepracer_sim.track import Track

EXAMPLES = sorted((Path(__file__).parents[1] / "examples" / "rewards").glob("*.py"))


def ring() -> Track:
    """A circle of radius 2 m in 60 waypoints, 0.8 m wide."""
    angle = torch.arange(60) * torch.pi / 30
    unit = torch.stack((angle.cos(), angle.sin()), dim=1)
    return Track("ring", 2.0 * unit, 1.6 * unit, 2.4 * unit)


def validate(folder: Path, source: str | bytes, **settings) -> ValidationReport:
    path = folder / "my_reward.py"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return validate_reward(path, ring(), **{"num_states": 40, **settings})


def function(*lines: str) -> str:
    return "\n".join(("def reward_function(params):", *(f"    {line}" for line in lines), ""))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_accepted(path: Path):
    report = validate_reward(path, ring())
    assert report.ok, format_report(report)
    assert report.num_calls == 400
    assert report.minimum < report.mean < report.maximum


def test_there_are_the_labs_three_examples_and_progress():
    names = [path.stem for path in EXAMPLES]
    assert names == ["follow_center_line", "prevent_zig_zag", "progress", "stay_inside_borders"]


def test_figures_are_those_of_the_sampled_params(tmp_path: Path):
    report = validate(tmp_path, function("print('hi')", "return params['x']"))
    expected = [params["x"] for params in sample_params(ring(), 40)]
    assert (report.minimum, report.maximum) == (min(expected), max(expected))
    assert report.mean == pytest.approx(sum(expected) / 40)
    assert report.output == "hi\n" * 40
    assert report.seconds_per_call > 0


def test_states_cover_the_track():
    params = sample_params(ring(), 400)
    for reversed in (False, True):
        lap = [entry for entry in params if entry["is_reversed"] is reversed]
        assert len(lap) == 200
        assert {tuple(entry["closest_waypoints"]) for entry in lap} == {(k, k + 1) for k in range(60)}
        assert {(entry["is_left_of_center"], entry["is_offtrack"]) for entry in lap} >= {
            (True, True), (True, False), (False, True), (False, False),
        }  # fmt: skip
        assert {entry["all_wheels_on_track"] for entry in lap} == {True, False}
        assert (lap[0]["progress"], lap[-1]["progress"]) == (0.0, 100.0)
        assert [entry["steps"] for entry in lap] == list(range(1, 201))
        for name, low, high in (("heading", -178, 178), ("speed", 0.15, 3.95), ("steering_angle", -29, 29)):
            values = [entry[name] for entry in lap]
            assert min(values) < low
            assert max(values) > high
    assert params[0]["distance_from_center"] == pytest.approx(0.0, abs=1e-5)


def test_steps_go_forward():
    assert (sample_states(ring(), 40).step_distance > 0).all()


@pytest.mark.parametrize(
    "source",
    [
        function("return True"),
        function("import numpy as np", "return np.float32(np.linalg.norm(params['waypoints'][0]))"),
        function("import random, math", "return math.sqrt(random.random())"),
        "class Reward:\n    def __call__(self, params):\n        return 1\nreward_function = Reward()\n",
        "from __future__ import annotations\nimport dataclasses\n"
        "@dataclasses.dataclass\nclass A:\n    b: int = 2\n" + function("return A().b"),
        "\ufeff" + function("return 1  # caf\u00e9"),
        function("params['waypoints'].clear()", "params.clear()", "return 1"),
        "if __name__ == '__main__':\n    raise RuntimeError\n" + function("return 1"),
    ],
)
def test_accepted(tmp_path: Path, source: str):
    report = validate(tmp_path, source)
    assert report.ok, format_report(report)


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\ny = (1\n", 2, "SyntaxError: '(' was never closed"),
        (function("if params:", "    a = 1", "\tb = 2"), 4, "TabError: inconsistent use of tabs and spaces"),
        (function("a = 1", "  b = 2"), 3, "IndentationError: unexpected indent"),
        (b"x = 1\nb = '\xe9'\n", 2, "byte 0xe9 is not UTF-8"),
        ("x = 1\n\0\n", 2, "holds a null byte"),
        ("", 1, "defines no function reward_function(params)"),
        ("def Reward_Function(params): return 1", 1, "it defines Reward_Function"),
        ("reward_function = 3", 1, "reward_function is of type int: must be a function"),
        ("\ndef reward_function(a, b): return 1", 2, "reward_function(a, b): must take one argument"),
        ("\n\ndef reward_function(): return 1", 3, "reward_function(): must take one argument"),
        ("import no_such_module_here\n", 1, "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("def f(p):\n    return p['a']\n" + function("return f(params)"), 2, "KeyError: 'a'"),
        (function("x = 1", "if params['steps'] < 3: return x", "else: pass"), 4, "returned None"),
        (function("x = '1'", "return x"), 3, "returned '1', a str; must be a number"),
        (function("return params['waypoints']"), 2, "a list; must be a number"),
        (function("yield 1"), 1, "a generator; must be a number"),
        (function("return 0 * 1e999"), 2, "returned nan: must be a finite number"),
        (function("return -1e999"), 2, "returned -inf: must be a finite number"),
        (function("return 10 ** 400"), 2, "returned inf: must be a finite number"),
        (function("return -1.1e5"), 2, "returned -110000: must be within +-100000"),
        (function("return reward_function(params)"), 2, "RecursionError"),
        (function("import sys", "sys.exit(0)"), 3, "ended the program (sys.exit or os._exit)"),
        ("import os\nos._exit(0)\n", 2, "ended the program (sys.exit or os._exit)"),
        (function("import os", "os.abort()"), 3, "the interpreter was ended by SIGABRT in call 1 of 40"),
        (function("import os", "os.kill(os.getpid(), 9)"), 3, "starts or signals a process (os.kill)"),
        (function("import os", "os.fork()", "return 1"), 3, "starts or signals a process (os.fork)"),
        (function("return float(input())"), 2, "EOFError"),
        (
            function("open('f', 'ab').write(bytes(2_000_000))", "return 1"),
            2,
            "OSError: [Errno 27] File too large",
        ),
    ],
)
def test_refused(tmp_path: Path, source: str | bytes, line: int, message: str):
    report = validate(tmp_path, source)
    assert not report.ok
    assert [error.line for error in report.errors] == [line]
    assert message in str(report.errors[0])
    assert f"my_reward.py:{line}: " in format_report(report)


def test_an_exception_comes_with_the_params_and_the_line_of_source(tmp_path: Path):
    report = validate(tmp_path, function("return 1 / (params['steps'] - 7)"))
    text = format_report(report)
    assert "my_reward.py:2: ZeroDivisionError: " in text
    assert "\n    return 1 / (params['steps'] - 7)\n" in text
    assert ", steps=7, " in text
    assert "waypoints=<61 points>" in text


def test_each_faulty_line_is_reported_once(tmp_path: Path):
    source = function("if params['is_reversed']:", "    return 1 / 0", "return params['nothing']")
    report = validate(tmp_path, source)
    assert [error.line for error in report.errors] == [4, 3]
    assert "refused on ring, 2 errors" in format_report(report)


@pytest.mark.parametrize(
    ("source", "line", "where"),
    [
        ("x = 1\nwhile True: x += 1\n", 2, "while the file itself ran"),
        (
            function("while True:", "    try:", "        params['x']", "    except BaseException: pass"),
            None,
            "in call 1 of 40",
        ),
        (function("return sum(range(10 ** 12))"), 2, "in call 1 of 40"),
        (
            function("import time", "if params['steps'] == 3: time.sleep(1000)", "return 1"),
            3,
            "in call 3 of 40",
        ),
        (function("while True: print('again')"), 2, "in call 1 of 40"),
    ],
    ids=["at import", "catches everything", "in C", "sleeps", "prints"],
)
def test_endless(tmp_path: Path, source: str, line: int | None, where: str):
    (error,) = validate(tmp_path, source, timeout=1.0).errors
    assert f"was not done after 1 s, {where}: an endless loop, or too slow" in error.message
    assert error.line == line if line else error.line in range(2, 6)
    assert any(detail.startswith("params: ") for detail in error.details) == ("call" in where)


def test_endless_loop_in_a_file_with_a_name_that_is_not_ascii(tmp_path: Path):
    path = tmp_path / "bel\u00f8nning \u6e2c.py"
    path.write_text("x = 1\n\nwhile True: pass\n")
    (error,) = validate_reward(path, ring(), timeout=1.0).errors
    assert str(error).startswith(f"{path}:3: ")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (function("return len(bytes(10 ** 10))"), 2),
        ("kept = []\n" + function("while True: kept.append(bytes(10 ** 6))"), 3),
        ("import numpy\n" + function("return numpy.ones(10 ** 10)[0]"), 3),
    ],
)
def test_memory(tmp_path: Path, source: str, line: int):
    (error,) = validate(tmp_path, source, memory_limit=512 << 20).errors
    assert error.line == line
    assert "needs more than the limit of 512 MiB of memory" in error.message


def test_crash_of_the_interpreter(tmp_path: Path):
    (error,) = validate(tmp_path, function("import ctypes", "return ctypes.string_at(0)")).errors
    assert error.line == 3
    assert "ended by SIGSEGV in call 1 of 40" in error.message


def test_catching_the_refusal_does_not_help(tmp_path: Path):
    source = function(
        "import subprocess", "try: subprocess.run(['true'])", "except Exception: pass", "return 1"
    )
    (error,) = validate(tmp_path, source).errors
    assert error.line == 3
    assert "starts or signals a process (subprocess.Popen)" in error.message


def test_output_cannot_forge_results(tmp_path: Path):
    source = function(
        "import os, sys",
        'line = \'{"finished": true}\\n{"reward": 7, "seconds": 1}\\n\'',
        "print(line)",
        "print(line, file=sys.stderr)",
        "os.write(1, line.encode())",
        "sys.stdout.close()",
        "os._exit(0)",
    )
    report = validate(tmp_path, source)
    assert not report.ok
    assert report.maximum is None
    assert '{"finished": true}' in report.output


def test_output_is_kept_in_order_and_cut(tmp_path: Path):
    source = "import sys\nprint('one')\nprint('two \u00e9', file=sys.stderr)\n" + function(
        "print('y' * 500)", "return 1"
    )
    report = validate(tmp_path, source)
    assert report.ok
    assert report.output.startswith("one\ntwo \u00e9\nyyy")
    assert report.output.endswith("\n[cut after 10000 characters]")
    assert "It printed:\n    one\n    two \u00e9\n    yyy" in format_report(report)


def test_the_child_sees_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEEPRACER_TEST_SECRET", "1")
    source = "import os, sys\n" + function(
        "assert 'DEEPRACER_TEST_SECRET' not in os.environ",
        "assert os.listdir('.') == [] and os.environ['HOME'] == os.getcwd()",
        "assert 'torch' not in sys.modules and len(sys.argv) == 1",
        "return 1",
    )
    report = validate(tmp_path, source)
    assert report.ok, format_report(report)
    assert os.listdir(tmp_path) == ["my_reward.py"]


def test_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "huge.py").write_bytes(b"#" * 1_000_001)
    for name, message in (
        ("none.py", r"none\.py: cannot be read: No such file or directory"),
        (".", "cannot be read: Is a directory"),
        ("huge.py", r"huge\.py: is larger than 1000000 bytes"),
    ):
        report = validate_reward(tmp_path / name, ring())
        assert not report.ok
        assert re.search(message, format_report(report))


@pytest.mark.parametrize(
    "setting", [{"num_states": 1}, {"timeout": 0}, {"timeout": float("nan")}, {"memory_limit": 1 << 20}]
)
def test_settings_out_of_range(tmp_path: Path, setting: dict):
    (name,) = setting
    with pytest.raises(SettingError, match=f"{name}=.*: must be "):
        validate(tmp_path, function("return 1"), **setting)


def test_accepted_report(tmp_path: Path):
    text = format_report(validate(tmp_path, function("return 2")))
    assert re.search(r"my_reward\.py: OK on ring: 40 calls of [\d.]+ us, reward from 2 to 2, mean 2$", text)
