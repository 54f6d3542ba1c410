"""Binance as a server: USDT-M, COIN-M and spot."""
