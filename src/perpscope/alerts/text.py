"""Text of alerts is data: nothing in a symbol's name or a rule's words may steer a terminal, a page or a template."""

from __future__ import annotations

import html
import unicodedata

_LONGEST = 500
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories without a picture of their own: controls, bidirectional overrides, zero widths, surrogates, breaks."""


def plain(text: str, longest: int = _LONGEST) -> str:
    """One line of visible characters: what has no picture becomes a space, and a ping (@everyone) is pulled apart.

    Example:
        >>> plain("BTC\\x1b[31mUSDT\\n@everyone")
        'BTC [31mUSDT @ everyone'
    """
    shown = "".join(" " if unicodedata.category(c) in _HIDDEN else c for c in text[: 4 * longest])
    shown = " ".join(shown.replace("@", "@ ").split())
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def markup(text: str) -> str:
    """Plain text for a place that reads a little HTML, as desktop notifications do.

    Example:
        >>> markup("<b>5 & 6</b>")
        '&lt;b&gt;5 &amp; 6&lt;/b&gt;'
    """
    return html.escape(plain(text))
