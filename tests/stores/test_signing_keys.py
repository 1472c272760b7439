"""What the service signs its requests to a shop with: derived from the API keys that the shop may have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores import key_management
from pos_api.stores.api_keys import signing_key
from pos_api.stores.settings import add_store
from pos_api.stores.signing_keys import signing_keys


def test_every_active_key_that_a_shop_may_use_signs_the_newest_first(db: Db, config: Config) -> None:
    first = add_store(db, config, "north").api_key
    assert signing_keys(db, config, "north") == [signing_key(first)]
    key_management.add_key(db, config, "north", scopes=["read", "subscriptions"])
    assert signing_keys(db, config, "north") == [signing_key(first)], "a key for something else does not sign"
    key_management.add_key(db, config, "north", scopes=["read", "orders"], expires_at=now() - timedelta(seconds=1))
    assert signing_keys(db, config, "north") == [signing_key(first)], "nor does one that has expired"
    everything = key_management.add_key(db, config, "north", scopes=["all"])
    second = key_management.add_key(db, config, "north", expires_at=now() + timedelta(days=1))
    assert signing_keys(db, config, "north") == [signing_key(each) for each in (second, everything, first)]
    key_management.revoke_key(db, "north", first)
    assert signing_keys(db, config, "north") == [signing_key(each) for each in (second, everything)]
    assert signing_keys(db, config, "south") == []


def test_the_key_of_the_settings_signs_for_the_default_store_alone(db: Db, config: Config) -> None:
    assert signing_keys(db, config, "default") == [signing_key(config.webhook_api_key)]
    key_management.note_settings_key(db, config)
    another = key_management.add_key(db, config, "default")
    assert signing_keys(db, config, "default") == [signing_key(another), signing_key(config.webhook_api_key)]
    rotated = replace(config, webhook_api_key="pos_another-one-of-the-settings")
    assert signing_key(rotated.webhook_api_key) in signing_keys(db, rotated, "default")


def test_neither_a_key_nor_what_it_signs_with_can_be_read_in_the_database(db: Db, config: Config) -> None:
    key = add_store(db, config, "north").api_key
    [stored] = (db.stores.find_one({"_id": "north"}) or {})["keys"]
    assert key not in str(stored)
    assert signing_key(key).hex() not in str(stored)
    assert "signing_key" not in str(key_management.list_keys(db, "north"))


def test_a_key_made_without_secrets_keys_and_one_that_they_do_not_open_can_not_sign(
    db: Db, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    without = replace(config, secrets_keys=())
    add_store(db, without, "north", has_secret=False)
    assert signing_keys(db, config, "north") == []
    key_management.add_key(db, config, "north")
    other = replace(config, secrets_keys=(Fernet.generate_key().decode(),))
    assert signing_keys(db, other, "north") == []
    assert signing_keys(db, without, "north") == []
    assert len(signing_keys(db, config, "north")) == 1
