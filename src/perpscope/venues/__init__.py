"""Each venue's own words turned into events: pure parsers and the sequence rules of its books."""
