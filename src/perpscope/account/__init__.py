"""The simulated perpetual account: orders, fills, positions, funding, liquidation, and a ledger of every movement of money."""
