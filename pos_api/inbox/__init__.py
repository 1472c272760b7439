"""What was received: stored before anything else, leased, finished, replayed."""
