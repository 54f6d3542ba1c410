"""The market as it trades: tape, bars, footprint, book."""
