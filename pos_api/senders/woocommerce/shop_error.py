"""What is raised when a shop can't be read."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from pos_api.config import ConfigError
from pos_api.errors import PosError
from pos_api.logs import get_logger

log = get_logger(__name__)


class ShopError(PosError):
    """The shop can't be read, or can't be sent to; `cause` is stable, the message says what it means and what to do,
    `pause` how many seconds the shop wants to be left alone."""

    status = 502
    code = "shop_unreadable"

    def __init__(
        self, cause: str, message: str, *, http_status: int = 0, wc_code: str = "", pause: float = 0.0
    ) -> None:
        super().__init__(message, details={"cause": cause})
        self.cause = cause
        self.http_status = http_status
        self.wc_code = wc_code
        self.pause = pause


@contextmanager
def unexpected_as_shop_error() -> Iterator[None]:
    """An error that nobody expected while a shop was read becomes a ShopError: the shop can't be read, and the log says
    where. Our own errors and those of the database stay what they are."""
    try:
        yield
    except (PosError, ConfigError, PyMongoError):
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "a shop's answer was not understood",
            error=type(error).__name__,
            where=f"{os.path.basename(where.filename)}:{where.lineno}",
        )
        message = (
            "Something in the shop's answers was not understood, so it was not read to the end; the log says where."
        )
        raise ShopError("not_understood", message) from None
