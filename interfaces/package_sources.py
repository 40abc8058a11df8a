"""Turn message definitions into C and Python sources, with ROS 2's own generators."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SHARE = Path(sys.prefix, "share")
HASHES = "rosidl_generator_type_description"
STRUCTURES = "rosidl_generator_c"
FAST_SUPPORT = "rosidl_typesupport_fastrtps_c"
INTROSPECTION = "rosidl_typesupport_introspection_c"
DISPATCH = "rosidl_typesupport_c"
PYTHON = "rosidl_generator_py"
# Each of these becomes a library; the others call the first.
LIBRARY_GENERATORS = (STRUCTURES, FAST_SUPPORT, INTROSPECTION)
# These become the Python module.
MODULE_GENERATORS = (DISPATCH, PYTHON)
# Every service has an event message, which is made of these packages' types.
SERVICE_DEPENDENCIES = {"builtin_interfaces", "service_msgs"}


class BuildError(Exception):
    """What the user has to put right, in one sentence."""


@dataclass(frozen=True)
class Package:
    """One package of definitions.

    Attributes:
        source: folder with msg/*.msg and srv/*.srv, named like the package.
        work: folder for everything that is made from them.
    """

    source: Path
    work: Path

    @property
    def name(self) -> str:
        """Name under which Python imports the package."""
        return self.source.name

    @property
    def definitions(self) -> list[Path]:
        """Files relative to `source`, like msg/EntityState.msg."""
        files = [*self.source.glob("msg/*.msg"), *self.source.glob("srv/*.srv")]
        return sorted(file.relative_to(self.source) for file in files)

    @property
    def idl_folder(self) -> Path:
        """Folder of the definitions as .idl files, which are what the generators read."""
        return self.work / "idl"

    def generated(self, generator: str) -> Path:
        """Folder into which a generator writes."""
        return self.work / generator / self.name

    def digest(self) -> str:
        """Return the SHA-256 of everything that the built package depends on."""
        inputs = hashlib.sha256(str(sysconfig.get_config_var("EXT_SUFFIX")).encode())
        for program in sorted(Path(__file__).parent.glob("*.py")):
            inputs.update(program.read_bytes())
        wheels = {f"{wheel.name}=={wheel.version}" for wheel in importlib.metadata.distributions()}
        inputs.update(" ".join(sorted(wheel for wheel in wheels if wheel.startswith("ros-"))).encode())
        for definition in self.definitions:
            inputs.update(f"\n{definition}\n".encode() + (self.source / definition).read_bytes())
        return inputs.hexdigest()


def generate(package: Package) -> set[str]:
    """Write the package's sources below its work folder.

    Returns:
        Names of the packages whose types it uses.

    Raises:
        BuildError: if a definition is malformed; names the file and, if one line is to blame, the line.
    """
    from rosidl_adapter import convert_to_idl
    from rosidl_adapter.parser import InvalidSpecification

    package.work.mkdir()
    dependencies = set(SERVICE_DEPENDENCIES)
    for definition in package.definitions:
        dependencies |= packages_used(package, definition)
        try:
            convert_to_idl(package.source, package.name, definition, package.idl_folder)
        except (InvalidSpecification, ValueError) as error:
            raise BuildError(f"{package.source / definition}: {error}") from error
    run_generators(package, dependencies)
    write_visibility_headers(package)
    return dependencies


def packages_used(package: Package, definition: Path) -> set[str]:
    """Check a definition line by line and list the other packages whose types it uses.

    Raises:
        BuildError: names the first line that is neither a field nor a constant, or is of an unknown type.
    """
    from rosidl_adapter.parser import InvalidSpecification, InvalidValue, parse_message_string

    used = set()
    for number, line in enumerate((package.source / definition).read_text().splitlines(), start=1):
        if line.strip() == "---":
            continue
        place = f"{package.source / definition}:{number}: '{line.strip()}'"
        try:
            fields = parse_message_string(package.name, definition.stem, line).fields
        except (InvalidSpecification, InvalidValue, TypeError, NameError, ValueError) as error:
            raise BuildError(f"{place} is neither a field nor a constant") from error
        for kind in (field.type for field in fields if not field.type.is_primitive_type()):
            home = package.source if kind.pkg_name == package.name else SHARE / kind.pkg_name
            if not (home / "msg" / f"{kind.type}.msg").is_file():
                raise BuildError(f"{place}: there is no message {kind.pkg_name}/{kind.type}")
            used.add(kind.pkg_name)
    return used - {package.name}


def run_generators(package: Package, dependencies: set[str]) -> None:
    """Run each generator, that of the type descriptions first: the C sources hold their hashes."""
    from rosidl_generator_c import generate_c
    from rosidl_generator_py import generate_py
    from rosidl_generator_type_description import generate_type_hash
    from rosidl_typesupport_c import generate_c as generate_dispatch
    from rosidl_typesupport_fastrtps_c import generate_typesupport_fastrtps_c
    from rosidl_typesupport_introspection_c import generate_c as generate_introspection

    include_paths = [f"{name}:{SHARE / name}" for name in sorted(dependencies)]
    generate_type_hash(write_arguments(package, HASHES, include_paths=include_paths))
    idl_files = [definition.with_suffix(".idl") for definition in package.definitions]
    descriptions = [f"{file}:{package.generated(HASHES) / file.with_suffix('.json')}" for file in idl_files]
    generate_c(write_arguments(package, STRUCTURES, type_description_tuples=descriptions))
    generate_typesupport_fastrtps_c(write_arguments(package, FAST_SUPPORT))
    generate_introspection(write_arguments(package, INTROSPECTION))
    generate_dispatch(write_arguments(package, DISPATCH), [FAST_SUPPORT, INTROSPECTION])
    generate_py(write_arguments(package, PYTHON), [DISPATCH])


def write_arguments(package: Package, generator: str, **more: list[str]) -> str:
    """Write a generator's arguments file, in CMake's stead, and return its path."""
    file = package.work / f"{generator}.json"
    values = {
        "package_name": package.name,
        "output_dir": str(package.generated(generator)),
        "template_dir": str(SHARE / generator / "resource"),
        "idl_tuples": [f"{package.idl_folder}:{path.with_suffix('.idl')}" for path in package.definitions],
        "ros_interface_files": [str(package.source / path) for path in package.definitions],
        "ros_interface_dependencies": [],
        "target_dependencies": [],
    }
    file.write_text(json.dumps(values | more))
    return str(file)


def write_visibility_headers(package: Package) -> None:
    """Fill in the headers that the generators leave to CMake."""
    for generator in LIBRARY_GENERATORS:
        for template in (SHARE / generator / "resource").glob("*visibility_control.h.in"):
            header = package.generated(generator) / "msg" / template.stem
            header.parent.mkdir(exist_ok=True)
            text = template.read_text().replace("@PROJECT_NAME_UPPER@", package.name.upper())
            header.write_text(text.replace("@PROJECT_NAME@", package.name))
