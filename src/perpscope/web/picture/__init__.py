"""What is drawn: rows of the graph as they were known at a moment, cut to a window and placed in a frame."""
