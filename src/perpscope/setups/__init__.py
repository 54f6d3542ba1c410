"""From what is seen to what could be traded: named evidence, scores whose every part stays visible, setups."""
