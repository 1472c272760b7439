"""Who makes a request of the API."""

from __future__ import annotations

from dataclasses import dataclass

from pos_api.staff.users import ROLES


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request: a member of staff or a script by its token, or a store by its API key."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this role includes `role`: an admin may do what a manager may, a manager what a viewer may."""
        return ROLES.index(self.role) >= ROLES.index(role)
