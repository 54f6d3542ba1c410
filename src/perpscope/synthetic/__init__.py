"""An agent-based perpetual market whose every position is known: ground truth for tests, and the offline demo.

Never evidence about markets: what it shows was put into it.
"""

from perpscope.synthetic.config import Config
from perpscope.synthetic.market import SyntheticMarket, simulate
from perpscope.synthetic.worlds import WORLDS, world

__all__ = ["WORLDS", "Config", "SyntheticMarket", "simulate", "world"]
