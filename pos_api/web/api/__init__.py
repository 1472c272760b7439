"""The HTTP API: one blueprint per noun, one JSON shape for success and for errors."""
