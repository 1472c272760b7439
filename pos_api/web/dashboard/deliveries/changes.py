"""What is done with a subscription: paused, switched on, tested, given another secret, sent what it missed, removed."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.wrappers import Response

from pos_api.common.time import rfc3339
from pos_api.errors import Conflict
from pos_api.outbox import subscriptions
from pos_api.web.api.subscription_deliveries import replay_events, sent_test
from pos_api.web.api.subscriptions import changed
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.day_bounds import day_bounds
from pos_api.web.dashboard.deliveries import words
from pos_api.web.dashboard.deliveries.blueprint import blp
from pos_api.web.dashboard.deliveries.subscription import page_of
from pos_api.web.dashboard.languages import _, moment, ngettext, number
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services


def _back(subscription: str, **more: Any) -> Response:
    address = url_for("dashboard.deliveries.subscription", subscription=subscription, **more)
    return redirect(address, 303)  # type: ignore[return-value]


@blp.post("/subscriptions/<subscription>/pause")
@page("manager")
def pause(subscription: str) -> Any:
    """Switch it off: what happens is kept for it."""
    changed({"active": False}, subscription)
    flash(_("It is switched off. What happens is kept for it."))
    return _back(subscription)


@blp.post("/subscriptions/<subscription>/resume")
@page("manager")
def resume(subscription: str) -> Any:
    """Switch it on again, and send at once what waits."""
    subscriptions.resume(services().db, subscription)
    flash(_("It is on. What waits is sent now."))
    return _back(subscription)


@blp.post("/subscriptions/<subscription>/remove")
@page("manager")
def remove(subscription: str) -> Any:
    """Remove it with its deliveries."""
    subscriptions.delete(services().db, subscription)
    flash(_("The subscription is removed."))
    return redirect(url_for("dashboard.deliveries.index"), 303)


@blp.post("/subscriptions/<subscription>/secret")
@page("manager")
def rotate(subscription: str) -> Any:
    """Give it another secret, and show it this once, in the answer itself. A form that is sent again, as by loading the
    answer anew, changes nothing: the secret before the latest would no longer count."""
    if rfc3339(subscriptions.get(services().db, subscription)["updated_at"]) != request.form.get("seen"):
        raise Conflict(_("This was done already, or the subscription was changed meanwhile. Look at it again."))
    rotated = subscriptions.rotate_secret(services().db, services().config, subscription)
    return render("deliveries/secret.html", subscription=rotated.subscription, secret=rotated.secret, is_new=False)


@blp.post("/subscriptions/<subscription>/test")
@page("manager")
def test(subscription: str) -> Any:
    """Send a `ping` now, and show what came back."""
    attempt = sent_test(subscription)
    return page_of(subscription, test=attempt, test_cause=words.cause(attempt["cause"]))


@blp.post("/subscriptions/<subscription>/replay")
@page("manager")
def replay(subscription: str) -> Any:
    """Send the events of a time again: those that never got through, or all."""
    bounds = day_bounds(request.form, timezone_of())
    if bounds.errors or bounds.since is None:
        return page_of(subscription, replay_error=_("Say from which day on."))[0], 422
    is_all = request.form.get("which") == "all"
    replayed = replay_events(subscription, bounds.since, bounds.until, missing=not is_all)
    count = replayed.resent
    flash(ngettext("%(count)s event is sent again.", "%(count)s events are sent again.", count, count=number(count)))
    if replayed.left_from is None:
        return _back(subscription)
    left = moment(replayed.left_from, timezone_of())
    flash(_("There are more: those from %(time)s on are left. Send these again, too.", time=left), "error")
    return _back(subscription, left_from=rfc3339(replayed.left_from), which="all" if is_all else None)
