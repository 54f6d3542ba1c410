"""How numbers and times are written for people, in one place for picture, page and terminal."""

from __future__ import annotations

from datetime import datetime

from perpscope.core.time import format_ts
from perpscope.report.results import ts_of

UNKNOWN = "-"


def at_text(at: datetime | None) -> str:
    """'2024-08-05 14:00 UTC', or a dash."""
    return UNKNOWN if at is None else format_ts(ts_of(at))


def percent(fraction: float | None, digits: int = 3) -> str:
    """A share in percent.

    Example:
        >>> percent(0.5574), percent(1.0), percent(0.0001), percent(None)
        ('55.7%', '100%', '0.01%', '-')
    """
    if fraction is None:
        return UNKNOWN
    return f"{100 * fraction:.{digits}g}%" if abs(fraction) < 0.9995 or digits > 3 else f"{100 * fraction:.0f}%"


def signed_percent(fraction: float | None, decimals: int = 2) -> str:
    """A change in percent, with its sign.

    Example:
        >>> signed_percent(-0.11236), signed_percent(0.004), signed_percent(None)
        ('-11.24%', '+0.40%', '-')
    """
    return UNKNOWN if fraction is None else f"{100 * fraction:+.{decimals}f}%"


def signed(value: float | None, decimals: int = 2) -> str:
    """A number with its sign.

    Example:
        >>> signed(0.6458), signed(-1.0), signed(None)
        ('+0.65', '-1.00', '-')
    """
    return UNKNOWN if value is None else f"{value:+.{decimals}f}"


def lasting(seconds: int) -> str:
    """A length of time in its two largest units.

    Example:
        >>> lasting(90), lasting(3600 * 30), lasting(7260)
        ('1m', '1d 6h', '2h 1m')
    """
    days, rest = divmod(int(seconds), 86_400)
    hours, minutes = divmod(rest // 60, 60)
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m"


def plain(name: str) -> str:
    """An enum or field name as words.

    Example:
        >>> plain("change_of_character")
        'change of character'
    """
    return name.replace("_", " ")
