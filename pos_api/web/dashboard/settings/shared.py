"""What the pages about stores share: a store as it is just now, and failures that are shown beside a form."""

from __future__ import annotations

from pos_api.config import ConfigError
from pos_api.errors import NotFound, PosError
from pos_api.stores.model import Store
from pos_api.web.services import services

PROBLEMS = (PosError, ConfigError)
"""What a form is shown again for: a refused input, and secrets that can't be kept as SECRETS_KEYS is missing."""


def all_stores() -> list[Store]:
    """Every store as it is just now, the default one first, whatever another process has changed meanwhile."""
    services().stores.read_again()
    return services().stores.all()


def store_named(name: str) -> Store:
    """The store of this name as it is just now. Raises NotFound."""
    found = next((each for each in all_stores() if each.id == name), None)
    if found is None:
        raise NotFound(f"There is no store {name!r}.")
    return found


def status_of(problem: Exception) -> int:
    """The HTTP status of the page that shows this problem."""
    return problem.status if isinstance(problem, PosError) else 409
