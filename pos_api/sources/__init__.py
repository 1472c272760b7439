"""One module per sender: what arrives, verified and translated into snapshots of orders, products and customers."""
