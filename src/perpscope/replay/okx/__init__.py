"""OKX v5 as a server: public channels and market REST."""
