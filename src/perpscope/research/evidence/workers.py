"""Where factors are measured: this process, forked ones, or a Ray cluster. The same work, the same bytes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from perpscope.core.errors import ProgrammerError, UserError
from perpscope.research.cluster import on_ray
from perpscope.research.evidence.adapters import Adapter
from perpscope.research.evidence.measure import measure
from perpscope.research.evidence.record import Measured
from perpscope.research.evidence.table import adapter
from perpscope.research.evidence.tables import Ready

RUNNERS = ("processes", "ray")

_shared: Ready | None = None
"""What forked workers inherit: the prepared data of the run, never copied."""


def measured_by(
    adapters: Sequence[Adapter], ready: Ready, processes: int, runner: str = "processes"
) -> Iterator[tuple[str, Measured]]:
    """Measure each factor, in whatever order they are done; every factor has a seed of its own.

    Raises:
        UserError: if there is no such runner, or Ray is not installed.
    """
    if runner not in RUNNERS:
        raise UserError(f"There is no runner '{runner}'. Known: {', '.join(RUNNERS)}.")
    if runner == "ray":
        yield from on_ray(_measure_named, [(one.name,) for one in adapters], processes, shared=ready)
    elif processes <= 1:
        for one in adapters:
            yield one.name, measure(one, ready)
    else:
        yield from _on_forks(adapters, ready, processes)


def _on_forks(adapters: Sequence[Adapter], ready: Ready, processes: int) -> Iterator[tuple[str, Measured]]:
    global _shared
    _shared = ready
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = {pool.submit(_measure_shared, one.name): one.name for one in adapters}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    _shared = None


def _measure_named(name: str, ready: Ready) -> tuple[str, Measured]:
    return name, measure(adapter(name), ready)


def _measure_shared(name: str) -> Measured:
    if _shared is None:
        raise ProgrammerError("A worker was started without the data of the run.")
    return measure(adapter(name), _shared)
