"""The fold: (state, batch) -> new rows. Everything computed in this package has this shape."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, cast

from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError, UserError, unknown_name
from perpscope.core.instrument import Instrument
from perpscope.core.table import Schema, Table

State = dict[str, Any]
"""What a fold remembers: arrays, tables, numbers, strings and dictionaries of these, so that `core.state` can
freeze it without pickle."""

SHAPES = ("line", "histogram", "zone", "marker", "heat", "profile", "footprint", "table")
PANES = ("price", "volume", "delta", "open_interest", "funding", "liquidations", "sigma", "bias", "none")

LAWS = ("split", "truncation", "known", "resume", "innocence", "mirror", "scale", "gap", "warmup", "bounded", "described")


@dataclass(frozen=True)
class FoldSpec:
    """What a fold is called, eats and emits, and how it wants to be drawn (never in which colours).

    `inputs` are names of streams or of other folds at the same time frame ("bars", "swings", "open_interest");
    "name@frame" asks for another frame. `wakes` is "rows" (called only when an input has rows) or "watermark"
    (called at every step, because time alone can make it emit). `episodes` says that rows share an `id` and
    tell the life of a thing (opened, touched, ...); otherwise they are a series.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    output: Schema
    source: str
    shape: str = "table"
    pane: str = "none"
    wakes: str = "rows"
    episodes: bool = False
    framed: bool = True

    def __post_init__(self) -> None:
        if self.shape not in SHAPES or self.pane not in PANES:
            raise ProgrammerError(f"Fold {self.name} asks for the unknown shape '{self.shape}' or pane '{self.pane}'.")


@dataclass(frozen=True)
class NoParams:
    """For folds with nothing to set."""


class Fold:
    """Base of every fold. A subclass sets `spec`, optionally `Params`, and defines `start` and `fold`.

    `exempt` names laws that do not apply, each with its reason, beside the class where a reader sees it.
    """

    spec: ClassVar[FoldSpec]
    Params: ClassVar[type] = NoParams
    exempt: ClassVar[dict[str, str]] = {}

    def __init__(self, params: Any = None, frame: str | None = None) -> None:
        self.params = self.Params() if params is None else params
        self.frame = frame
        if not isinstance(self.params, self.Params):
            raise ProgrammerError(f"{self.spec.name} was given parameters of another fold: {self.params!r}.")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The declared inputs; a fold whose inputs depend on its parameters overrides this."""
        return self.spec.inputs

    @property
    def warmup(self) -> int:
        """Closed bars (or input rows) needed before the first row can come."""
        return 0

    @property
    def lookback(self) -> int:
        """Bars after which an input row can no longer matter; the state is bounded by it."""
        return self.warmup

    def start(self, instrument: Instrument) -> State:
        """A fresh state. Only plain data: see `State`."""
        raise ProgrammerError(f"{self.spec.name} does not define start().")

    def fold(self, state: State, batch: Batch) -> Table:
        """Read the batch, advance the state in place, return only the NEW rows, ordered by known_ts."""
        raise ProgrammerError(f"{self.spec.name} does not define fold().")

    @classmethod
    def with_settings(cls, settings: dict[str, Any], frame: str | None = None) -> Fold:
        """The fold with some parameters replaced, checked by name and type.

        Raises:
            UserError: for a parameter that does not exist or a value of the wrong type.
        """
        params = cls.Params()
        if not is_dataclass(params):
            raise ProgrammerError(f"{cls.spec.name}.Params is not a dataclass.")
        known = {f.name: getattr(params, f.name) for f in fields(params)}
        for name, value in settings.items():
            if name not in known:
                raise unknown_name(f"parameter of {cls.spec.name}", name, known)
            default = known[name]
            allowed = (int, float) if isinstance(default, float) else type(default)
            if default is not None and (not isinstance(value, allowed) or isinstance(value, bool) != isinstance(default, bool)):
                raise UserError(f"{cls.spec.name}.{name} takes a {type(default).__name__} such as {default!r}, not {value!r}.")
        return cls(replace(cast(Any, params), **settings), frame)


def episode_id(ref_ts: int, code: int) -> int:
    """An id that depends only on what the episode is about: its reference time and a small code (0..7).

    Millisecond resolution keeps it inside int64; a fold that can open two episodes of one code in the same
    millisecond must make its codes differ.
    """
    return ref_ts // 1_000_000 * 8 + code
