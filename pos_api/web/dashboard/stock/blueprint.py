"""The blueprint that all pages about stock are in."""

from __future__ import annotations

from flask import Blueprint

blp = Blueprint("stock", __name__, url_prefix="/stock")
