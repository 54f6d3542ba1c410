"""From sockets to steps: the feed, the recorder, the loop that runs the same graph on what arrives."""
