"""Binance spot, the companion of its perpetuals; its book has rules of its own."""
