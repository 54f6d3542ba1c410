"""Where leverage breaks, who is pushing, and what it has been worth."""

__version__ = "0.1.0"
