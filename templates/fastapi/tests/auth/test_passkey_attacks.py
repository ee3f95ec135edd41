# fastman: file passkey
"""What must not let anybody in: what is replayed, changed, or was meant for others."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from webauthn.helpers import encode_cbor

from app.features.auth.security import base64url, base64url_decode

from .authenticator import (
    BACKED_UP,
    PRESENT,
    VERIFIED,
    Passkey,
    creation_options,
    finish,
    present,
    register,
    request_options,
    sign_in,
)
from .conftest import ADA, Client

EVE = "eve@example.com"
CHANGES: dict[str, dict[str, Any]] = {
    "another site's origin": {"client": {"origin": "https://example.com"}},
    "the origin with a slash": {"client": {"origin": "https://app.example.com/"}},
    "another type": {"client": {"type": "payment.get"}},
    "a frame of another site": {
        "client": {"origin": "https://app.example.com", "crossOrigin": True}
    },
    "a page around it": {
        "client": {"origin": "https://app.example.com", "topOrigin": None}
    },
    "another domain": {"rp_id": "app.example.com"},
    "nobody was there": {"flags": VERIFIED},
    "nobody was recognised": {"flags": PRESENT},
    "backed up without being eligible": {"flags": PRESENT | VERIFIED | BACKED_UP},
}


@pytest.fixture
def passkey(client: Client) -> Passkey:
    """The passkey of ada@example.com."""
    passkey = Passkey()
    assert register(client, ADA, passkey).status_code == 201
    return passkey


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_changed_ceremony_is_refused(
    client: Client, passkey: Passkey, changes: dict[str, Any]
) -> None:
    wrong = Passkey()
    for name, value in changes.items():
        setattr(wrong, name, value)
        setattr(passkey, name, value)
    answer = register(client, EVE, wrong)
    assert answer.json() == {"detail": "Passkey could not be registered"}
    answer = sign_in(client, passkey)
    assert answer.json() == {"detail": "Passkey could not be verified"}


def test_an_unknown_algorithm_is_refused(client: Client) -> None:
    for algorithm in (-8, -257, -35, -65535, 0):
        passkey = Passkey()
        passkey.algorithm = algorithm
        assert register(client, ADA, passkey).status_code == 400


def test_a_challenge_is_good_once(client: Client, passkey: Passkey) -> None:
    assertion = passkey.get(request_options(client))
    assert present(client, assertion).status_code == 200
    assert present(client, assertion).status_code == 400
    attestation = Passkey().create(creation_options(client, EVE))
    assert finish(client, EVE, attestation).status_code == 201
    assert finish(client, EVE, attestation).status_code == 400


def test_of_twenty_at_once_one_gets_in(client: Client, passkey: Passkey) -> None:
    body = {"credential": passkey.get(request_options(client))}
    answers = client.send_all(
        [("passkey_authenticate", {"json": body}) for _ in range(20)]
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


def test_a_failed_attempt_uses_the_challenge_up(
    client: Client, passkey: Passkey
) -> None:
    options = request_options(client)
    assert present(client, Passkey().get(options)).status_code == 400
    assert present(client, passkey.get(options)).status_code == 400


def test_a_challenge_serves_one_ceremony_and_one_address(
    client: Client, passkey: Passkey
) -> None:
    options = creation_options(client, EVE)
    assert present(client, passkey.get(options)).status_code == 400
    asked = request_options(client) | {"user": {"id": "AAAA"}}
    assert finish(client, EVE, Passkey().create(asked)).status_code == 400
    credential = Passkey().create(options)
    assert finish(client, "else@example.com", credential).status_code == 400


def test_a_made_up_challenge_is_refused(client: Client, passkey: Passkey) -> None:
    for challenge in (
        "",
        "A" * 43,
        "A" * 44,
        request_options(client)["challenge"] + "=",
    ):
        assert present(client, passkey.get({"challenge": challenge})).status_code == 400


def test_anothers_signature_is_refused(client: Client, passkey: Passkey) -> None:
    other = Passkey()
    other.id, other.handle = passkey.id, passkey.handle
    assert sign_in(client, other).status_code == 400


def test_the_handle_must_be_the_accounts(client: Client, passkey: Passkey) -> None:
    other = Passkey()
    register(client, EVE, other)
    passkey.handle = other.handle
    assert sign_in(client, passkey).status_code == 400


def test_a_counter_that_goes_back_is_told(
    client: Client, passkey: Passkey, caplog: pytest.LogCaptureFixture
) -> None:
    passkey.counter = 7
    assert sign_in(client, passkey).status_code == 200
    caplog.clear()
    for counter in (7, 6, 0):
        passkey.counter = counter
        assert sign_in(client, passkey).status_code == 400
    events = [getattr(record, "event", "") for record in caplog.records]
    assert events == ["auth.passkey.cloned", "auth.passkey.failed"] * 3
    passkey.counter = 8
    assert sign_in(client, passkey).status_code == 200


def test_two_sign_ins_with_one_counter_are_one(
    client: Client, passkey: Passkey
) -> None:
    passkey.counter = 1
    bodies = [{"credential": passkey.get(request_options(client))} for _ in range(5)]
    answers = client.send_all([("passkey_authenticate", {"json": b}) for b in bodies])
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 4


def test_options_are_bounded(client: Client) -> None:
    endpoints = ("passkey_register_options", "passkey_authenticate_options") * 51
    answers = client.send_all([(name, {"json": {"email": ADA}}) for name in endpoints])
    assert sorted(answer.status_code for answer in answers) == [200] * 100 + [429] * 2


VALUES: list[Any] = [None, 7, [], {}, "", "=", "A", "\u00e9", "AAAA=", "A" * 70_000]
READ = {
    "passkey_register": ("clientDataJSON", "attestationObject"),
    "passkey_authenticate": ("clientDataJSON", "authenticatorData", "signature"),
}


def damages(endpoint: str) -> Iterator[tuple[str, ...]]:
    """Yield the way to everything that is read in a body."""
    yield from (("credential", name) for name in ("id", "rawId", "type", "response"))
    yield from (("credential", "response", name) for name in READ[endpoint])
    yield ("credential",)


@pytest.mark.parametrize("endpoint", READ)
def test_malformed_bodies_are_refused_without_a_word_of_internals(
    client: Client, passkey: Passkey, endpoint: str
) -> None:
    for number, (way, value) in enumerate(product(damages(endpoint), VALUES)):
        source = {"ip": f"127.0.{number}.1"}
        options = client.send(f"{endpoint}_options", json={"email": EVE}, **source)
        make = Passkey().create if endpoint == "passkey_register" else passkey.get
        body = {"email": EVE, "credential": make(options.json())}
        damaged: Any = body
        for name in way[:-1]:
            damaged = damaged[name]
        damaged[way[-1]] = value
        answer = client.send(endpoint, json=body, **source)
        assert answer.status_code in (400, 413, 422), (way, value)
        assert "Traceback" not in answer.text


def references(levels: int) -> bytes:
    """Lists of two, each of which is the one before: tags 28 and 29 of CBOR."""
    lists = [b"\xd8\x1c\x80"]
    lists += [
        b"\xd8\x1c\x82" + (b"\xd8\x1d" + encode_cbor(level)) * 2
        for level in range(levels)
    ]
    return b"\x98" + bytes([len(lists)]) + b"".join(lists)


def test_parts_that_stand_for_parts_keep_nobody_busy(
    client: Client, passkey: Passkey
) -> None:
    bomb = references(40)  # written out: 2^40 lists
    plain = Passkey().create(creation_options(client, EVE))["response"]
    attestation = base64url_decode(plain["attestationObject"])
    for sent in (
        attestation.replace(b"\xa0", bomb, 1),  # the statement
        b"\xa3cfmtdnonegattStmt\xa0hauthData" + bomb,
        b"\xa3cfmtdnonegattStmt\xa0hauthData"
        + encode_cbor(bytes(32) + b"\xc5" + bytes(4 + 16 + 2) + bomb),
    ):
        credential = Passkey().create(creation_options(client, EVE))
        credential["response"]["attestationObject"] = base64url(sent)
        assert finish(client, EVE, credential).status_code == 400
    extended = passkey.get(request_options(client))
    signed = base64url_decode(extended["response"]["authenticatorData"])
    sent = signed[:32] + b"\x85" + signed[33:] + bomb
    extended["response"]["authenticatorData"] = base64url(sent)
    assert present(client, extended).status_code == 400


def test_bytes_that_are_no_attestation_are_refused(client: Client) -> None:
    garbage = [
        b"",
        b"\xa0",
        b"\x04",
        b"\xff" * 8,
        b"\x5b" + b"\xff" * 8,  # a text of 2^64 bytes
        b"\x81" * 40_000,  # lists in lists
        b"\x00\x00",
        b"\xbf\xff",  # a map without a length
        b"\xa3cfmtdnonegattStmt\xa0hauthDataX\x05hello",
        b"\xa3cfmt\x01gattStmt\xa0hauthDataX\x05hello",
    ]
    for data in garbage:
        credential = Passkey().create(creation_options(client, EVE))
        credential["response"]["attestationObject"] = base64url(data)
        assert finish(client, EVE, credential).status_code == 400
