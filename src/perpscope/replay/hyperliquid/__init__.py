"""Hyperliquid as a server: books, trades and asset contexts."""
