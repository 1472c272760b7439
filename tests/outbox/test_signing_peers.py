"""What docs/subscribers.md shows accepts what is sent here, in every form and language, and nothing else.

Node.js runs where WEBHOOK_NODE_DIR names a folder in which `npm install standardwebhooks svix stripe` was run, and
Stripe's library for Python where WEBHOOK_PYTHON_DIR names one of `pip install --target … stripe`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from pos_api.outbox.envelopes import Message
from pos_api.outbox.model import SignatureForm
from pos_api.outbox.signing import new_secret, signed_request
from tests.paths import ROOT

Case: TypeAlias = dict[str, Any]

_NODE_DIRECTORY = os.environ.get("WEBHOOK_NODE_DIR", "")
_PYTHON_DIRECTORY = os.environ.get("WEBHOOK_PYTHON_DIR", "")
_SECRETS = (new_secret(), new_secret())
_DATA = '{"id":"default:124","name":"Frukost på Åkerö \U0001f373","total":"20.00"}'.encode()
_DRIVERS = {
    "python": """
import json, sys
def outcome(given):
    try:
        return verify(given["body"].encode(), given["headers"], given["secret"]) and "accepted"
    except Exception as error:
        return type(error).__name__
print(json.dumps([outcome(given) for given in json.load(sys.stdin)]))
""",
    "js": """
function outcome(given) {
  try { return verify(given.body, given.headers, given.secret) && "accepted"; } catch (error) { return error.name; }
}
console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(outcome)));
""",
    "php": """
function outcome(array $given): string {
    try { return verify($given['body'], $given['headers'], $given['secret']) ? 'accepted' : ''; }
    catch (Exception $error) { return get_class($error); }
}
echo json_encode(array_map('outcome', json_decode(stream_get_contents(STDIN), true)));
""",
}


def shown(form: SignatureForm, language: str) -> str:
    """The code of docs/subscribers.md for this form, in this language."""
    page = (ROOT / "docs" / "subscribers.md").read_text()
    section = page.partition(f"\n### `{form}`\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    code = re.search(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert code, f"docs/subscribers.md shows no {language} for {form}"
    return code[1]


def outcomes(language: str, code: str, cases: Sequence[Case]) -> list[str]:
    """What the code makes of each case: `accepted`, or the name of the error."""
    program = code + _DRIVERS[language]
    command = {"python": [sys.executable, "-c"], "js": ["node", "-e"], "php": ["php", "-r"]}[language]
    if not (path := shutil.which(command[0])):
        pytest.skip(f"{command[0]} is not installed")
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": os.path.join(_NODE_DIRECTORY, "node_modules"),
        "PYTHONPATH": _PYTHON_DIRECTORY,
    }
    ended = subprocess.run(
        [path, *command[1:], program],
        input=json.dumps(cases),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    answered: list[str] = json.loads(ended.stdout)
    return answered


def case(form: SignatureForm, secrets: Sequence[str], secret: str, age: int = 0, **changes: str) -> Case:
    """A delivery that was signed with `secrets` so many seconds ago, as a receiver with one `secret` gets it."""
    message = Message("order:default:124:7", "order.created", datetime.now(UTC), "default", "default:124", _DATA)
    request = signed_request(form, message, secrets, datetime.now(UTC) - timedelta(seconds=age))
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {"body": request.body.decode(), "headers": headers, "secret": secret, **changes}


def cases(form: SignatureForm) -> tuple[list[Case], list[Case]]:
    """Deliveries to accept, and those to refuse."""
    new, former = _SECRETS
    good = case(form, [new], new)
    accepted = [good, case(form, [new, former], new), case(form, [new, former], former)]
    refused = [
        case(form, [new], former),
        case(form, [new, former], new_secret()),
        good | {"body": good["body"].replace("20.00", "20.01")},
        good | {"body": good["body"] + " "},
        good | {"headers": {name: value for name, value in good["headers"].items() if "signature" not in name}},
    ]
    if form in ("standard", "stripe"):
        accepted.append(case(form, [new], new, age=240))
        refused.append(case(form, [new], new, age=360))
    return accepted, refused


def check(form: SignatureForm, language: str, code: str) -> None:
    """Fails where the code does not accept and refuse what it should."""
    accepted, refused = cases(form)
    answered = outcomes(language, code, accepted + refused)
    assert answered[: len(accepted)] == ["accepted"] * len(accepted)
    assert "accepted" not in answered[len(accepted) :], answered


@pytest.mark.parametrize("language", ["python", "js", "php"])
@pytest.mark.parametrize("form", ["standard", "karma", "kaynko", "stripe"])
def test_what_the_page_shows_verifies_a_delivery(form: SignatureForm, language: str) -> None:
    if language == "js" and form in ("standard", "stripe") and not _NODE_DIRECTORY:
        pytest.skip("set WEBHOOK_NODE_DIR")
    if (language, form) == ("python", "stripe") and not _PYTHON_DIRECTORY:
        pytest.skip("set WEBHOOK_PYTHON_DIR")
    check(form, language, shown(form, language))


@pytest.mark.skipif(not _NODE_DIRECTORY, reason="set WEBHOOK_NODE_DIR")
def test_svix_verifies_a_delivery() -> None:
    code = """
    const { Webhook } = require("svix");
    function verify(body, headers, secret) { return new Webhook(secret).verify(body, headers); }
    """
    check("standard", "js", code)


@pytest.mark.skipif(not _NODE_DIRECTORY, reason="set WEBHOOK_NODE_DIR")
def test_stripes_library_finds_its_events_fields() -> None:
    code = """
    const Stripe = require("stripe");
    function verify(body, headers, secret) {
      const event = new Stripe("sk_not_used").webhooks.constructEvent(body, headers["stripe-signature"], secret);
      const wanted = ["order:default:124:7", "event", "order.created", "default:124", true, "number"];
      const found = [event.id, event.object, event.type, event.data.object.id, event.livemode, typeof event.created];
      if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(JSON.stringify(found));
      return event;
    }
    """
    assert outcomes("js", code, [case("stripe", _SECRETS, _SECRETS[0])]) == ["accepted"]
