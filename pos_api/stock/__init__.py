"""Stock by SKU: the ledger, and from when on it counts."""
