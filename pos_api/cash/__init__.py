"""Cash sessions of tills: what should be in the drawer, and what was counted."""
