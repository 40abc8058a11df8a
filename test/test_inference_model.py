"""Models that the inference node must not drive by, its start, and the lifecycle of an older ROS 2."""

from __future__ import annotations

import json
import os
import shutil

import cv2
import numpy as np
import onnx_models
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from car_peer import HEIGHT, NAME, WIDTH, running_car, save_model
from deepracer_interfaces_pkg.msg import EvoSensorMsg
from deepracer_interfaces_pkg.srv import LoadModelSrv
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from ros_nodes import new_domain, node
from sensor_msgs.msg import CompressedImage


def truncate(folder):
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:200])


def fill_with_text(folder):
    (folder / "model.onnx").write_text("not a model")


def drop_metadata(folder):
    (folder / "model_metadata.json").unlink()


def change_metadata(**changes):
    def change(folder):
        metadata = onnx_models.metadata()
        metadata["action_space"][0].update(changes)
        (folder / "model_metadata.json").write_text(json.dumps(metadata))

    return change


def drop_a_class(folder):
    (folder / "model_metadata.json").write_text(json.dumps(onnx_models.metadata(2)))


FAULTS = {
    "truncated": (truncate, "onnxruntime cannot open"),
    "not ONNX": (fill_with_text, "onnxruntime cannot open"),
    "no metadata": (drop_metadata, "cannot be read"),
    "0 m/s": (change_metadata(speed=0.0), "speed 0 m/s"),
    "45 degrees": (change_metadata(steering_angle=45.0), "steering angle 45 degrees"),
    "a class less": (drop_a_class, "belong to different models"),
    "nothing": (lambda folder: shutil.rmtree(folder), "no such folder"),
}


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    with running_car(tmp_path_factory.mktemp("car")) as car:
        yield car


def load(car, folder):
    request = LoadModelSrv.Request(artifact_path=str(folder))
    return car.peer.ask(LoadModelSrv, f"{NAME}/load_model", request).error


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_model_is_refused_and_nothing_drives(car, tmp_path, fault):
    damage, words = FAULTS[fault]
    good, bad = save_model(tmp_path / "good"), save_model(tmp_path / "bad")
    damage(bad)
    said = len(car.process.text())
    assert load(car, bad) == 1 and words in car.process.text()[said:]
    heard = len(car.commands)
    assert car.start() == 1 and car.show(0.3) == [] and len(car.commands) == heard
    assert load(car, good) == 0 and car.start() == 0 and car.show(0.5)[-1][2] > 0.3
    assert load(car, bad) == 1, "while it drives"
    assert car.show(0.3)[-1][2] > 0.3 and car.start(False) == 0


def test_a_file_of_the_model_stands_for_its_folder(car, tmp_path):
    assert load(car, save_model(tmp_path / "model") / "model.onnx") == 0


def test_without_a_model_it_waits_for_one(tmp_path):
    with running_car(tmp_path, model="''") as car:
        assert car.start() == 1 and car.show(0.3) == []
        assert load(car, save_model(tmp_path / "late")) == 0
        assert car.start() == 0 and car.show(0.6)[-1][2] > 0.3


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cap", 1.5, "cap"),
        ("cap", "text", "cap"),
        ("camera", "lidar", "camera='lidar': must be one of image, compressed"),
        ("max_frame_age", 0.0, "max_frame_age"),
    ],
)
def test_a_wrong_parameter_ends_it_with_a_line(tmp_path, name, value, words):
    with node("deepracer_inference.inference_node", new_domain(), tmp_path, **{name: value}) as process:
        assert process.wait() == 2
        lines = process.text().splitlines()
        assert lines[-1].startswith("deepracer: ") and words in lines[-1]


def test_a_calibration_is_honoured(tmp_path):
    """The model's speed of 3 m/s is slowed down to 1.5: half way between 0.1 and 0.3."""
    (tmp_path / "car.json").write_text('{"speeds": [1.0, 2.0], "throttles": [0.1, 0.3]}')
    with running_car(tmp_path, calibration=tmp_path / "car.json", max_speed=1.5) as car:
        car.start()
        assert car.show(0.8)[-1][2] == pytest.approx(0.2)


def jpeg(quality=90, cut=None):
    pixels = np.random.default_rng().integers(0, 255, (4 * HEIGHT, 4 * WIDTH, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()[:cut]


def test_jpegs_drive_it_and_damaged_ones_stop_it(tmp_path):
    with running_car(tmp_path, camera="compressed") as car:
        car.topic = "/camera/image_raw/compressed"
        stamp = lambda: car.picture().header  # noqa: E731
        car.start()
        assert car.show(0.8, make=lambda: CompressedImage(header=stamp(), data=jpeg()))[-1][2] > 0.4
        for data in (jpeg(cut=1000), b"", b"no jpeg at all", jpeg()[:-2] + bytes(100)):
            bad = car.show(0.3, make=lambda data=data: CompressedImage(header=stamp(), data=data))
            assert bad[-1][1:] == (0.0, 0.0) and "cannot be used" in car.reasons[-1]


def test_the_cars_own_sensor_message_drives_it(tmp_path):
    with running_car(tmp_path, camera="sensor_msg") as car:
        car.topic = "/sensor_fusion_pkg/sensor_msg"
        car.start()
        assert car.show(0.8, make=lambda: EvoSensorMsg(images=[car.picture()]))[-1][2] > 0.4
        assert car.show(0.3, make=lambda: EvoSensorMsg())[-1][2] == 0.0


def test_diagnostics_say_how_it_goes(tmp_path):
    with running_car(tmp_path) as car:
        heard = car.peer.hear(DiagnosticArray, "/diagnostics")
        car.start()
        car.show(2.2)
        status = heard[-1].status[0]
        values = {item.key: item.value for item in status.values}
        assert status.message == "drives" and values["state"] == "active" and values["throttle cap"] == "0.5"
        assert 15 < float(values["rate (1/s)"]) < 35 and int(values["refused frames"]) == 0
        assert 0 < float(values["latency median (ms)"]) < 100


def test_an_older_ros_2_has_the_same_lifecycle(tmp_path, monkeypatch):
    """Its rclpy has no lifecycle: the node brings a plain one."""
    (tmp_path / "old_ros").mkdir()
    (tmp_path / "old_ros" / "inference_node.py").write_text(
        "import sys\n"
        "sys.modules['rclpy.lifecycle'] = None\n"
        "from deepracer_inference.inference_node import main\n"
    )
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))

    def change(number):
        request = ChangeState.Request()
        request.transition.id = number
        return car.peer.ask(ChangeState, f"{NAME}/change_state", request).success

    def state():
        return car.peer.ask(GetState, f"{NAME}/get_state").current_state.label

    with running_car(tmp_path, module="old_ros.inference_node") as car:
        assert state() == "inactive" and not change(1)
        possible = car.peer.ask(GetAvailableTransitions, f"{NAME}/get_available_transitions")
        labels = [one.transition.label for one in possible.available_transitions]
        assert labels == ["cleanup", "activate", "shutdown"]
        assert change(3) and state() == "active"
        assert car.show(0.8)[-1][2] > 0.4
        assert change(4) and state() == "inactive"
        car.peer.spin(0.2)
        assert car.commands[-1][1:] == (0.0, 0.0)
        assert change(2) and state() == "unconfigured"
        assert car.start() == 1 and change(1) and change(6) and state() == "finalized"
