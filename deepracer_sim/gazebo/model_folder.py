"""Models and worlds as Gazebo finds them: files by their path in a folder, and SDF that people can read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from deepracer_sim.errors import GazeboError
from deepracer_sim.file_replacement import replacing

SDF_VERSION = "1.7"
"""Gazebo 11 knows this one and none later."""

PLAIN = "plain.mtl"
"""Beside each mesh: Gazebo complains of one without a material, even if the model gives it another."""
PLAIN_MATERIAL = b"newmtl plain\nKd 1 1 1\n"
USE_PLAIN = f"mtllib {PLAIN}\nusemtl plain"

Files = Mapping[str, bytes]
"""Contents by path, relative to the folder that they belong in."""


def model_folder(name: str, description: str, model: str, files: Files) -> dict[str, bytes]:
    """Return the files of a model that `model://NAME` leads to.

    Args:
        name: of the folder.
        description: one sentence.
        model: the <model> element.
        files: meshes, materials and so on, relative to the model's folder.
    """
    config = f"""
        <model>
          <name>{escape(name)}</name>
          <version>1.0</version>
          <sdf version="{SDF_VERSION}">model.sdf</sdf>
          <description>{escape(description)}</description>
        </model>"""
    contents = {"model.config": document(config), "model.sdf": sdf_document(model), **files}
    return {f"{name}/{path}": content for path, content in contents.items()}


def sdf_document(content: str) -> bytes:
    """Return an SDF file with one element in it."""
    return document(f'<sdf version="{SDF_VERSION}">{content}</sdf>')


def document(xml: str) -> bytes:
    """Return an XML file, each level indented by two spaces; comments stay."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(xml.strip(), parser)
    ElementTree.indent(root)
    return b'<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="utf-8") + b"\n"


def file_name(name: str) -> str:
    """Return a name that URIs, OGRE's scripts and file systems take as it is."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def write_files(folder: Path, files: Files) -> None:
    """Write files, each in place of an older one only when it is complete.

    Raises:
        GazeboError: the folder or a file in it cannot be written.
    """
    for relative, content in files.items():
        path = folder / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise GazeboError(
                f"cannot write {path}: {error.strerror or error}; free some space or choose another folder"
            ) from error
