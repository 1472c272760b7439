"""The collections of stores."""

from __future__ import annotations

from pos_api.database.collections import Collection, present

COLLECTIONS = (
    Collection(
        "stores",
        "each store's settings, secrets (encrypted) and API keys (hashed, and what is signed with, encrypted)",
        (present("keys.hash", unique=True),),
    ),
)
