"""The panes of the picture: one function per pane, each in its own file, all on one time axis."""
