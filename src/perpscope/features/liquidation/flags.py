"""What was missing or doubtful when a row of the liquidation map was made. Flags add up in one integer column."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """LAST: no mark bar, last price used for sweeps. NO_TAKER: aggressor volume absent, half taken. NO_LIQ: no
    realised liquidations, taken as 0. LIQ_HIGH: realised liquidations contradict volume and open interest, taken as 0.
    OI_COARSE: no open interest for this bar, its change is applied when it comes. OI_GAP: the open interest came
    after a silence of more than twice its usual spacing. OI_CARRY: open interest moved by more than the volume; the rest
    is carried. OI_REBASE: a carried rest was not resolved and the books were rescaled. OI_UNIT: such violations are so
    frequent that the unit must be wrong (dollars, or both sides counted). OI_USD: open interest came in quote coin only
    and was divided by price. PRICE_GAP: bars were missing before this one. RESTART: the books were begun anew.
    WARM: more than a tenth of the open interest is older than the books. TIERS_DATE: no risk tiers are known for this date,
    the instrument's nearest ones are used.
    """

    LAST = 1
    NO_TAKER = 2
    NO_LIQ = 4
    LIQ_HIGH = 8
    OI_COARSE = 16
    OI_GAP = 32
    OI_CARRY = 64
    OI_REBASE = 128
    OI_UNIT = 256
    OI_USD = 512
    PRICE_GAP = 1024
    RESTART = 2048
    WARM = 4096
    TIERS_DATE = 8192


def flag_names(value: int) -> list[str]:
    """The flags set in a value, by name.

    Example:
        >>> flag_names(Flag.LAST | Flag.WARM)
        ['LAST', 'WARM']
    """
    return [flag.name for flag in Flag if value & flag and flag.name]
