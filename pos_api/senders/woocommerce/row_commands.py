"""A row that was read from a shop, translated as the event that it would be."""

from __future__ import annotations

from pos_api.common.time import now
from pos_api.errors import Invalid, PosError
from pos_api.logs import get_logger
from pos_api.senders.base import Command
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.blanked_fields import blank_private_fields
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.rows import Row
from pos_api.senders.woocommerce.translate import translate
from pos_api.stores.model import Store

log = get_logger(__name__)


def command_of(store: Store, event: str, row: Row) -> Command | PosError | None:
    """The command that a row gives as an event of this topic; None where it gives none, as a draft does; and where it
    can't be used, the error that says why. Nothing is raised: one odd row keeps no other from being compared."""
    try:
        message = messages.read({}, blank_private_fields(envelope(event, row)))
        return translate(message, store, now(), "")
    except PosError as error:
        return error
    except Exception as error:
        log.error("a row of a shop could not be translated", error=type(error).__name__)
        return Invalid(f"It could not be translated: {type(error).__name__}.")
