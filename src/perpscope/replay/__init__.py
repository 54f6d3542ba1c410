"""A simulated exchange on loopback that speaks the venues' own protocols, with faults and its own ledger."""
