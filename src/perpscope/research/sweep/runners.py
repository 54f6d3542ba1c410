"""Where variants run: threads or processes of this machine, or a Ray cluster. The same work, the same results."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from perpscope.core.errors import UserError
from perpscope.research.cluster import on_ray
from perpscope.research.sweep.plan import Variant
from perpscope.research.sweep.work import Measured, measure

RUNNERS = ("processes", "threads", "ray")

Runner = Callable[[Path, Sequence[Variant], int], Iterator[Measured]]


def runner(name: str, address: str | None = None) -> Runner:
    """The runner called `name`; `address` is that of a running Ray cluster.

    Raises:
        UserError: if there is none.
    """
    known: dict[str, Runner] = {"processes": on_processes, "threads": on_threads, "ray": partial(on_cluster, address=address)}
    if name not in known:
        raise UserError(f"There is no runner '{name}'. Known: {', '.join(RUNNERS)}.")
    return known[name]


def workers_here() -> int:
    """One worker per core that this process may use."""
    return len(os.sched_getaffinity(0))


def on_threads(lake: Path, variants: Sequence[Variant], workers: int) -> Iterator[Measured]:
    """Threads of this process: kernels let go of the interpreter, the rest takes turns."""
    with ThreadPoolExecutor(workers) as pool:
        yield from _as_done(pool, lake, variants)


def on_processes(lake: Path, variants: Sequence[Variant], workers: int) -> Iterator[Measured]:
    """Fresh processes: each reads its own history, which a few hundred variants repay."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from _as_done(pool, lake, variants)


def on_cluster(lake: Path, variants: Sequence[Variant], workers: int, address: str | None = None) -> Iterator[Measured]:
    """Tasks on a Ray cluster: the one at `address`, else a local one with `workers` processors.

    The lake must be at the same path on every machine.

    Raises:
        UserError: if Ray is not installed.
    """
    calls = [(str(lake), v.number, v.parameters, v.config.plain()) for v in variants]
    yield from on_ray(measure, calls, workers, address=address)


def _as_done(pool: Executor, lake: Path, variants: Sequence[Variant]) -> Iterator[Measured]:
    waiting: list[Future[Measured]] = [
        pool.submit(measure, str(lake), v.number, v.parameters, v.config.plain()) for v in variants
    ]
    try:
        for one in as_completed(waiting):
            yield one.result()
    finally:
        for one in waiting:
            one.cancel()
