"""Who may sign in, and as what: added, given another role or password, and removed."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.errors import Conflict, PosError
from pos_api.staff import users as staff
from pos_api.staff.users import ROLES
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render, role_name
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.services import services


@blp.get("/users")
@page("admin")
def users() -> Any:
    """All users."""
    return _users_page()


@blp.post("/users")
@page("admin")
def add_user() -> Any:
    """Add a user. Where no password is typed, one is made and shown this once."""
    name, role, password = (request.form.get(each, "") for each in ("name", "role", "password"))
    made = password or secrets.token_urlsafe(12)
    try:
        added = staff.add(services().db, name, made, role)
    except PosError as problem:
        return _users_page(problem.message, name, role), problem.status
    if not password:
        return _shown_once(_("%(name)s was added", name=added.name), added.name, made)
    flash(_("%(name)s was added.", name=added.name))
    return _back()


@blp.post("/users/<name>/role")
@page("admin")
def change_role(name: str) -> Any:
    """Give somebody another role."""
    try:
        _refuse_oneself(name)
        staff.set_role(services().db, name, request.form.get("role", ""), keep_an_admin=True)
    except PosError as problem:
        return _users_page(problem.message), problem.status
    flash(_("%(name)s has another role now, and signs in anew.", name=staff.key(name)))
    return _back()


@blp.post("/users/<name>/password")
@page("admin")
def set_password(name: str) -> Any:
    """Give somebody a new password, which is shown this once; they are signed out everywhere."""
    made = secrets.token_urlsafe(12)
    try:
        _refuse_oneself(name)
        staff.set_password(services().db, name, made)
    except PosError as problem:
        return _users_page(problem.message), problem.status
    return _shown_once(_("A new password for %(name)s", name=staff.key(name)), staff.key(name), made)


@blp.post("/users/<name>/remove")
@page("admin")
def remove_user(name: str) -> Any:
    """Remove somebody."""
    try:
        _refuse_oneself(name)
        staff.remove(services().db, name, keep_an_admin=True)
    except PosError as problem:
        return _users_page(problem.message), problem.status
    flash(_("%(name)s was removed, and is signed out everywhere.", name=staff.key(name)))
    return _back()


def _refuse_oneself(name: str) -> None:
    """Raises Conflict: nobody loses their own way in by a slip."""
    if staff.key(name) == current_user().name:
        raise Conflict(_("That is you. Another admin can do this; your password is changed in your account."))


def _users_page(problem: str = "", name: str = "", role: str = "viewer") -> str:
    return render(
        "settings/users.html",
        users=staff.everyone(services().db),
        roles=[(each, role_name(each)) for each in ROLES],
        problem=problem,
        name=name[:200],
        role=role if role in ROLES else "viewer",
    )


def _shown_once(title: str, name: str, password: str) -> str:
    return render("settings/password_shown.html", title=title, name=name, password=password)


def _back() -> Any:
    return redirect(url_for("dashboard.settings.users"), 303)
