"""Processes that do what needs torch, so that the server does not: it starts at once and never waits."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

Result = TypeVar("Result")
PROCESSES = 2


class Workshop:
    """A pool of processes that are kept.

    What they are given and give back are plain values: torch's would have to be loaded in the server too. No
    code of a user runs in them; validation starts a child of its own.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what a function of a module returns; errors are raised here.

        Raises:
            BrokenProcessPool: the process has died twice.
        """
        try:
            return await self._run(function, arguments)
        except BrokenProcessPool:  # one was killed, and has taken the pool with it
            self._pool = None
            return await self._run(function, arguments)

    def warm_up(self) -> None:
        """Have a process load torch before somebody waits for it."""
        self._opened().submit(_load)

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._opened(), function, *arguments)

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_begin)
        return self._pool


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends the pool
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded: trainings need the cores
    threading.Thread(target=_end_with_the_server, daemon=True).start()


def _end_with_the_server() -> None:
    """End this process when the server was killed: the pool's pipes alone would let it wait for ever."""
    server = multiprocessing.parent_process()
    if server is not None:
        server.join()
        os._exit(1)


def _load() -> None:
    import torch  # noqa: F401
