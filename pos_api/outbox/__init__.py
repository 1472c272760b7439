"""Events for subscribers: kept in the outbox, delivered by signed requests."""
