"""Array helpers that know nothing of markets: compiled loops, rolling windows, bins, point-in-time joins."""
