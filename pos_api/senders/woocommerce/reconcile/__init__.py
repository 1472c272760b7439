"""Compare the POS with a shop, list the discrepancies with their causes, and repair what is asked.

`run` is the comparison; `orders`, `products`, `stock` and `webhooks` each compare one kind, and `report` is what they
found. Whatever the shop has and could not be read is in the report too: a comparison never says in sync about what
nobody has seen.
"""
