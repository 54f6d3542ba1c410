"""Features of what only derivatives have: open interest, funding, basis, forced closing."""
