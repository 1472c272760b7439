"""Small things that every package uses: money, quantities, times, CSV, text search. Nothing here knows a domain."""
