"""Sales figures: what is summed, how sums are kept, and outage detection."""
