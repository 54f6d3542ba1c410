"""Position units as base quantity and as quote notional, for linear and inverse contracts alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.contract import kernels
from perpscope.core.units import ContractKind

Floats = npt.NDArray[np.float64]


def worth(units: Floats, price: Floats, kind: ContractKind) -> tuple[Floats, Floats]:
    """(quantity in base, notional in quote) of position units at a price.

    Definition: linear units are base, so the notional is units x price; inverse units are USD face, so the quantity is
    units / price.

    Example:
        >>> worth(np.array([2.0]), np.array([50.0]), ContractKind.LINEAR)
        (array([2.]), array([100.]))
        >>> worth(np.array([100.0]), np.array([50.0]), ContractKind.INVERSE)
        (array([2.]), array([100.]))
    """
    value = kernels.notional.python(int(kind), units, price)
    return (value, units) if kind is ContractKind.INVERSE else (units, value)
