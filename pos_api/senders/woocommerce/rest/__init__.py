"""A shop read over its REST API (WooCommerce `wc/v3`)."""
