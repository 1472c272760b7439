"""People who work with the service: users, tokens, the audit."""
