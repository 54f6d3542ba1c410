"""What a sweep found, in sentences."""

from __future__ import annotations

import math

from perpscope.research.sweep.study import SweepResult

SURE = 0.95
FITTED = 0.2


def told(result: SweepResult) -> list[str]:
    """The best variant, what luck alone would show among as many, and whether choosing it was worth anything."""
    said = [
        f"{len(result.measured)} variants measured; {result.trials} trials of '{result.sweep.family}' are on record, "
        f"discarded ones included."
    ]
    best = result.best
    if best is not None:
        yearly = (best.metrics["sharpe_per_day"] or 0.0) * math.sqrt(365.0)
        chosen = ", ".join(f"{name} = {value}" for name, value in best.parameters.items())
        said.append(f"Best by Sharpe ratio: {yearly:.2f} a year with {chosen}.")
    if result.deflated is not None:
        luck = result.deflated.threshold * math.sqrt(365.0)
        found = result.deflated.probability
        said.append(
            f"The best of {result.trials} variants without any skill would show about {luck:.2f}; the chance that this one "
            f"truly has more is {found:.1%}, " + ("enough" if found >= SURE else f"less than the {SURE:.0%} asked for") + "."
        )
    if result.overfitting is not None:
        chance = result.overfitting.probability
        said.append(
            f"Chosen in one half of the days, the best falls below the median in the other in {chance:.0%} of "
            f"{len(result.overfitting.logits):,} ways to split: "
            + ("acceptable" if chance < FITTED else f"overfitted (the limit is {FITTED:.0%})")
            + "."
        )
    return [*said, *result.notes]
