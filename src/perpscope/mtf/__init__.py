"""Several time frames, joined on what was known: alignment, the bias of a frame, and the agreement of frames."""
