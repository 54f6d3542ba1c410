"""The study in words: the tables of the terminal and of the page."""

from __future__ import annotations

from perpscope.research.session_statistics.study import Answer, Season, SessionStudy


def told(study: SessionStudy) -> list[str]:
    """Lines of Markdown that read as well in a terminal: what was measured on what, then the tables."""
    lines = [
        f"{study.venue} {study.symbol}, {study.frame_minutes}-minute bars, {study.first:%Y-%m-%d} to {study.last:%Y-%m-%d}: "
        f"{study.bars:,} bars, {study.missing_bars:,} missing. {study.replications} draws, seed {study.seed}; 95 % intervals.",
        "",
    ]
    lines += season_lines(next(s for s in study.seasons if s.cycle == "day"))
    for pair in study.pairs:
        lines += ["", f"{pair.session} against the range of {pair.before} ({pair.left_out} left out for missing bars)", ""]
        lines += ["| of its occurrences | value | 95 % | n | at wrong hours | difference | |", "|---|---|---|---|---|---|---|"]
        lines += [_answer(a) for a in pair.answers]
    out = sum(a.stands_out for p in study.pairs for a in p.answers)
    lines += ["", f"{out} of {study.looks} differences leave out zero; by chance alone about {0.05 * study.looks:.0f} would."]
    return lines


def season_lines(season: Season) -> list[str]:
    """A season as a table: one row a slot, each measure with its interval."""
    names = list(season.units)
    lines = [f"Hour of the day, {season.clock.replace('_', ' ').title()} clock", ""]
    lines += ["| hour | " + " | ".join(f"{n}, {season.units[n].split(',')[0]}" for n in names) + " |"]
    lines += ["|---" * (len(names) + 1) + "|"]
    for slot in season.slots:
        cells = [_cell(slot.measures[n]) for n in names]
        lines.append(f"| {slot.minute // 60:02d} | " + " | ".join(cells) + " |")
    return lines


def _cell(three: list[float | None]) -> str:
    value, low, high = three
    if value is None or low is None or high is None:
        return "-"
    return f"{value:.2f} ({low:.2f} .. {high:.2f})" if abs(value) >= 0.1 else f"{value:.3f} ({low:.3f} .. {high:.3f})"


def _answer(a: Answer) -> str:
    if a.value is None or a.low is None or a.high is None:
        return f"| {a.question} | - | - | {a.n} | - | - | |"
    gap = "-"
    if a.excess_low is not None and a.excess_high is not None and a.placebo is not None:
        gap = f"{a.value - a.placebo:+.3f} ({a.excess_low:+.3f} .. {a.excess_high:+.3f})"
    shown = "-" if a.placebo is None else f"{a.placebo:.3f}"
    mark = "stands out" if a.stands_out else ""
    return f"| {a.question} | {a.value:.3f} | {a.low:.3f} .. {a.high:.3f} | {a.n} | {shown} | {gap} | {mark} |"
