"""Bybit v5, linear and inverse."""
