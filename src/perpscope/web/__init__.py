"""The page: wire format, history over HTTP, one stream over a WebSocket."""
