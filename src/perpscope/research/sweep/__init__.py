"""Many backtests as one study: every combination of settings, symbols and periods, each counted, none forgotten."""
