"""Bybit v5 as a server: linear, inverse and spot public channels."""
