"""Who holds leverage and where it breaks: gross flows by identity, the books, and everything read from them."""
