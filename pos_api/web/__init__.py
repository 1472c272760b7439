"""HTTP: the server, the API."""
