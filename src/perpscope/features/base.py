"""The base of every feature.

A feature file reads top to bottom: docstring - parameters - spec - start - fold - kernel. Its docstring gives
definition, units, when known, source and an example that runs.
"""

from __future__ import annotations

from perpscope.core.fold import Fold, FoldSpec, NoParams, State, episode_id

__all__ = ["Feature", "FeatureSpec", "NoParams", "State", "episode_id"]

FeatureSpec = FoldSpec


class Feature(Fold):
    """A fold that shows something of the market."""
