"""From a signal to an order that can be defended, or to a refusal with its reason: stop, leverage, quantity, limits."""
