"""Small things that every package uses: money, quantities, times, CSV, text search. None of it is about one domain."""
