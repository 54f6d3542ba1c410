"""Bars and tapes for the tests of market and of the flow features."""
