"""The layers that can be asked for: every fold, and the recorded streams that are drawn as they are."""

from __future__ import annotations

from functools import cache

from perpscope.core.fold import FoldSpec
from perpscope.engine.catalogue import all_folds
from perpscope.setups.base import Setup
from perpscope.web.wire import LayerCard

CANDLES, TRADES, FORCED, LADDER = "candles", "trades", "liquidations", "ladder"

RECORDED = {
    CANDLES: ("Candles and volume", "line", "price"),
    TRADES: ("Trades, the newest", "table", "none"),
    FORCED: ("Reported liquidations", "table", "liquidations"),
    LADDER: ("Order book, the newest", "table", "none"),
}
"""Title, shape and pane of what is drawn without a fold."""

HEATS = ("liquidation_heatmap", "liquidity_heatmap")
"""Folds whose rows are drawn as dense cells; the others of shape "heat" are sent as rows."""

SHOWN = frozenset(
    {
        CANDLES, "liquidation_heatmap", "liquidation_clusters", "cvd", "delta", "open_interest_delta", "funding_state",
        "liquidation_volume", "opens", "levels", "session_ranges", "fair_value_gaps", "order_blocks", "breaks", "swings",
        "average_stack", "bias",
    }
)  # fmt: skip
"""Layers of the first picture."""

_ESTIMATED = "perpscope.features.liquidation."
_OBSERVED = frozenset({"observed_liquidations"})


@cache
def layer_cards() -> tuple[LayerCard, ...]:
    """The catalogue, recorded streams first, then folds by family and name.

    Example:
        >>> [card.name for card in layer_cards()][:2]
        ['candles', 'trades']
    """
    cards = [_card(name, *told, "recorded", False, False) for name, told in RECORDED.items()]
    found = []
    for name, cls in all_folds().items():
        spec, family = cls.spec, cls.__module__.removeprefix("perpscope.").rpartition(".")[0].removeprefix("features.")
        found.append(_card(name, spec.title, spec.shape, spec.pane, family, spec.episodes, estimated(name)))
    return (*cards, *sorted(found, key=lambda c: (c.family, c.name)))


def estimated(name: str) -> bool:
    """Whether rows are inferred rather than observed: everything about where leverage breaks, but the positions seen."""
    cls = all_folds().get(name)
    return cls is not None and cls.__module__.startswith(_ESTIMATED) and name not in _OBSERVED


def spec_of(key: str) -> FoldSpec | None:
    """The spec of a node by its key, "delta@1h"; None for bars and streams."""
    cls = all_folds().get(key.partition("@")[0])
    return None if cls is None else cls.spec


def setup_names() -> tuple[str, ...]:
    """Folds that propose."""
    return tuple(name for name, cls in all_folds().items() if issubclass(cls, Setup))


def _card(name: str, title: str, shape: str, pane: str, family: str, episodes: bool, guess: bool) -> LayerCard:
    return LayerCard(
        name=name, title=title, family=family, shape=shape, pane=pane, episodes=episodes, estimated=guess, shown=name in SHOWN
    )
