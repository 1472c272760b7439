"""`pos-api store` for stores that are no shops: what is asked for follows from their kind, secrets are shown once."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pos_api.cli import store as commands
from pos_api.cli.common import Commands
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.base import ORDERS_OF, Setting
from pos_api.senders.registry import SENDERS
from pos_api.staff import audit
from pos_api.staff.audit import Filter
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.senders.till_sender import TillSender
from tests.service import settings_of


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text == "yes"


class CoinSender(TillSender):
    """A kind without a secret, whose stores are distinguished by a setting."""

    kind = "coin"
    has_secret = False
    paths = ("/api/webhooks/coin", "/api/coin-webhook")
    settings: tuple[Setting, ...] = (
        ORDERS_OF,
        Setting("member_number", "The number of the member.", required=True, unique=True),
        Setting("shown_as", "The name that the provider shows.", required=True),
        Setting("trial", "yes: payments of trials count.", _yes_or_no, default=False),
        Setting("trusted_key", "The key of its signatures.", replaces_secret=True),
    )


class CoinWithSecret(CoinSender):
    """The same with a secret, which the trusted key replaces."""

    kind = "token"
    has_secret = True
    settings = (CoinSender.settings[-1],)


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, config: Config, db: Db) -> Iterator[Run]:
    """Runs `pos-api`, in this process, with three more kinds."""
    for name, value in {**settings_of(config), "WEBHOOK_SECRET": config.webhook_secret}.items():
        monkeypatch.setenv(name, value)
    for sender in (TillSender(), CoinSender(), CoinWithSecret()):
        monkeypatch.setitem(SENDERS, sender.kind, sender)
    group = Commands("pos-api", commands={"store": importlib.reload(commands).store})
    yield lambda line, stdin="": CliRunner().invoke(group, line.split(), input=stdin)
    monkeypatch.undo()
    importlib.reload(commands)


@pytest.fixture
def store(config: Config, db: Db) -> Callable[[str], Store]:
    return lambda name: Stores(db, config).get(name)


COIN = "store add coin-1 --kind coin --member-number m_1 --shown-as Cafe"


def test_a_store_is_added_with_its_endpoint_and_its_secret_which_is_shown_once(
    run: Run, store: Callable[[str], Store], db: Db
) -> None:
    added = run("store add till-1 --kind till --currency SEK --timezone Europe/Stockholm --json")
    shown = json.loads(added.output)
    [secret] = store("till-1").webhook_secrets
    assert shown == {"name": "till-1", "kind": "till", "endpoint": "/api/webhooks/till", "secret": secret}
    assert len(secret) > 40
    assert (store("till-1").currency, store("till-1").timezone) == ("SEK", "Europe/Stockholm")
    said = run("store add till-2 --kind till").output
    assert "http://localhost:8080/api/webhooks/till\n" in said
    assert store("till-2").webhook_secrets[0] in said
    known = repr(list(db.stores.find()))
    assert "keys.hash" not in known
    assert all(each["keys"] == [] for each in db.stores.find()), "an API key that nobody is shown is none"
    for line in ("store show till-1", "store list"):
        assert secret not in run(line).output
    assert "/api/webhooks/till" in run("store show till-1").output
    assert "till " in run("store list").output


def test_without_public_url_it_says_that_the_printed_address_is_one_of_this_machine(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in ("store add till-1 --kind till", "store rotate till-1"):
        said = run(line)
        assert "PUBLIC_URL is not set" in said.stderr
        assert "PUBLIC_URL" not in said.stdout
    assert run("store add till-2 --kind till --json").stderr == "", "that is for programs"
    monkeypatch.setenv("PUBLIC_URL", "https://pos.example")
    assert run("store add till-3 --kind till").stderr == ""


def test_a_secret_is_given_or_read_from_standard_input(run: Run, store: Callable[[str], Store], db: Db) -> None:
    assert "given-to-us" in run("store add till-1 --kind till --secret given-to-us").output
    assert json.loads(run("store add till-2 --kind till --secret - --json", "read in\n").output)["secret"] == "read in"
    assert store("till-1").webhook_secrets == ("given-to-us",)
    assert store("till-2").webhook_secrets == ("read in",)
    for secret in ("given-to-us", "read in"):
        assert secret not in repr([*db.stores.find(), *audit.find(db, Filter())])
    assert run("store add till-3 --kind till --secret -", "\n").exit_code == 1, "an empty one is none"


def test_the_secret_of_another_store_of_the_kind_is_refused_as_it_shows_which_store_sends(run: Run, db: Db) -> None:
    run("store add till-1 --kind till --secret the-same")
    refused = run("store add till-2 --kind till --secret the-same")
    assert (refused.exit_code, db.stores.count_documents({})) == (1, 1)
    assert "'till-1' has this secret" in refused.output
    run("store add till-2 --kind till")
    for line in ("store rotate till-2 --secret the-same", "store rotate till-1 --secret the-same"):
        assert "'till-1' has this secret" in run(line).output
    assert run("store add token-1 --kind token --secret the-same").exit_code == 0, "another kind has another address"
    run("store rotate till-1")
    assert "'till-1' has this secret" in run("store add till-3 --kind till --secret the-same").output, "it counts still"


def test_the_secret_of_the_shop_of_the_settings_is_refused_to_another_shop(run: Run, config: Config) -> None:
    assert "'default' has this secret" in run(f"store add north --secret {config.webhook_secret}").output


def test_a_kind_without_a_secret_has_none(run: Run, store: Callable[[str], Store]) -> None:
    shown = json.loads(run(f"{COIN} --json").output)
    assert shown == {"name": "coin-1", "kind": "coin", "endpoint": "/api/webhooks/coin", "secret": None}
    assert store("coin-1").webhook_secrets == ()
    assert "nothing to rotate" in run("store rotate coin-1").output
    assert json.loads(run("store add token-1 --kind token --trusted-key abc --json").output)["secret"] is None
    assert json.loads(run("store add token-2 --kind token --json").output)["secret"]


def test_the_settings_of_a_kind_are_options(run: Run, store: Callable[[str], Store], db: Db) -> None:
    run("store add north")
    assert run(f"{COIN} --orders-of north --trial yes").exit_code == 0
    kept = {"orders_of": "north", "member_number": "m_1", "shown_as": "Cafe", "trial": True, "trusted_key": None}
    assert store("coin-1").settings == kept
    shown = [" ".join(line.split()) for line in run("store show coin-1").output.splitlines()]
    assert {"kind coin", "member number m_1", "orders of north", "trial yes", "trusted key -"} <= set(shown)
    assert "member number m_1" in run("store list").output
    [entry] = audit.find(db, Filter(action="store.created", target="coin-1"))
    assert entry["details"]["settings"] == kept


def test_what_is_left_out_has_its_default_or_is_asked_for_in_one_sentence(
    run: Run, store: Callable[[str], Store], db: Db
) -> None:
    assert run(COIN).exit_code == 0
    assert store("coin-1").settings["orders_of"] == "default"
    refused = run("store add coin-2 --kind coin")
    assert refused.output == (
        "Error: A store of the kind coin needs --member-number (The number of the member) and --shown-as (The name that"
        " the provider shows).\n"
    )
    assert db.stores.count_documents({}) == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"{COIN} --trial perhaps", "--trial must be yes or no."),
        (f"{COIN} --orders-of nobody", "--orders-of: there is no other store 'nobody'."),
        (
            "store add till-1 --kind till --member-number m_1",
            "--member-number is for the kind coin; this store is of till.",
        ),
        (
            "store add north --trusted-key k",
            "--trusted-key is for the kind coin or token; this store is of woocommerce.",
        ),
    ],
)
def test_what_can_not_be_is_refused_in_one_sentence_and_nothing_is_added(
    line: str, problem: str, run: Run, db: Db
) -> None:
    refused = run(line)
    assert (refused.exit_code, refused.output) == (1, f"Error: {problem}\n")
    assert db.stores.count_documents({}) == 0


def test_what_names_the_store_is_of_one_store(run: Run) -> None:
    run(COIN)
    second = COIN.replace("coin-1", "coin-2")
    assert "--member-number: the store 'coin-1' has this already." in run(second).output
    assert run(second.replace("m_1", "m_2")).exit_code == 0
    assert "has this already" in run("store set coin-2 --member-number m_1").output
    assert run("store set coin-2 --member-number m_2").exit_code == 0, "its own"


def test_settings_of_a_kind_are_changed_one_by_one(run: Run, store: Callable[[str], Store], db: Db) -> None:
    run(f"{COIN} --trial yes")
    assert run("store set coin-1 --shown-as Bar --trial=").exit_code == 0
    assert {"member_number": "m_1", "shown_as": "Bar", "trial": False}.items() <= store("coin-1").settings.items()
    assert "needs --member-number" in run("store set coin-1 --member-number=").output
    assert "--orders-of: there is no other store 'coin-1'" in run("store set coin-1 --orders-of coin-1").output
    assert "is for the kind coin" in run("store set default --member-number m_1").output
    [entry] = audit.find(db, Filter(action="store.changed", target="coin-1"))
    assert entry["details"]["settings"]["before"]["shown_as"] == "Cafe"
    assert entry["details"]["settings"]["after"]["shown_as"] == "Bar"


def test_both_secrets_count_until_the_rotation_is_ended(run: Run, store: Callable[[str], Store], db: Db) -> None:
    run("store add till-1 --kind till --secret first")
    shown = json.loads(run("store rotate till-1 --json").output)
    assert shown == {
        "name": "till-1",
        "kind": "till",
        "endpoint": "/api/webhooks/till",
        "secret": store("till-1").webhook_secrets[0],
    }
    assert store("till-1").webhook_secrets[1] == "first"
    again = run("store rotate till-1 --secret third")
    assert "`pos-api store rotate till-1 --end` ends the older one" in again.output
    assert run("store rotate till-1 --end").exit_code == 0
    assert store("till-1").webhook_secrets == (shown["secret"],)
    assert "Only one secret" in run("store rotate till-1 --end").output
    assert run("store rotate till-1 --end --secret x").exit_code == 2
    said = run("store rotate till-1 --secret -", "fourth\n").output
    assert "fourth" in said
    assert "pos-api store rotate till-1 --end" in said
    assert store("till-1").webhook_secrets == ("fourth", shown["secret"])
    acts = [entry["action"] for entry in audit.find(db, Filter(target="till-1"))]
    assert acts == ["secret.rotated", "secret.ended", "secret.rotated", "store.created"]
    assert not {"first", "fourth", shown["secret"]} & set(repr(audit.find(db, Filter())).split("'"))


def test_a_first_secret_is_not_said_to_count_beside_another(run: Run) -> None:
    run("store add token-1 --kind token --trusted-key k")
    assert "secrets         none" in run("store show token-1").output
    assert "has no secret" in run("store rotate token-1 --end").output
    said = run("store rotate token-1").output
    assert "token-1 had no secret. Within five seconds what is signed with this one is taken, too." in said
    assert ("Both secrets" in said, "--end" in said) == (False, False), "there is none to end"
    assert "secrets         one\n" in run("store show token-1").output
    assert "Both secrets" in run("store rotate token-1").output
    assert "secrets         two, while it is rotated: both count" in run("store show token-1").output


def test_a_shops_webhook_secret_is_rotated_too_but_not_that_of_the_settings(
    run: Run, store: Callable[[str], Store]
) -> None:
    shown: dict[str, Any] = json.loads(run("store add north --json").output)
    assert shown["endpoint"] == "/api/webhooks/orders"
    assert shown["api_key"].startswith("pos_")
    rotated = json.loads(run("store rotate north --json").output)
    assert store("north").webhook_secrets == (rotated["secret"], shown["secret"])
    for line in ("store rotate default", "store rotate default --end"):
        assert "WEBHOOK_SECRET" in run(line).output
    assert "no store 'nobody'" in run("store rotate nobody").output


def test_a_secret_that_is_set_anew_counts_alone_and_a_store_that_is_disconnected_has_none(
    run: Run, store: Callable[[str], Store]
) -> None:
    run("store add till-1 --kind till")
    run("store rotate till-1")
    run("store set till-1 --webhook-secret", "leaked-before\n")
    assert store("till-1").webhook_secrets == ("leaked-before",)
    run("store rotate till-1")
    run("store disconnect till-1")
    assert store("till-1").webhook_secrets == ()
    assert run("store rotate till-1").exit_code == 0, "it begins anew"
    assert len(store("till-1").webhook_secrets) == 1


def test_a_store_that_is_known_by_a_setting_is_unknown_once_it_is_disconnected(
    run: Run, store: Callable[[str], Store]
) -> None:
    run(f"{COIN} --trusted-key k_1")
    run("store disconnect coin-1")
    assert store("coin-1").settings == {"orders_of": "default", "shown_as": "Cafe", "trial": False}
    assert run(COIN.replace("coin-1", "coin-2")).exit_code == 0, "another store may have its number now"
    assert run("store set coin-1 --member-number m_2").exit_code == 0, "it begins anew"
    assert store("coin-1").settings["member_number"] == "m_2"
    assert "no store 'nobody'" in run("store disconnect nobody").output
