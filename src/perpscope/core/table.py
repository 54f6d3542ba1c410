"""Columns with a schema: the one container for events and for rows.

A `Table` is a handful of equally long numpy arrays. It is immutable by convention: a fold must not write into
what it was given (a law checks it). Slices are views.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import ProgrammerError

if TYPE_CHECKING:
    import polars

Array = npt.NDArray[Any]

UNITS = frozenset(
    {
        "ns",
        "price",
        "quantity",
        "notional",
        "fraction",
        "ratio",
        "count",
        "bps",
        "score",
        "sigma",
        "id",
        "enum",
        "flag",
        "ticks",
    }
)
"""What a number measures. The scale law multiplies `price` by k, `quantity` by m, `notional` by k * m."""


@dataclass(frozen=True)
class Column:
    """A column: its name, unit and meaning, and what becomes of it when the market is turned upside down.

    `mirror`: "same", "reflect" (a price p becomes C - p), "negate", "flip" (an enum that knows its opposite),
    or "swap:<other column>" (high and low trade places, and are reflected too when they are prices).
    """

    name: str
    unit: str
    help: str
    dtype: str = "float64"
    enum: type[IntEnum] | None = None
    mirror: str = "same"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ProgrammerError(f"Column {self.name} has the unknown unit '{self.unit}'.")


def ts(name: str, help: str) -> Column:
    """A time column, int64 ns."""
    return Column(name, "ns", help, "int64")


def price(name: str, help: str, mirror: str = "reflect") -> Column:
    return Column(name, "price", help, mirror=mirror)


def quantity(name: str, help: str, mirror: str = "same") -> Column:
    return Column(name, "quantity", help, mirror=mirror)


def choice(name: str, enum: type[IntEnum], help: str, mirror: str = "same") -> Column:
    """An enum column, int8, shown by the member's lower-case name outside."""
    return Column(name, "enum", help, "int8", enum, mirror)


def flag(name: str, help: str) -> Column:
    return Column(name, "flag", help, "bool")


REF_TS = ts("ref_ts", "what the row is about, ns UTC")
KNOWN_TS = ts("known_ts", "when anyone could first have known it, ns UTC")


@dataclass(frozen=True)
class Schema:
    """The columns of one kind of table, and which of them is its clock (the time a row becomes knowable)."""

    name: str
    columns: tuple[Column, ...]
    clock: str = "known_ts"

    def __post_init__(self) -> None:
        if len({c.name for c in self.columns}) != len(self.columns):
            raise ProgrammerError(f"Schema {self.name} names a column twice.")
        if self.clock not in self.by_name:
            raise ProgrammerError(f"Schema {self.name} has no column '{self.clock}' to serve as its clock.")

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def empty(self) -> Table:
        return _empty(self)


def row_schema(name: str, *columns: Column) -> Schema:
    """A schema of derived rows: `ref_ts`, `known_ts`, then the given columns."""
    return Schema(name, (REF_TS, KNOWN_TS, *columns))


class Table:
    """Equally long columns of one schema, ordered by the schema's clock.

    Example:
        >>> heights = row_schema("heights", price("top", "a price"))
        >>> table = Table.of(heights, ref_ts=[0, 1], known_ts=[1, 2], top=[9.5, 9.7])
        >>> len(table), table["top"].tolist(), table[1:]["ref_ts"].tolist()
        (2, [9.5, 9.7], [1])
    """

    __slots__ = ("_columns", "_length", "schema")

    def __init__(self, schema: Schema, columns: dict[str, Array], length: int) -> None:
        self.schema = schema
        self._columns = columns
        self._length = length

    @classmethod
    def of(cls, schema: Schema, **columns: npt.ArrayLike) -> Table:
        """Build a table; every column of the schema must be given, all equally long.

        Raises:
            ProgrammerError: if a column is missing, unknown, of another length or not one-dimensional.
        """
        if columns.keys() != schema.by_name.keys():
            wrong = columns.keys() ^ schema.by_name.keys()
            raise ProgrammerError(f"A {schema.name} table was built with missing or unknown columns: {sorted(wrong)}.")
        made = {c.name: np.ascontiguousarray(columns[c.name], dtype=c.dtype) for c in schema.columns}
        shapes = {array.shape for array in made.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ProgrammerError(f"Columns of a {schema.name} table differ in shape: {sorted(map(str, shapes))}.")
        return cls(schema, made, next(iter(shapes))[0])

    @classmethod
    def filled(cls, schema: Schema, **columns: npt.ArrayLike) -> Table:
        """Like `of`, but a column that is not given is absent throughout: NaN, NULL_TS, or -1 for an id.

        Raises:
            ProgrammerError: if a column without a way to say "absent" (a flag or an enum) is missing.
        """
        length = len(next(iter(np.atleast_1d(v) for v in columns.values()))) if columns else 0
        for column in schema.columns:
            if column.name not in columns:
                columns[column.name] = np.full(length, _absent(column), column.dtype)
        return cls.of(schema, **columns)

    @classmethod
    def concat(cls, tables: Sequence[Table]) -> Table:
        """Tables of one schema, one after the other. At least one is needed.

        Raises:
            ProgrammerError: if there is none, or they differ in schema.
        """
        full = [t for t in tables if len(t)]
        if len(full) == 1:
            return full[0]
        if not full:
            if not tables:
                raise ProgrammerError("No table to concatenate, so the schema is unknown.")
            return tables[0]
        schema = full[0].schema
        if any(t.schema is not schema and t.schema.names != schema.names for t in full):
            raise ProgrammerError(f"Tables of different schemas were concatenated: {sorted({t.schema.name for t in full})}.")
        columns = {name: np.concatenate([t._columns[name] for t in full]) for name in schema.names}
        return cls(schema, columns, sum(map(len, full)))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, key: Any) -> Any:
        """`table["price"]` is the array; `table[a:b]`, `table[mask]` and `table[indices]` are tables."""
        if isinstance(key, str):
            return self._columns[key]
        columns = {name: array[key] for name, array in self._columns.items()}
        return Table(self.schema, columns, len(next(iter(columns.values()))))

    @property
    def clock(self) -> npt.NDArray[np.int64]:
        """When each row became knowable, ns."""
        return self._columns[self.schema.clock]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self._columns.values())

    def columns(self) -> Mapping[str, Array]:
        return self._columns

    def between(self, after: int, until: int) -> Table:
        """The rows with after < clock <= until: what one step may see."""
        low, high = np.searchsorted(self.clock, (after, until), side="right")
        return self if low == 0 and high == self._length else self[int(low) : int(high)]

    def with_columns(self, **columns: npt.ArrayLike) -> Table:
        """The same table with some columns replaced."""
        return Table.of(self.schema, **{**self._columns, **columns})

    def sorted(self) -> Table:
        """By clock, keeping the order of equals."""
        clock = self.clock
        if self._length < 2 or bool(np.all(clock[1:] >= clock[:-1])):
            return self
        return self[np.argsort(clock, kind="stable")]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows as plain dictionaries with enum names, for reports and messages; None where absent."""
        shown = [(c.name, _plain(c, self._columns[c.name])) for c in self.schema.columns]
        for i in range(self._length):
            yield {name: values[i] for name, values in shown}

    def to_polars(self) -> polars.DataFrame:
        """A polars frame: times as UTC datetimes, enums by name, NaN kept as NaN."""
        import polars as pl

        series: dict[str, Any] = {}
        for c in self.schema.columns:
            values = self._columns[c.name]
            if c.unit == "ns":
                series[c.name] = pl.Series(values).replace(np.iinfo(np.int64).min, None).cast(pl.Datetime("ns", "UTC"))
            elif c.enum is not None:
                series[c.name] = pl.Series(_enum_names(c.enum, values), dtype=pl.String)
            else:
                series[c.name] = pl.Series(values)
        return pl.DataFrame(series)

    def same_as(self, other: Table) -> bool:
        """Bit-equal columns, NaN equal to NaN."""
        return (
            self.schema.names == other.schema.names
            and len(self) == len(other)
            and all(_equal(self._columns[n], other._columns[n]) for n in self.schema.names)
        )

    def __repr__(self) -> str:
        return f"Table({self.schema.name}, {self._length} rows)"


def _empty(schema: Schema) -> Table:
    return Table(schema, {c.name: np.empty(0, c.dtype) for c in schema.columns}, 0)


def _absent(column: Column) -> float | int:
    if column.dtype == "float64":
        return float("nan")
    if column.unit == "ns":
        return int(np.iinfo(np.int64).min)
    if column.unit == "id":
        return -1
    raise ProgrammerError(f"Column {column.name} cannot be absent and must be given.")


def _equal(a: Array, b: Array) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _enum_names(enum: type[IntEnum], values: Iterable[Any]) -> list[str | None]:
    names = {int(member): member.name.lower() for member in enum}
    return [names.get(int(v)) for v in values]


def _plain(column: Column, values: Array) -> list[Any]:
    if column.enum is not None:
        return _enum_names(column.enum, values)
    if values.dtype.kind == "f":
        return [v if v == v else None for v in values.tolist()]
    return values.tolist()
