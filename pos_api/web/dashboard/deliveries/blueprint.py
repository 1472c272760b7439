"""The pages under `/deliveries`; each module beside this one adds its own."""

from __future__ import annotations

from flask import Blueprint

blp = Blueprint("deliveries", __name__, url_prefix="/deliveries")
