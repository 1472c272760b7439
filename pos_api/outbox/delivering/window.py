"""How many deliveries of one subscription may be on their way at once, and when the next may begin. No clock is read
here: times are of `time.monotonic()`, in seconds."""

from __future__ import annotations

from collections import deque

LARGEST = 16
LARGEST_ALONE = 32
_SECOND = 1.0


class Window:
    """It starts at one and grows by one with each success, so it doubles while all that was sent succeeds; it is one
    again where the receiver can't be reached."""

    def __init__(self) -> None:
        self._size = 1

    def size(self, *, alone: bool) -> int:
        """How many may be on their way; more where no other subscription has anything to send."""
        return min(self._size, LARGEST_ALONE if alone else LARGEST)

    def succeeded(self) -> None:
        """A delivery succeeded."""
        self._size = min(self._size + 1, LARGEST_ALONE)

    def unreachable(self) -> None:
        """No answer came."""
        self._size = 1


class RateLimit:
    """Begins at most so many deliveries within any second; None: any number."""

    def __init__(self, per_second: int | None) -> None:
        self._begun: deque[float] = deque(maxlen=per_second or 1)
        self._limits = per_second is not None

    def wait(self, moment: float) -> float:
        """Seconds until the next may begin."""
        if not self._limits or len(self._begun) < (self._begun.maxlen or 1):
            return 0.0
        return max(self._begun[0] + _SECOND - moment, 0.0)

    def begun(self, moment: float) -> None:
        """A delivery began."""
        if self._limits:
            self._begun.append(moment)
