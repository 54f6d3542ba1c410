"""Smaller looks beside the report: time frames, structure, sessions, metrics. Each is a record, a picture and a table."""
