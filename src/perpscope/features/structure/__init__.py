"""Features of market structure."""
