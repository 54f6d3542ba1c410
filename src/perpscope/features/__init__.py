"""What the market shows: one file per feature, found by the registry, held to the laws."""
