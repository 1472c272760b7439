"""Receivers of Kaynko's webhooks, as its guide describes them, expect the signature that is expected here."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.kaynko.till import Till, add_till, sale, signature

_PYTHON = """
import hashlib, hmac, sys
secret, signature, payload = sys.argv[1].encode(), sys.argv[2], sys.stdin.buffer.read()
expected = "sha256=" + hmac.new(secret, payload, hashlib.sha256).hexdigest()
print(expected if hmac.compare_digest(expected, signature) else "refused")
"""
_NODE = """
const crypto = require("crypto");
const [secret, signature] = process.argv.slice(1);
const payload = require("fs").readFileSync(0);
const expected = "sha256=" + crypto.createHmac("sha256", secret).update(payload).digest("hex");
const same = crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
console.log(same ? expected : "refused");
"""


@pytest.mark.parametrize(("program", "code"), [("python3", _PYTHON), ("node", _NODE)])
def test_a_receiver_after_the_guide_and_the_service_expect_the_same_signature(
    config: Config, db: Db, client: FlaskClient, program: str, code: str
) -> None:
    if not (path := shutil.which(program)):
        pytest.skip(f"{program} is not installed")
    till = Till(client, "till-1", add_till(db, config, "till-1"))
    client.application.extensions["pos"].stores._read_at = float("-inf")
    body = json.dumps(sale(customerName="Åsa 日本"), ensure_ascii=False).encode()
    command = [path, "-c" if program == "python3" else "-e", code, till.secret, signature(body, till.secret)]
    expected = subprocess.run(command, input=body, capture_output=True, check=True).stdout.decode().strip()
    assert expected == signature(body, till.secret)
    assert till.send(body, secret="", **{"X-Kaynko-Signature": expected}).status_code == 200
