"""Running the evidence: promise, measure (resumable, on several processes), judge all together, write the pages."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

import perpscope
from perpscope.core.time import format_ts, parse_ts
from perpscope.lake import Lake
from perpscope.report.files import write_files
from perpscope.research.event_study import Prepared
from perpscope.research.evidence.adapters import Adapter
from perpscope.research.evidence.collect import Window, collect, instrument_hash
from perpscope.research.evidence.gates import gates, gates_hash
from perpscope.research.evidence.incremental import Added, incremental, incremental_table
from perpscope.research.evidence.judge import Decision, judge
from perpscope.research.evidence.plan import SHARPE, promise, report_results
from perpscope.research.evidence.record import EvidencePage, Line, Measured, Table
from perpscope.research.evidence.tables import Ready
from perpscope.research.evidence.verdicts import FactorVerdict, VerdictFile, expiry
from perpscope.research.evidence.workers import measured_by
from perpscope.research.trials import Ledger, LedgerReading, data_hash
from perpscope.research.trials.trial import digest
from perpscope.stats.deflation import SharpeMoments, deflated_sharpe
from perpscope.stats.multiplicity import benjamini_hochberg

Progress = Callable[[str, float, float], None]
LEDGER = "trials.jsonl"
INCREMENTS = "_incremental.json"
Kept = TypeVar("Kept")


class Stamped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measured factor on disk, with the hash of everything that it depends on."""

    stamp: str
    measured: Measured


def run(
    lake: Lake,
    adapters: Sequence[Adapter],
    window: Window,
    out: Path,
    *,
    seed: int,
    date: str,
    command: str,
    processes: int = 1,
    runner: str = "processes",
    progress: Progress | None = None,
) -> tuple[list[EvidencePage], VerdictFile]:
    """Measure and judge factors; what was measured before with the same data, thresholds and plan is read from disk.

    Args:
        date: ISO date of the verdicts, passed in; processes: workers for the measuring; runner: processes of this machine, or
            "ray" (`workers.RUNNERS`). Neither changes a byte.
    Raises:
        UserError: if the lake has none of the symbols, or a plan was changed after it was registered.
    """
    frozen, moment = gates(), parse_ts(date)
    out.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(out / LEDGER)
    data = data_hash(instrument_hash(lake, window, symbol) for symbol in window.symbols)
    plans = promise(ledger, adapters, window, frozen, data, moment)
    code = code_hash()
    stamps = {a.name: digest([data, gates_hash(), plans[a.name], seed, code]) for a in adapters}
    found = {a.name: m for a in adapters if (m := _kept(out, a.name, stamps[a.name])) is not None}
    todo = [a for a in adapters if a.name not in found]
    if todo:
        ready = _prepare(lake, todo, window, seed, progress)
        for done, (name, measured) in enumerate(measured_by(todo, ready, processes, runner), 1):
            _keep(out, name, Stamped(stamps[name], measured))
            found[name] = measured
            if progress:
                progress(f"measured {name}", done, len(todo))
    found = _with_increments(lake, adapters, window, out, found, stamps, seed, progress)
    for one in adapters:
        if found[one.name].sharpe_by_horizon:
            report_results(ledger, one, window, data, moment, found[one.name].sharpe_by_horizon)
    reading = ledger.read()
    judged = _judged(adapters, found, reading)
    pages = []
    for one in adapters:
        measured, decision = judged[one.name]
        pages.append(_page(one, measured, decision, window, reading, plans[one.name], data, seed, date, command))
    return pages, _verdict_file(pages, reading, window, data, seed, date, command)


@cache
def code_hash() -> str:
    """SHA-256 of every source that a measurement depends on: what was measured by other code is measured again."""
    home = Path(perpscope.__file__).parent
    found = hashlib.sha256()
    for floor in ("core", "numeric", "stats", "market", "contract", "lake", "features", "mtf", "setups", "engine", "research"):
        for path in sorted((home / floor).rglob("*.py")):
            found.update(path.relative_to(home).as_posix().encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def _kept(out: Path, name: str, stamp: str) -> Measured | None:
    stamped = _decoded(out / "measured" / f"{name}.json", Stamped)
    return stamped.measured if stamped is not None and stamped.stamp == stamp else None


def _decoded(path: Path, kind: type[Kept]) -> Kept | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError):  # half a file, or one of an older version: measure again
        return None


def _keep(out: Path, name: str, stamped: Stamped) -> None:
    write_files(out / "measured", {f"{name}.json": msgspec.json.encode(stamped)}, "What was measured")


class StampedAdded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every factor adds to the others, with the hash of all that it depends on."""

    stamp: str
    added: list[Added]


def _with_increments(
    lake: Lake,
    adapters: Sequence[Adapter],
    window: Window,
    out: Path,
    found: dict[str, Measured],
    stamps: dict[str, str],
    seed: int,
    progress: Progress | None,
) -> dict[str, Measured]:
    """Every measured factor with table 8, which is about all of them together; one factor alone has no such table."""
    usable = [one for one in adapters if not found[one.name].facts.missing]
    if len(usable) < 2:
        return found
    stamp = digest([{one.name: stamps[one.name] for one in usable}])
    path = out / "measured" / INCREMENTS
    kept = _decoded(path, StampedAdded)
    if kept is None or kept.stamp != stamp:
        if progress:
            progress("incremental value", 0, 1)
        ready = _prepare(lake, usable, window, seed, progress)
        added = incremental(ready, [one.name for one in usable], np.random.default_rng([seed, 8]))
        kept = StampedAdded(stamp, added)
        write_files(path.parent, {INCREMENTS: msgspec.json.encode(kept)}, "The incremental value")
    tables = {one.name: incremental_table(one) for one in kept.added}
    return {
        name: msgspec.structs.replace(m, tables=[*m.tables, tables[name]]) if name in tables else m for name, m in found.items()
    }


def _prepare(lake: Lake, adapters: Sequence[Adapter], window: Window, seed: int, progress: Progress | None) -> Ready:
    collected = [collect(lake, window, symbol, adapters, progress) for symbol in window.symbols]
    return Ready(window, collected, [Prepared(c.path) for c in collected], gates(), seed)


def _judged(
    adapters: Sequence[Adapter], found: dict[str, Measured], reading: LedgerReading
) -> dict[str, tuple[Measured, Decision]]:
    """Deflate by the trials of each family, hold the false discoveries over all factors together, then judge."""
    frozen = gates()
    full = {one.name: _deflated(one, found[one.name], reading) for one in adapters}
    asked: list[tuple[str, str, float]] = []
    for name, m in full.items():
        if m.facts.p is not None:
            asked.append((name, "direction", m.facts.p))
        asked += [(name, risk.target, risk.p) for risk in m.facts.risks if risk.p is not None]
    kept: dict[str, set[str]] = {name: set() for name in full}
    if asked:
        rejected = benjamini_hochberg([p for _, _, p in asked], frozen.false_discovery).rejected
        for (name, what, _), yes in zip(asked, rejected):
            if yes:
                kept[name].add(what)
    return {name: (m, judge(m.facts, frozen, frozenset(kept[name]))) for name, m in full.items()}


def _deflated(one: Adapter, measured: Measured, reading: LedgerReading) -> Measured:
    """N and the deflated Sharpe ratio; V is the variance of the family's Sharpe ratios, at least that of chance, 1/n."""
    trials, moments = reading.count(one.family), measured.moments
    facts = msgspec.structs.replace(measured.facts, trials=trials)
    dsr = None
    tables = list(measured.tables)
    if moments is not None and None not in (moments.sharpe, moments.n, moments.skewness, moments.kurtosis):
        shape = SharpeMoments(moments.sharpe or 0.0, int(moments.n or 0), moments.skewness or 0.0, moments.kurtosis or 3.0)
        others = reading.results(one.family, SHARPE)
        variance = max(1.0 / shape.n, _variance(others))
        if shape.variance > 0.0:
            deflated = deflated_sharpe(shape, trials, variance)
            dsr = float(f"{deflated.probability:.10g}")
            facts = msgspec.structs.replace(facts, dsr=dsr)
            line = Line("DSR", {"value": dsr}, f"N {trials}, V {variance:.3g} per day over {len(others)} known Sharpe ratios")
            tables = [_with_line(t, line) if t.id == "5" else t for t in tables]
    mine = {one.family: "the family of this factor"}
    families = [Line(f, {"distinct trials": n}, mine.get(f, "")) for f, n in reading.families().items()]
    question = "Every variant that was measured, liked or not, by research question."
    tables.append(Table("9", "Trial ledger", question, families))
    return msgspec.structs.replace(measured, facts=facts, tables=tables)


def _with_line(table: Table, line: Line) -> Table:
    return msgspec.structs.replace(table, rows=[*table.rows[:2], line, *table.rows[2:]])


def _variance(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)


def _page(
    one: Adapter,
    measured: Measured,
    decision: Decision,
    window: Window,
    reading: LedgerReading,
    plan: str,
    data: str,
    seed: int,
    date: str,
    command: str,
) -> EvidencePage:
    facts = measured.facts
    return EvidencePage(
        name=one.name,
        title=one.title,
        family=one.family,
        fold=one.fold,
        hypothesis=one.hypothesis,
        prior=one.prior,
        horizon=one.horizon,
        verdict=decision.verdict,
        direction=decision.direction,
        qualifier=decision.qualifier,
        sentence=decision.sentence,
        needed=decision.needed,
        n=facts.effect.n if one.directional else max((r.effect.n for r in facts.risks), default=0),
        bps=facts.effect,
        cost_bps=gates().cost_bps,
        trials=facts.trials,
        start=format_ts(window.start)[:10],
        end=format_ts(window.end)[:10],
        timeframe=window.frame,
        venue=window.venue,
        symbols=list(window.symbols),
        date=date,
        expires=expiry(date, gates().expires_days),
        seed=seed,
        data_hash=data,
        gates_hash=gates_hash(),
        plan_hash=plan,
        ledger_hash=reading.last_hash,
        code_version=perpscope.__version__,
        command=command,
        facts=facts,
        gates=decision.gates,
        tables=measured.tables,
        curves=measured.curves,
        notes=[*measured.notes, *reading.warnings],
    )


def _verdict_file(
    pages: Sequence[EvidencePage], reading: LedgerReading, window: Window, data: str, seed: int, date: str, command: str
) -> VerdictFile:
    factors = {
        p.name: FactorVerdict(
            p.name, p.verdict, p.direction, p.qualifier, p.sentence, p.horizon, p.n, p.bps, p.cost_bps, p.trials,
            p.date, p.expires, p.needed, 0.0,
        )
        for p in pages
    }  # fmt: skip
    return VerdictFile(
        venue=window.venue,
        symbols=list(window.symbols),
        timeframe=window.frame,
        start=format_ts(window.start)[:10],
        end=format_ts(window.end)[:10],
        date=date,
        seed=seed,
        data_hash=data,
        gates_hash=gates_hash(),
        ledger_hash=reading.last_hash,
        code_version=perpscope.__version__,
        command=command,
        factors=factors,
    )
