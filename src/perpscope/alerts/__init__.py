"""Rules on steps, and the sinks they are told to."""
