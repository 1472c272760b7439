"""Deliveries are sent: `deliverer` is the thread that does it, the other modules are its parts."""
