"""Answers by hand: small folds whose rows can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from laws.market import START, made_market
from perpscope.core.batch import Batch, cut
from perpscope.core.errors import DataError, ProgrammerError, UserError
from perpscope.core.events import BARS
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table, price, row_schema
from perpscope.core.time import HOUR
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect, steps

ROWS = row_schema("closes", price("close", "the close"))
INSTRUMENT = Instrument("demo", "X")


class Closes(Fold):
    """Repeats closes; `shift` lets it lie about when."""

    spec = FoldSpec(name="closes", title="", inputs=("bars",), output=ROWS, source="")

    def __init__(self, shift: int = 0, inputs: tuple[str, ...] = ("bars",), frame: str | None = None) -> None:
        super().__init__(None, frame)
        self.shift = shift
        self._inputs = inputs

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    def start(self, instrument: Instrument) -> State:
        return {"n": 0}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch[next(n for n in self._inputs if n.startswith("bars")).removesuffix("?")]
        state["n"] += len(bars)
        return Table.of(ROWS, ref_ts=bars["ref_ts"], known_ts=bars["known_ts"] + self.shift, close=bars["close"])


def bars(n: int, step: int = HOUR) -> Table:
    at = START + step * np.arange(n)
    flat = np.full(n, 100.0)
    return Table.filled(BARS, ref_ts=at, known_ts=at + step, open=flat, high=flat, low=flat, close=flat, complete=[True] * n)


def test_steps_are_numbered_and_carry_their_watermark() -> None:
    graph = Graph(INSTRUMENT, [Closes()], {"bars@1h"}, "1h")
    batch = Batch(START + 10 * HOUR, {"bars@1h": bars(10)})
    seen = list(steps(graph, cut(batch, [START + 4 * HOUR])))
    assert [(s.number, s.watermark_ts, len(s.rows["closes@1h"])) for s in seen] == [
        (1, START + 4 * HOUR, 4),
        (2, START + 10 * HOUR, 6),
    ]


def test_native_bars_are_preferred_then_the_longest_child_then_trades() -> None:
    assert list(Graph(INSTRUMENT, ["bars"], {"bars@1h", "trade"}, "1h").nodes) == []
    chosen = Graph(INSTRUMENT, ["bars"], {"bars@5m", "bars@15m", "bars@4h", "trade"}, "1h").nodes["bars@1h"]
    assert chosen.fold.inputs == ("bars@15m",)
    assert Graph(INSTRUMENT, ["bars"], {"trade"}, "1h").nodes["bars@1h"].fold.inputs == ("trade", "gap")


def test_what_cannot_be_supplied_is_refused_with_what_there_is() -> None:
    with pytest.raises(UserError, match=r"15m bars can be made neither .* bars@1h"):
        Graph(INSTRUMENT, ["bars"], {"bars@1h"}, "15m")
    with pytest.raises(UserError, match="'open_interest' is needed but the data has none"):
        Graph(INSTRUMENT, [Closes(inputs=("bars", "open_interest"))], {"bars@1h"}, "1h")
    with pytest.raises(UserError, match="no feature 'swingz'"):
        Graph(INSTRUMENT, ["swingz"], {"bars@1h"}, "1h")
    with pytest.raises(UserError, match="no feature 'swingz'"):
        Graph(INSTRUMENT, [], {"bars@1h"}, "1h", {"swingz": {}})


def test_an_optional_input_that_is_not_offered_is_absent_from_the_batch() -> None:
    class Probe(Closes):
        def fold(self, state: State, batch: Batch) -> Table:
            assert ("funding" in batch) == state.setdefault("expected", False)
            return super().fold(state, batch)

    graph = Graph(INSTRUMENT, [Probe(inputs=("bars", "funding?"))], {"bars@1h"}, "1h")
    assert len(collect(graph, [Batch(START + 3 * HOUR, {"bars@1h": bars(3)})])["closes@1h"]) == 3


@pytest.mark.parametrize("shift", [1, -(10 * HOUR)])
def test_rows_from_the_future_or_of_the_past_stop_the_run(shift: int) -> None:
    graph = Graph(INSTRUMENT, [Closes(shift=shift)], {"bars@1h"}, "1h")
    batches = list(cut(Batch(START + 10 * HOUR, {"bars@1h": bars(10)}), [START + 5 * HOUR]))
    with pytest.raises(ProgrammerError, match="outside the step"):
        collect(graph, batches)


def test_a_batch_of_the_past_is_refused() -> None:
    graph = Graph(INSTRUMENT, [], {"bars@1h"}, "1h")
    graph.step(Batch(10, {}))
    with pytest.raises(ProgrammerError, match="before the last"):
        graph.step(Batch(9, {}))


def test_a_thawed_graph_continues_where_the_frozen_one_stopped() -> None:
    market = made_market(0, 100)
    whole = collect(Graph(market.instrument, ["bars@4h"], {"trade"}, "1h"), [market.batch()])["bars@4h"]
    head, tail = cut(market.batch(), [START + 50 * HOUR])
    first = Graph(market.instrument, ["bars@4h"], {"trade"}, "1h")
    before = collect(first, [head])["bars@4h"]
    second = Graph(market.instrument, ["bars@4h"], {"trade"}, "1h")
    second.thaw(first.freeze())
    assert second.number == 1
    assert Table.concat([before, collect(second, [tail])["bars@4h"]]).same_as(whole)


def test_a_foreign_or_damaged_state_is_refused() -> None:
    graph = Graph(INSTRUMENT, [Closes()], {"bars@1h"}, "1h")
    with pytest.raises(UserError, match="another set of features"):
        graph.thaw(Graph(INSTRUMENT, [], {"bars@1h"}, "1h").freeze())
    with pytest.raises(DataError, match="start the fold afresh"):
        graph.thaw(graph.freeze()[:-2])


def test_settings_are_checked_by_name_and_type() -> None:
    with pytest.raises(UserError, match="no parameter of closes 'span'"):
        Closes.with_settings({"span": 3})
