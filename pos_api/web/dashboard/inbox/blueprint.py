"""The pages under `/inbox`; each module beside this one adds its own."""

from __future__ import annotations

from flask import Blueprint

blp = Blueprint("inbox", __name__, url_prefix="/inbox")
