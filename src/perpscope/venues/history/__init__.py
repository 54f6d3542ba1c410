"""The past as venues tell it by REST, through ccxt: bars, mark bars, settled funding, open interest, trades, tiers, contracts.

ccxt is never on the path of live data; here its knowledge of seven interfaces is worth its price. It is imported when the
first question is asked, because that takes seconds. Orders are no business of this package, and no request that could be one
is ever repeated: `maxRetriesOnFailure` is 0.
"""

from perpscope.venues.history.client import VENUES
from perpscope.venues.history.history import VenueHistory

__all__ = ["VENUES", "VenueHistory"]
