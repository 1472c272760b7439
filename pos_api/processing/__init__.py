"""The way of an event from the request to its outcome, and what is done on a schedule."""
