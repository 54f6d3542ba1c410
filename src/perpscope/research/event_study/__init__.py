"""What happened after an event, against moments that looked the same: matched placebos, intervals, placebo bands."""

from perpscope.research.event_study.path import Prepared, PricePath, price_path
from perpscope.research.event_study.study import Cell, Events, EventStudy, Settings, events_at, study_events
from perpscope.research.event_study.targets import HORIZONS, TARGETS

__all__ = [
    "HORIZONS",
    "TARGETS",
    "Cell",
    "EventStudy",
    "Events",
    "Prepared",
    "PricePath",
    "Settings",
    "events_at",
    "price_path",
    "study_events",
]
