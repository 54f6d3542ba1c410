"""The terminal: a report written by hand, and what a trader should see of it, read and approved line by line."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from perpscope.features.liquidation.flags import Flag
from perpscope.report import Report, print_report
from perpscope.report.leverage_sheet import DOUBTS
from report.handmade import document

EXPECTED = """\
╭─ BTCUSDT  demo  1h  known at 2024-08-05 14:00 UTC ───────────────────────────────────────────────╮
│ Leverage (estimated): $1M of longs below.                                                        │
│ Session now: london.                                                                             │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
! No bars@1h for a while.

Setups and their evidence
Lines are added with equal weights, long positive. The sum is no probability: nothing is claimed
before measurement.

Confluence: -1.00 of 2 (1 of 2 lines known)
line              adds  what it says                       verdict
Moving averages  -1.00  the averages are stacked downward  unproven
Aggressor flow       -  not known here                     unproven

Where leverage breaks (estimated)
Estimated, and conditional: dollars that would be closed by force if the mark price went there.
Coverage of open interest: longs 54%, shorts 57%; unplaced: longs 46%, shorts 43%.
Leverage mix: prior, dated 2024-08-05, not learned on this instrument. Skill on this instrument: not
measured.
The mix is a prior, so nobody knows how wide the bands are; learn one with 'perpscope liquidations
calibrate' and give it with --mix.
Colour scale of the picture: sqrt, fixed from $0 to $30M per bin of 10 bps.
62.5% of the dollars were opened within about a day; older ones are faded, because our tests found
no support for them.
Imbalance (shorts above - longs below) / both: +0.25 within one daily sigma, - within two.
The books are still filling up: more than a tenth of the open interest is older than the data.
Doubts about the newest bar: the last price stands in for the mark.

If price goes there, about this much is closed by force
within  longs below  shorts above
1%            $1.5M         $2.5M
5%             $15M          $65M

Clusters above (shorts)
   USD     price      from        to  distance  sigma  age  state  support    leverage
$84.1M  56,000.0  55,950.0  56,050.0    +3.70%    1.2  2h   grown  supported  10x 60%, 25x 40%

Clusters below (longs)
  USD     price      from        to  distance  sigma  age  state  support      leverage
$950k  52,500.0  52,450.0  52,550.0    -2.78%    0.9  2h   grown  unsupported  10x 60%, 25x 40%

Expected to be touched, without drift or cascade
within  longs  shorts
24h     $2.5M    $12M

What price ran through in the window's 22 reported bars
side    expected before  reported  expected / reported
longs             $1.4B     $160M                  8.8
shorts            $330M        $0                    -

Time frames
Together they lean short: score -0.61, 83% of the weight agrees.

frame  score  price  slope  averages  known                 averages settled
1d     -0.23  -1.00  +0.10  mixed     2024-08-05 12:00 UTC  no
1h         -      -      -  -         -                     -

Structure
Trend by the last break: down. Last swing high 61,064.6, last swing low 48,888.0; price stands at
25% of that range (discount).

Live zones nearest to price
zone            side    bottom       top  distance  state    known
fair value gap  down  54,686.6  55,650.0    +5.31%  touched  2024-08-05 12:00 UTC

Levels not traded since
level           price  distance  members  known
equal highs  58,100.0    +7.60%        2  2024-08-05 12:00 UTC

Last breaks
break               side     level  swing of              known
break of structure  down  57,040.0  2024-08-04 14:00 UTC  2024-08-05 12:00 UTC
"""


def printed(report: Report, width: int = 100) -> str:
    out = io.StringIO()
    print_report(report, Console(file=out, width=width, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def by_hand(crash: Report, **changes: str) -> Report:
    return Report(document(**changes), crash.results)


def test_the_terminal_shows_the_summary_the_warnings_and_the_main_tables(crash: Report) -> None:
    assert printed(by_hand(crash)) == EXPECTED


def test_text_from_data_is_no_markup(crash: Report) -> None:
    assert "[bold red]BTC[/]" in printed(by_hand(crash, symbol="[bold red]BTC[/]"))


@pytest.mark.parametrize("width", [40, 60, 200])
def test_any_width_shows_every_sentence_and_no_line_is_too_long(crash: Report, width: int) -> None:
    text = printed(crash, width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.replace("\u2502", " ").split())
    for sentence in crash.document.summary:
        assert " ".join(sentence.split()) in words


def test_every_doubt_has_words() -> None:
    assert {flag.name for flag in Flag} - {"WARM"} == set(DOUBTS)
