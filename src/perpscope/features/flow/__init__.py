"""Features of the tape: who crossed the spread, how much, and what it moved."""
