"""How a view gets the body of its request: all of it, or none of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from pos_api.errors import BadRequest, PayloadTooLarge
from pos_api.web.server.request_limits import BODY_LIMIT

View = TypeVar("View", bound=Callable[..., Any])

TOO_LARGE = "The body is larger than 2 MiB."
_NOT_WHOLE = "The body did not arrive whole."
_PART = 65_536


class WholeRequest(Request):
    """A request whose body is all there or refused: one that is cut off, or over the limit when it is sent in chunks,
    werkzeug would pass on as far as it came. Its limit is therefore a byte more than ours.

    A route that needs less lowers the limit with the decorator `body_limit`.
    """

    body_limit = BODY_LIMIT

    def whole_body(self, size: int) -> bytes:
        """The body of this many bytes, which is what `content_length` says. Raises BadRequest when it is cut off."""
        try:
            body: bytes = self.environ["wsgi.input"].read(size)
        except Exception:  # as below
            raise BadRequest(_NOT_WHOLE) from None
        if len(body) < size:
            raise BadRequest(_NOT_WHOLE)
        return body

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """The body. Raises BadRequest when it is cut off or its chunks are malformed, PayloadTooLarge."""
        try:
            body = super().get_data(*args, **kwargs)
        except RequestEntityTooLarge:
            raise PayloadTooLarge(self._too_large()) from None
        except Exception:  # each web server has its own for chunks that are none
            raise BadRequest(_NOT_WHOLE) from None
        if len(body) > self.body_limit:
            raise PayloadTooLarge(self._too_large())
        if len(body) < (self.content_length or 0):
            raise BadRequest(_NOT_WHOLE)
        return body

    def parts(self, longest: int) -> Iterator[bytes]:
        """The body part by part, of one over the limit too, but no more than about `longest` bytes of it. Raises
        BadRequest where it is cut off or its chunks are malformed."""
        self.max_content_length = sys.maxsize
        read = 0
        try:
            while read < longest and (part := self.stream.read(_PART)):
                read += len(part)
                yield part
        except Exception:  # as above
            raise BadRequest(_NOT_WHOLE) from None

    def _too_large(self) -> str:
        return TOO_LARGE if self.body_limit == BODY_LIMIT else f"The body is larger than {self.body_limit:,} bytes."


def body_limit(size: int) -> Callable[[View], View]:
    """Refuse a longer body than this many bytes, unread. Put it first under the route."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            request.max_content_length = size + 1
            cast(WholeRequest, request).body_limit = size
            return view(*args, **kwargs)

        return cast(View, limited)

    return decorate
