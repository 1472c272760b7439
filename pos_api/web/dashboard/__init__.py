"""The dashboard: pages for staff, made on the server (docs/architecture.md, "The dashboard")."""
