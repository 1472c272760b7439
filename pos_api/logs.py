"""One line per thing that happened, as text or JSON on stdout; never a secret, never personal data.

Between `begin_request` and the next one, each line of a thread has the id of its request.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger, Processor, WrappedLogger

from pos_api.common.escaping import escaped
from pos_api.config import Config

_NEVER = frozenset(
    {
        *("api_key", "x_api_key", "key", "secret", "webhook_secret", "jwt_secret", "secrets_keys", "password"),
        *("token", "jwt", "authorization", "signature", "cookie", "headers", "body", "payload"),
        *("email", "e_mail", "phone", "address", "billing", "shipping", "first_name", "last_name", "customer"),
    }
)
_E_MAIL = re.compile(r"[\w.!#$%&'*+=?^`{|}~-]{1,64}@[\w-]+(\.[\w-]+)+")

_json = json.JSONEncoder(ensure_ascii=False, default=str)
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_Event = MutableMapping[str, Any]
_handler: logging.StreamHandler[io.TextIOWrapper] | None = None


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of a module; call it with an event for people and what belongs to it as keywords."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def begin_request(request_id: str) -> None:
    """What this thread logs from now on belongs to this request; with "" to none."""
    _request_id.set(request_id)


def configure(config: Config) -> None:
    """Set up the process's logging, other libraries' included: LOG_LEVEL and LOG_FORMAT of `config`."""
    render: Processor = _as_json if config.log_format == "json" else _as_text
    before: list[Processor] = [
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        drop_secrets,
    ]
    level = logging.getLevelNamesMapping()[config.log_level]
    structlog.configure(
        processors=[*before, render, _encode],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(_Stdout()),
        cache_logger_on_first_use=True,
    )
    _take_over_standard_logging(level, before, render)


def _add_request_id(_logger: WrappedLogger, _method: str, event: _Event) -> _Event:
    if request_id := _request_id.get():
        event["request_id"] = request_id
    return event


def drop_secrets(_logger: WrappedLogger, _method: str, event: _Event) -> _Event:
    """The last defence: what a key, a signature or a person is known by does not get into the log."""
    if not _NEVER.isdisjoint(event):
        for key in _NEVER & event.keys():
            event[key] = "[left out]"
    for key, value in event.items():  # a traceback too: a database error quotes what it could not store
        if isinstance(value, str) and "@" in value:
            event[key] = _E_MAIL.sub("[e-mail]", value)
    return event


class _Stdout(io.FileIO):
    """Standard output, each line at once. A full disk or a closed pipe costs the line, not the request."""

    def __init__(self) -> None:
        super().__init__(1, "wb", closefd=False)

    def write(self, line: Any, /) -> int:
        try:
            return super().write(line) or 0
        except OSError:
            return len(line)


def _take_over_standard_logging(level: int, before: list[Processor], render: Processor) -> None:
    global _handler
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    root = logging.getLogger()
    if _handler:
        root.removeHandler(_handler)
    _handler = logging.StreamHandler(io.TextIOWrapper(_Stdout(), "utf-8", "backslashreplace", write_through=True))
    _handler.setFormatter(formatter)
    root.addHandler(_handler)
    root.setLevel(max(level, logging.WARNING))


def _as_json(_logger: WrappedLogger, _method: str, event: Mapping[str, Any]) -> str:
    return escaped(_json.encode(event))


def _as_text(_logger: WrappedLogger, _method: str, event: _Event) -> str:
    timestamp, level = event.pop("timestamp"), event.pop("level")
    message, exception = event.pop("event"), event.pop("exception", None)
    line = f"{timestamp} {level:<8} {_on_one_line(message)}"
    for key, value in event.items():
        line += f"  {key}={_in_one_word(value)}"
    return "\n".join([line, *map(escaped, str(exception).split("\n"))] if exception is not None else [line])


def _on_one_line(message: Any) -> str:
    """What a sender put into it can't look like another line of the log."""
    text = str(message)
    return text if text.isprintable() else escaped(_json.encode(text)[1:-1])


def _in_one_word(value: Any) -> str:
    """Quoted where it could be taken for more than one value."""
    text = str(value)
    return text if text.isprintable() and " " not in text else escaped(_json.encode(text))


def _encode(_logger: WrappedLogger, _method: str, line: Any) -> bytes:
    encoded: bytes = line.encode("utf-8", "backslashreplace")
    return encoded
