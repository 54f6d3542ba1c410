"""Research on what the graph says: replays, checks, calibration, evidence."""
