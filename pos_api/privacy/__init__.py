"""Personal data across all packages: erased, exported, kept no longer than needed."""
