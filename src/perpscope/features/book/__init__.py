"""What the order book shows: its state, resting liquidity, imbalances, and scores of what may be hidden or false."""
