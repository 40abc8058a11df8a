"""SIGKILL at many points of each change to a store: `kill_points.py FOLDER TRACK POINTS [ACTION ...]`.

The action is done in a fork, which ends itself before or after the n-th call to the system; what it leaves is
looked at, and the next fork goes one step further.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

from small_models import contents, definition, leftovers
from small_runs import small_settings

from deepracer_sim import checkpoint_choice
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.file_replacement import LEFTOVERS
from deepracer_sim.garage import model_archive
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_archive import download, unpack
from deepracer_sim.garage.model_import import import_model
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_training import train
from deepracer_sim.garage.stored_model import StoredModel
from deepracer_sim.run_folder import RunFolder

CALLS = {
    *("open", "write", "close", "__exit__", "mkdir", "rename", "replace", "unlink", "rmdir", "flock"),
    *("sendfile", "copy_file_range", "truncate", "flush"),
}
TRAINED = 25
"""A model is trained on after every so many kills; that takes a while."""


class Killer:
    """Ends the process before or after one of its calls; counts them all if there is no such one."""

    def __init__(self, point):
        self.point, self.count = point, 0

    def __call__(self, frame, event, function):
        if event in ("c_call", "c_return") and getattr(function, "__name__", "") in CALLS:
            self.count += 1
            if self.count == self.point:
                os.kill(os.getpid(), signal.SIGKILL)


def fork(action, point):
    """Do an action in a fork that ends at a point; return how many points it has passed, None if it ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        killer, status = Killer(point), 1
        sys.setprofile(killer)
        try:
            action()
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.setprofile(None)
            os.write(write_end, str(killer.count).encode())
            os._exit(status)
    os.close(write_end)
    with open(read_end) as stream:
        said = stream.read()
    status = os.waitpid(child, 0)[1]
    assert status == (0 if said else signal.SIGKILL), status
    return int(said) if said else None


class Scene:
    """A store with a model that has trained, one beside it, and an archive of the first; whatever is done.

    Args:
        folder: to work in.
        track: to train on.
    """

    def __init__(self, folder, track):
        self.folder, self.number = folder, 0
        self.first = folder / "first"
        folder.mkdir()
        (folder / "out").mkdir()
        reward = folder / "reward.py"
        reward.write_bytes(definition().files["reward_function.py"])
        store = ModelStore(self.first)
        mine = store.create("mine", ModelDefinition.packed(small_settings(track, 2, reward=reward)))
        train(mine)
        store.create("beside", definition(seed=8))
        shutil.copytree(mine.path, self.first / "trashed")
        store.delete("trashed")
        model_archive.export_policy = self.exported  # takes long, and writes elsewhere
        self.archive = folder / "mine.tar.gz"
        download(store.open("mine"), self.archive)
        self.store = ModelStore(folder / "store")
        self.mine = contents(self.first / "mine")
        self.beside = contents(self.first / "beside")

    @staticmethod
    def exported(model, folder):
        folder.mkdir()
        (folder / "model.onnx").write_bytes(bytes(1000))

    def reset(self):
        shutil.rmtree(self.store.path, ignore_errors=True)
        shutil.copytree(self.first, self.store.path)
        shutil.rmtree(self.folder / "out")
        (self.folder / "out").mkdir()

    def expect_whole(self, path, is_moved=False):
        """A model opens and has all that the first one had; one that moved names them anew."""
        model = StoredModel.open(path)
        assert model.definition.files == StoredModel.open(self.first / "mine").definition.files
        assert model.summaries and model.status.value == "ready", model.status
        now = contents(path)
        for name, content in self.mine.items():
            if is_moved and name.endswith(".pt") and now.get(name) != content:
                Checkpoint.load(path / name)
            elif not is_moved or not name.endswith(("config.json", ".onnx", "model_metadata.json")):
                assert now.get(name) == content, name
        if is_moved and self.number % TRAINED == 0:
            iterations = model.summaries[0].iterations + 1
            train(model, model.settings.stop.replaced(iterations=iterations))

    def look(self, *names):
        """Nothing that was complete is lost, and the next change leaves nothing half made behind."""
        found = self.store.rows()
        assert {row.name for row in found} in names, found
        assert not any(row.fault for row in found), found
        assert contents(self.store.path / "beside") == self.beside
        self.store.create("after", definition())
        assert leftovers(self.store) == []


def create(scene):
    yield lambda: scene.store.create("new", definition())
    scene.look({"mine", "beside"}, {"mine", "beside", "new"})
    scene.expect_whole(scene.store.path / "mine")


def clone(scene):
    source = scene.store.open("mine")
    yield lambda: scene.store.clone("mine", "new", source.definition)
    scene.look({"mine", "beside"}, {"mine", "beside", "new"})
    scene.expect_whole(scene.store.path / "mine")
    if scene.store.has("new"):
        Checkpoint.load(scene.store.path / "new/start.pt")
        assert scene.store.open("new").definition == source.definition


def rename(scene):
    yield lambda: scene.store.rename("mine", "new")
    scene.look({"mine", "beside"}, {"new", "beside"})
    name = "new" if scene.store.has("new") else "mine"
    scene.expect_whole(scene.store.path / name, is_moved=True)


def delete(scene):
    yield lambda: scene.store.delete("mine")
    scene.look({"mine", "beside"}, {"beside"})
    if not scene.store.has("mine"):
        scene.store.restore("mine")
    scene.expect_whole(scene.store.path / "mine")


def restore(scene):
    yield lambda: scene.store.restore("trashed")
    scene.look({"mine", "beside"}, {"mine", "beside", "trashed"})
    if not scene.store.has("trashed"):
        scene.store.restore("trashed")
    scene.expect_whole(scene.store.path / "trashed")


def choose(scene):
    """All but the export, which takes long."""
    checkpoint_choice.finish = lambda *arguments: None
    yield lambda: scene.store.choose("mine", 1)
    scene.look({"mine", "beside"})
    assert RunFolder.open(scene.store.open("mine").policy_path()).load_best().iteration in (1, 2)


def imported(scene):
    yield lambda: import_model(scene.store, scene.archive, "new")
    scene.look({"mine", "beside"}, {"mine", "beside", "new"})
    scene.expect_whole(scene.store.path / "mine")
    if scene.store.has("new"):
        scene.expect_whole(scene.store.path / "new", is_moved=True)


def downloaded(scene):
    """Over an archive that is there already."""
    path = scene.folder / "out/mine.tar.gz"
    shutil.copyfile(scene.archive, path)
    before = path.read_bytes()
    yield lambda: download(scene.store.open("mine"), path)
    unpacked = scene.folder / "out/unpacked"
    unpacked.mkdir()
    unpack(path, unpacked)
    if path.read_bytes() != before:
        now = contents(unpacked / "mine")
        assert not [name for name in scene.mine if name not in now and "/model/" not in name]
    download(scene.store.open("mine"), path)
    assert not list(path.parent.glob(LEFTOVERS))
    scene.expect_whole(scene.store.path / "mine")


ACTIONS = {
    "create": create,
    "clone": clone,
    "rename": rename,
    "delete": delete,
    "restore": restore,
    "choose": choose,
    "import": imported,
    "download": downloaded,
}


def kill(scene, name, most):
    """Kill an action at up to so many points, evenly over all of them; return how many there were."""
    scene.reset()
    total = fork(next(ACTIONS[name](scene)), None)
    points = range(1, total + 1, -(-total // most))
    for scene.number, point in enumerate(points):
        scene.reset()
        steps = ACTIONS[name](scene)
        assert fork(next(steps), point) is None, f"{name}: point {point} of {total} was not reached"
        try:
            next(steps, None)
        except (AssertionError, DeepRacerError, OSError) as error:
            raise SystemExit(f"{name} killed at point {point} of {total}: {error!r}") from error
    return len(points)


if __name__ == "__main__":
    place, circle, most_points, *names = sys.argv[1:]
    set_up = Scene(Path(place), Path(circle))
    for each in names or ACTIONS:
        print(each, kill(set_up, each, int(most_points)), flush=True)
