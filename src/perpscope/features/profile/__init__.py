"""Features of volume at price."""
