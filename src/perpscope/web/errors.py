"""Errors as the page shows them: what went wrong, and what to do."""

from __future__ import annotations

from perpscope.core.errors import DataError, PerpscopeError
from perpscope.web.wire import ErrorMessage

_ADVICE = "Choose another instrument, time frame or moment."


def error_message(code: str, fault: PerpscopeError | str, id: int | None = None, todo: str = "") -> ErrorMessage:
    """A fault as a message: its first sentence is what is wrong, the rest what to do.

    Example:
        >>> error_message("no-such-thing", "There is no venue 'bnance'. Did you mean 'binance'?").todo
        "Did you mean 'binance'?"
    """
    text = str(fault)
    sentence, _, rest = text.partition(". ")
    if isinstance(fault, DataError):
        sentence, rest = text, "Check the lake: perpscope catalog."
    if rest and not sentence.endswith("."):
        sentence += "."
    return ErrorMessage(code=code, sentence=sentence, todo=todo or rest or _ADVICE, id=id)
