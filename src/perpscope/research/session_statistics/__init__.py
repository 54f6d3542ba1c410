"""What the clock has been worth: a season table by minute of the week, and what sessions did to the range before them."""
