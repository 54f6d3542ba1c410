"""The colours of the picture and of the page: dark ground, pale candles, one meaning per colour."""

from __future__ import annotations

GROUND = "#0b0e14"
PANEL = "#10141d"
GRID = "#222a38"
EDGE = "#39445a"
TEXT = "#dde3ee"
MUTED = "#96a1b5"

CANDLE_UP = "#f6f2e7"
CANDLE_DOWN = "#86a9bf"

BUY = "#43c9ae"  # longs, aggressive buyers, bullish zones
SELL = "#f2728c"  # shorts, aggressive sellers, bearish zones
NEUTRAL = "#a9b4c8"

OLD = "#545c6d"
VOLUME = "#5d6b86"
LINE_CVD = "#e3c567"
LINE_INTEREST = "#7fb2ff"
LINE_VWAP = "#c9a6ff"
LINE_POC = "#ffd866"

GAP = "#8d97aa"
WARNING = "#ffb454"

SESSIONS = {"asia": "#b79cff", "london": "#6cc7e8", "new_york": "#e8b35f"}

HEAT = "inferno"
