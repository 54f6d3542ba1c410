"""What the liquidation map is worth: measured against everything that knows price and volume but not positions."""
