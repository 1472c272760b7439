"""The books: what orders, payments and cash mean in the bookkeeper's language."""
