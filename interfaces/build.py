"""Build the message packages that ROS 2's wheels lack into this virtual environment.

Each folder beside this file that has a msg or srv folder is one package. ROS 2's own generators write its
C and Python sources, the compiler makes libraries of them, and Python then imports the package as if a wheel
had brought it:

    lib/python3.x/site-packages/<package>/   Python modules and type support libraries
    share/<package>/{msg,srv}/               definitions (.msg, .srv, .idl) and type hashes (.json)
    share/ament_index/resource_index/        the entries by which ament's tools find both

What has not changed since the last build is left alone. A package may use the wheels' types and its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from package_sources import (
    DISPATCH,
    FAST_SUPPORT,
    HASHES,
    INTROSPECTION,
    LIBRARY_GENERATORS,
    MODULE_GENERATORS,
    PYTHON,
    BuildError,
    Package,
    generate,
)

RUNTIME_LIBRARIES = ("rosidl_runtime_c", DISPATCH, FAST_SUPPORT, INTROSPECTION, "fastcdr", "rcutils")
RECORD = "built-from.sha256"


def main() -> None:
    """Build what has changed, or say in one sentence why that is impossible."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parent
    parser.add_argument("--definitions", type=Path, default=here, help="folder of packages")
    parser.add_argument("--prefix", type=Path, default=sys.prefix, help="environment to install into")
    options = parser.parse_args()
    try:
        build(options.definitions.resolve(), options.prefix.resolve())
    except BuildError as error:
        sys.exit(f"interfaces: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell reports of an interrupted program


def build(definitions: Path, prefix: Path) -> None:
    """Build and install every package below `definitions` that `prefix` does not have as it is defined now.

    Nothing is installed before all of it is made.

    Raises:
        BuildError: if a tool is missing, a definition is malformed or the compiler fails.
    """
    check_wheels()
    start = time.monotonic()
    sources = sorted({folder.parent for kind in ("msg", "srv") for folder in definitions.glob(f"*/{kind}")})
    # Beside its destination, on the same file system, a folder is put in place by renaming it.
    with tempfile.TemporaryDirectory(prefix=".interfaces-", dir=prefix) as staging:
        packages = [Package(source, Path(staging, source.name)) for source in sources]
        packages = [package for package in packages if not is_installed(package, prefix)]
        if not packages:
            return
        check_compiler()
        # The largest first: it would keep one core busy at the end.
        packages.sort(key=lambda package: len(package.definitions), reverse=True)
        with ProcessPoolExecutor(initializer=be_silent) as processes:
            dependencies = list(processes.map(generate, packages))
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            units = [unit for package in packages for unit in compilation_units(package)]
            list(threads.map(lambda unit: compile_unit(*unit), units))
            list(threads.map(link_package, packages, dependencies))
        for package in packages:
            install(package, prefix)
    names = ", ".join(sorted(package.name for package in packages))
    print(f"  {names}: built in {time.monotonic() - start:.0f} s")


def check_wheels() -> None:
    """Refuse an environment without ROS 2's generators, or with another ROS 2 in front of them."""
    for module in ("rclpy", "rosidl_adapter", "em", "lark", "numpy", *LIBRARY_GENERATORS, *MODULE_GENERATORS):
        found = importlib.util.find_spec(module)
        if found is None or found.origin is None:
            raise BuildError(f"{sys.prefix} has no {module}; install ROS 2 there: make ros")
        if not Path(found.origin).is_relative_to(sys.prefix):
            raise BuildError(f"{found.origin} hides the one in {sys.prefix}; use a shell that sourced no ROS")


def check_compiler() -> None:
    """Refuse a machine that cannot compile a Python extension, and say what it lacks."""
    for command, package in (("cc", "gcc"), ("c++", "g++")):
        if shutil.which(command) is None:
            raise BuildError(f"no compiler {command} on the PATH; install it: sudo apt install {package}")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.is_file():
        package = f"python{sysconfig.get_python_version()}-dev"
        raise BuildError(f"no {header}; install it: sudo apt install {package}")


def is_installed(package: Package, prefix: Path) -> bool:
    """Tell whether `prefix` has the package as it is defined now."""
    record = prefix / "share" / package.name / RECORD
    return record.is_file() and record.read_text() == package.digest()


def be_silent() -> None:
    """Send this process's output nowhere: generators print each file's name, and raise what goes wrong."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())


def compilation_units(package: Package) -> Iterator[tuple[Package, Path]]:
    """Yield the files to compile.

    One file includes all others of its generator: reading the same headers once is several times faster.
    Only the descriptions stay alone, for they use the same static names.
    """
    for generator in (*LIBRARY_GENERATORS, *MODULE_GENERATORS):
        files = sorted(package.generated(generator).rglob("*.c*"))
        alone = [file for file in files if file.stem.endswith("__description")]
        yield from ((package, file) for file in alone)
        united = package.generated(generator) / f"united{files[0].suffix}"
        united.write_text("".join(f'#include "{file}"\n' for file in files if file not in alone))
        yield package, united


def compile_unit(package: Package, source: Path) -> None:
    """Compile one source into an object file beside it."""
    import numpy

    wheels = Path(sys.prefix, "include")
    folders = [package.work / generator for generator in (*LIBRARY_GENERATORS, *MODULE_GENERATORS)]
    folders += [wheels, *(folder for folder in wheels.iterdir() if folder.is_dir())]
    folders += [Path(sysconfig.get_path("include")), Path(numpy.get_include())]
    compiler = ["cc", "-std=gnu11"] if source.suffix == ".c" else ["c++", "-std=c++17"]
    includes = [f"-I{folder}" for folder in folders]
    run([*compiler, "-O2", "-fPIC", "-w", *includes, "-c", str(source), "-o", f"{source}.o"])


def link_package(package: Package, dependencies: set[str]) -> None:
    """Link the libraries and the extension module, beside the Python modules that use them."""
    module = package.work / "module"
    shutil.copytree(package.generated(PYTHON), module, ignore=shutil.ignore_patterns("*.c", "*.o"))
    (module / "__init__.py").touch()
    own: list[str] = []
    for generator in LIBRARY_GENERATORS:
        library = module / f"lib{package.name}__{generator}.so"
        link(library, [*objects(package, generator), *own[:1]], dependencies)
        own.append(str(library))
    extension = module / f"{package.name}_s__{DISPATCH}{sysconfig.get_config_var('EXT_SUFFIX')}"
    parts = [file for generator in MODULE_GENERATORS for file in objects(package, generator)]
    link(extension, [*parts, *own], dependencies)


def objects(package: Package, generator: str) -> list[str]:
    """List what has been compiled for a generator."""
    return sorted(str(file) for file in package.generated(generator).rglob("*.o"))


def link(library: Path, parts: list[str], dependencies: set[str]) -> None:
    """Link a shared library that finds its own package's libraries beside itself.

    The middleware opens a package's libraries by name alone, and they are not on its search path. It finds
    them because the extension module needs all of them (--no-as-needed): they are loaded by then.
    """
    folder = Path(sys.prefix, "lib")
    generators = (*LIBRARY_GENERATORS, *MODULE_GENERATORS)
    names = [f"{dependency}__{generator}" for dependency in sorted(dependencies) for generator in generators]
    foreign = [f"-l{name}" for name in (*names, *RUNTIME_LIBRARIES) if (folder / f"lib{name}.so").is_file()]
    flags = ["-shared", f"-Wl,-soname,{library.name}", "-Wl,-rpath,$ORIGIN", f"-L{folder}"]
    order = ["-Wl,--no-as-needed", *parts, "-Wl,--as-needed", *foreign]
    run(["c++", *flags, *order, "-o", str(library)])


def run(command: list[str]) -> None:
    """Run a compiler; what it prints is the error's."""
    # The wheels put their libraries on this path when Python starts; they are not the compiler's.
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        raise BuildError(f"{command[0]} exited with status {result.returncode}:\n{result.stderr.strip()}")


def install(package: Package, prefix: Path) -> None:
    """Move a built package into the environment.

    The record of what it was built from goes first and comes last: after an interruption in between, the next
    build makes the package again.
    """
    share = package.work / "share"
    for definition in package.definitions:
        (share / definition).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package.source / definition, share / definition)
        idl, description = definition.with_suffix(".idl"), definition.with_suffix(".json")
        shutil.copy(package.idl_folder / idl, share / idl)
        shutil.copy(package.generated(HASHES) / description, share / description)
    (share / RECORD).write_text(package.digest())

    installed_share = prefix / "share" / package.name
    (installed_share / RECORD).unlink(missing_ok=True)
    site_packages = sysconfig.get_path("platlib", "venv", {"base": str(prefix), "platbase": str(prefix)})
    replace(Path(site_packages, package.name), package.work / "module")
    index = prefix / "share" / "ament_index" / "resource_index"
    files = [str(file) for path in package.definitions for file in (path, path.with_suffix(".idl"))]
    for resource, content in (("packages", ""), ("rosidl_interfaces", "\n".join(sorted(files)))):
        (index / resource).mkdir(parents=True, exist_ok=True)
        (index / resource / package.name).write_text(content)
    replace(installed_share, share)


def replace(old: Path, new: Path) -> None:
    """Put a folder where another is or was."""
    old.parent.mkdir(parents=True, exist_ok=True)
    if old.exists():
        old.rename(new.with_name(f"{new.name}-replaced"))
    new.rename(old)


if __name__ == "__main__":
    main()
