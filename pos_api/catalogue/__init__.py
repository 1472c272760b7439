"""Products: matched with what senders report, changed by staff, found and exported."""
