"""The pages under `/settings`; each module beside this one adds its own."""

from __future__ import annotations

from flask import Blueprint

blp = Blueprint("settings", __name__, url_prefix="/settings")
