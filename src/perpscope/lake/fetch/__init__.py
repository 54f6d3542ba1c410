"""Fetching history: the bulk archives of a venue first, its REST interface for what they lack."""

from perpscope.lake.fetch.run import FetchReport, fetch

__all__ = ["FetchReport", "fetch"]
