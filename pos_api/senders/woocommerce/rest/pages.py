"""Every row of a collection of a shop's REST API, a page at a time, also where the shop is slow, gives fewer rows than
it is asked for, withholds some, or changes while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.senders.woocommerce.rest.answers import Answer
from pos_api.senders.woocommerce.rows import has_id, id_of
from pos_api.senders.woocommerce.shop_error import ShopError
from pos_api.senders.woocommerce.shop_reader import Page, Place, Unread

SIZE_DEPENDENT = frozenset({"timeout", "server_error", "not_json", "cut_off", "too_large"})
"""What asking for less at once may cure: a shop that runs out of time or memory over a hundred orders."""

_PAGE = 100
_SMALLEST_PAGE = 2
_OVERLAP = 5
_MOST_ROWS = 10_000_000
"""Of one collection. A shop that lists more is making them up."""
_FRUITLESS, _EMPTY = 20, 3
"""So many pages in a row without a row not seen before end the reading, and so many where the last one has no usable
row at all, however many rows the shop says there are."""


class Client(Protocol):
    """What a collection is read with."""

    def get(self, path: str, **params: Any) -> Answer:
        """GET a path. Raises ShopError."""
        ...


def read_pages(client: Client, path: str, start: Place | None = None, **filters: Any) -> Iterator[Page]:
    """Every row of a collection by ascending id, a page at a time; `filters` are the API's.

    Rows that are deleted while it is being read move those after them up: each page therefore begins with a few rows of
    the one before, and where it does not, something has moved, and it is read from further up. Where a page can't be
    had, a smaller one is asked for, and what the shop does not even give alone is passed over and named. A shop that
    gives fewer rows at once than it is asked for is read in steps of what it gives. Reading ends where the shop gives
    nothing new any more; what it says it has besides is named. Raises ShopError, also where it gives the same rows over
    again, or rows without end.
    """
    return _Reading(client, path, start or Place(), filters).pages()


def read_page(client: Client, path: str, offset: int, size: int, filters: Document) -> Answer:
    """Rows of a collection, by ascending id unless the filters say otherwise. Raises ShopError."""
    answer = client.get(path, **{"per_page": size, "offset": offset, "orderby": "id", "order": "asc", **filters})
    if not isinstance(answer.data, list):
        raise ShopError("not_woocommerce", f"The shop answered no list of {path}.")
    if answer.total is not None and answer.total < offset + sum(map(has_id, answer.data)):
        return replace(answer, total=None)  # it gives more than it says it has
    return answer


class _Reading:
    """Where the reading of a collection stands: its place, the size of the next page and the largest size that the shop
    gives, how far it went back to find where rows moved, and what was passed over since the last page."""

    def __init__(self, client: Client, path: str, start: Place, filters: Document) -> None:
        self._client, self._path, self._filters = client, path, filters
        self._asked_at = now()
        self._place = start
        self._size = self._largest = _PAGE
        self._step_back = 0
        self._passed_over: tuple[Unread, ...] = ()
        self._first_id = 0  # of the page before
        self._rows_given = self._fruitless = 0
        self._ended = False

    def pages(self) -> Iterator[Page]:
        while not self._ended:
            answer = self._ask()
            if answer is None:
                continue
            ids = _ids_in_order(self._path, answer.data)
            if self._rows_moved(ids):
                self._step_back = self._step_back * 2 or _OVERLAP
                self._place = replace(self._place, offset=max(self._place.offset - self._step_back, 0))
            else:
                yield self._page(answer, ids)

    def _ask(self) -> Answer | None:
        """The next page; None where it could not be had, and a smaller one, or the one after it, is to be asked for."""
        try:
            self._asked_at = now()
            return read_page(self._client, self._path, self._place.offset, self._size, self._filters)
        except ShopError as error:
            if error.cause not in SIZE_DEPENDENT:
                raise
            if self._size > _SMALLEST_PAGE:
                self._size = max(self._size // 4, _SMALLEST_PAGE)
                return None
            if self._passed_over or not self._place.last_id:  # twice in a row, or at once: it is not one row's fault
                raise
            what = f"up to {self._size} rows of {self._path} after id {self._place.last_id}"
            self._passed_over = (Unread(what, error.message, self._size),)
            self._place = replace(self._place, offset=self._place.offset + self._size)
            return None

    def _rows_moved(self, ids: list[int]) -> bool:
        """Whether a page does not begin with rows of the one before it, as it should."""
        expects_overlap = self._place.offset > 0 and not self._passed_over
        return bool(ids) and expects_overlap and ids[0] > self._place.last_id

    def _page(self, answer: Answer, ids: list[int]) -> Page:
        """The page that an answer is, and go on after it. Raises ShopError where there is no end."""
        place, path = self._place, self._path
        if ids and ids[0] == self._first_id and ids[-1] <= place.last_id:
            raise ShopError("repeats", f"Whatever page of {path} is asked for, the shop answers with the same one.")
        rows = [row for row in answer.data if not has_id(row) or row["id"] > place.last_id]
        self._rows_given += len(rows)
        if self._rows_given > _MOST_ROWS:
            raise ShopError("endless", f"The shop lists more than {_MOST_ROWS:,} rows of {path}.")
        self._fruitless = 0 if ids and ids[-1] > place.last_id else self._fruitless + 1
        if (covered := self._covered(answer)) < self._size:
            self._size, self._largest = covered, _PAGE if answer.total is None else covered
        exhausted = self._fruitless >= (_FRUITLESS if ids else _EMPTY)
        self._ended = exhausted or self._is_last(answer)
        after = Place(place.offset + self._size - min(_OVERLAP, self._size - 1), max([place.last_id, *ids]))
        unread = self._passed_over + _withheld(path, place, None if exhausted else self._size, answer)
        self._place, self._size, self._step_back = after, min(self._size * 2, self._largest), 0
        self._passed_over, self._first_id = (), ids[0] if ids else 0
        return Page(rows, after, self._asked_at, unread)

    def _is_last(self, answer: Answer) -> bool:
        if answer.total is None:
            return self._fruitless > 0
        return self._place.offset + self._size >= answer.total

    def _covered(self, answer: Answer) -> int:
        """How many rows an answer covers: as many as were asked for, also where the shop withholds some of them; or,
        where it gives fewer at once than it is asked for, as many as it gave. The row after those shows which it is."""
        size, offset, given = self._size, self._place.offset, len(answer.data)
        if answer.total is None or not given:
            return given or size
        if given >= min(size, answer.total - offset):
            return size
        try:
            following = read_page(self._client, self._path, offset + given, 1, self._filters).data
        except ShopError as error:
            if error.cause not in SIZE_DEPENDENT:
                raise
            return size
        is_new = any(has_id(row) and row["id"] > max(map(id_of, answer.data)) for row in following)
        return given if is_new else size


def _ids_in_order(path: str, rows: list[Any]) -> list[int]:
    """The ids of these rows. Raises ShopError where they do not ascend."""
    ids = [row["id"] for row in rows if has_id(row)]
    if ids != sorted(ids):
        raise ShopError("not_sorted", f"The shop does not list {path} by id as asked; a plugin changes the order.")
    return ids


def _withheld(path: str, place: Place, size: int | None, answer: Answer) -> tuple[Unread, ...]:
    """Rows that the shop counts and does not list, of `size` or of all that follow: it can't load them, or the key's
    user may not see them."""
    there = max((answer.total or 0) - place.offset, 0)
    there = there if size is None else min(size, there)
    if (lacking := there - len(answer.data)) <= 0:
        return ()
    what = f"{lacking:,} rows of {path} after id {place.last_id}"
    return (Unread(what, "The shop counts them and does not list them; the key's user may not see them.", lacking),)
