"""History through the graph and the account: one run, its result, its yardsticks."""
