"""Orders: what is stored of them, how a version is applied, how they are found and shown."""
