"""A shop read from its WooCommerce database (MariaDB or MySQL), where its REST API is slow, blocked or gone.

Orders are in WooCommerce's own tables (HPOS) or in WordPress's posts (legacy), whichever the shop uses. Rows come out
as REST v3 gives them, so an import from here and one over REST come to the same. It only reads. Needs PyMySQL, the
extra `import-database`.
"""
