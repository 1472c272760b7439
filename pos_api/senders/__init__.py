"""Who sends events: one module or package for each kind of sender."""
