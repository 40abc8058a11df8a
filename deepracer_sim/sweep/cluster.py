"""The Ray cluster that a sweep trains on: one of its own on this machine, or one that runs already."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepracer_sim.errors import SettingError
from deepracer_sim.settings import TrainSettings
from deepracer_sim.sweep import cluster_watch

STORE_BYTES = 128 << 20
"""For Ray's objects on this machine, where runs do not go through it."""
LONGEST_SCRATCH = 30
"""Characters; Ray's sockets lie deep in it, and their paths must have less than 104."""
INSTALL = "install the same version of deepracer_sim on every node"
LONGEST_REASON = 300
CONNECT_LIMIT = 5.0
"""Seconds until the cluster's head must have answered."""


@contextmanager
def opened(address: str | None = None, cores: int | None = None) -> Iterator[Any]:
    """Connect to a cluster; give the module ray.

    Args:
        address: host:port of the cluster's head; None starts one of this machine's own cores, which nobody
            else can reach and which ends with this process, however that ends.
        cores: of this machine to use; all if absent.

    Raises:
        SettingError: Ray is not installed or in use, or there is no such cluster.
    """
    # No network is needed, and errors that matter are told once.
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_IGNORE_UNHANDLED_ERRORS="1")
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise SettingError("a sweep needs ray: pip install 'deepracer_sim[sweep]'") from error
    if ray.is_initialized():
        raise SettingError("this process uses Ray already: call ray.shutdown() first")
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if address is not None and cores is not None:
        raise SettingError(f"--cores={cores}: is for this machine; the cluster's nodes say what they have")
    if cores is not None and not 1 <= cores <= there:
        raise SettingError(f"--cores={cores}: must be from 1 to {there}, which this machine has")
    with _silence():
        if address is None:
            with _local(ray, cores or there):
                yield ray
        else:
            _connect(ray, address)
            try:
                yield ray
            finally:
                ray.shutdown()


def check_nodes(ray: Any) -> None:
    """Refuse a cluster with a node that would be given trainings and lacks what they need.

    Raises:
        SettingError: it names the node and what is missing.
    """
    probe = ray.remote(missing_modules)
    strategies: Any = importlib.import_module("ray.util.scheduling_strategies")
    asked = []
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU", 0) > 0:
            strategy = strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": strategy}
            asked.append((node["NodeManagerHostname"], probe.options(**options).remote()))
    for host, answer in asked:
        try:
            missing = ray.get(answer)
        except ray.exceptions.RayError as error:
            raise SettingError(
                f"the cluster's node {host} cannot train: {reason_of(error)}; {INSTALL}"
            ) from error
        if missing:
            raise SettingError(f"the cluster's node {host} has no {', '.join(missing)}; {INSTALL}")


def reason_of(error: Exception) -> str:
    """Return what matters of one of Ray's messages: their last line, without colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[-1].strip()[:LONGEST_REASON] if lines else type(error).__name__


def missing_modules() -> list[str]:
    """Name the libraries that a training needs and this node does not have."""
    return [name for name in ("torch", "onnxruntime", "matplotlib") if importlib.util.find_spec(name) is None]


def check_resources(ray: Any, needs: Sequence[TrainSettings]) -> None:
    """Refuse trainings that no node of the cluster has the cores or the GPU for; they would wait for ever.

    Raises:
        SettingError: it names what there is.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for settings in needs:
        wanted = resources(settings)
        if not any(
            node.get("CPU", 0) >= wanted["num_cpus"] and node.get("GPU", 0) >= wanted["num_gpus"]
            for node in nodes
        ):
            most = max((node.get("CPU", 0) for node in nodes), default=0)
            gpu = " and a GPU" if wanted["num_gpus"] else ""
            raise SettingError(
                f"threads={settings.threads}: no node has so many cores{gpu}, the largest has {most:g}: "
                f"choose fewer threads{', or device cpu' if gpu else ''}"
            )


def resources(settings: TrainSettings) -> dict[str, int]:
    """Return what a training takes of a node, as Ray names it: a core for each of its threads."""
    return {"num_cpus": settings.threads, "num_gpus": int(settings.device == "cuda")}


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Ray from printing pages of its logs to the standard output when a node is lost."""
    worker: Any = importlib.import_module("ray._private.worker")
    printing, worker.print_to_stdstream = worker.print_to_stdstream, lambda *arguments, **options: None
    try:
        yield
    finally:
        worker.print_to_stdstream = printing


@contextmanager
def _local(ray: Any, cores: int) -> Iterator[None]:
    constants: Any = importlib.import_module("ray._private.ray_constants")
    is_short = len(tempfile.gettempdir()) <= LONGEST_SCRATCH - len("/deepracer-ray-12345678")
    scratch = tempfile.mkdtemp(prefix="deepracer-ray-", dir=None if is_short else "/tmp")
    watch = subprocess.Popen(
        [sys.executable, "-I", "-S", cluster_watch.__file__, scratch],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    _have_token()
    # Where it is not to form clusters, Ray takes the loopback address.
    could_cluster, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    try:
        options = {"num_cpus": cores, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        try:
            _join(ray, address="local", _temp_dir=scratch, **options)
        except (RuntimeError, ray.exceptions.RayError) as error:
            raise SettingError(f"Ray does not start on this machine: {reason_of(error)}") from error
        yield
    finally:
        ray.shutdown()
        constants.ENABLE_RAY_CLUSTER = could_cluster
        watch.communicate()


def _join(ray: Any, **options: Any) -> None:
    """Let this process use a cluster; SIGTERM still ends it as before, not with a report on Ray's inside."""
    ending = signal.getsignal(signal.SIGTERM)
    ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ending)


def _have_token() -> None:
    """See to it that Ray has a word without which it lets nobody in; it would write one to the user's home.

    It reads the word once, so this process keeps it.
    """
    own = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    if not any(name in os.environ for name in own) and not (Path.home() / ".ray" / "auth_token").exists():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _connect(ray: Any, address: str) -> None:
    way_out = "start one with `ray start --head`, and let other machines join it with `ray start --address`"
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        raise SettingError(f"--address={address}: must be host:port of a Ray cluster's head")
    try:
        # Ray itself would try for minutes.
        socket.create_connection((host, int(port)), CONNECT_LIMIT).close()
    except (OSError, OverflowError) as error:
        raise SettingError(f"--address={address}: nobody answers there ({error}); {way_out}") from error
    try:
        _join(ray, address=address)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise SettingError(f"--address={address}: {reason_of(error)}; {way_out}") from error
