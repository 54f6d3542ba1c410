"""Binance USD-M and COIN-M perpetuals and futures."""
