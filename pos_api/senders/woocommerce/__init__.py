"""WooCommerce shops: our plugin, WooCommerce's own webhooks, its REST API."""
