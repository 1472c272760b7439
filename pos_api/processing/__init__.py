"""The way of a delivery from the request to its outcome, and what is done on a schedule."""
