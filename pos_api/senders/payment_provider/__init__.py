"""What senders of payment providers share: the signature, the shape of events, and what payments and subscriptions come
to. Each provider is a package of its own."""
