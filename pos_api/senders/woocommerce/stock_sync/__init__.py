"""Stock sync of a shop: switched on with both sides made equal, how it fares, and the proof that all that moved has
gone there once. `stock_push` does the sending."""
