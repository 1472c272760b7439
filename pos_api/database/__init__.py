"""MongoDB: the client, a primary's term, the mongod that we bring, backups."""
