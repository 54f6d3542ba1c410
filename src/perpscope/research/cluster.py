"""Work on a Ray cluster: the one this process is connected to, else one at an address, else one of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from perpscope.core.errors import UserError

T = TypeVar("T")


def on_ray(
    work: Callable[..., T], calls: Sequence[tuple[Any, ...]], workers: int, *, address: str | None = None, shared: Any = None
) -> Iterator[T]:
    """`work(*call)` for every call, in whatever order they are done.

    Args:
        workers: processors of a cluster that is started here; shared: one more, last argument that every call gets; each
            machine is sent it once.

    Raises:
        UserError: if Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise UserError("Ray is not installed. Install it with: pip install 'perpscope[cluster]'.") from None
    started = not ray.is_initialized()
    if started:
        ray.init(address=address, num_cpus=None if address else workers, include_dashboard=False, log_to_driver=False)
    more = () if shared is None else (ray.put(shared),)
    task = ray.remote(num_cpus=1)(work)
    waiting = [task.remote(*call, *more) for call in calls]
    try:
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            yield from ray.get(done)
    finally:
        for one in waiting:
            ray.cancel(one)
        if started:
            ray.shutdown()
