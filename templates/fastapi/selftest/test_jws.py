"""Signatures by the vectors of Project Wycheproof, which this repository does not hold.

TEST_WYCHEPROOF names a folder with a copy of github.com/C2SP/wycheproof.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from app.features.auth import security
from app.features.auth.security import InvalidToken

WYCHEPROOF = os.environ.get("TEST_WYCHEPROOF")
FILE = Path("testvectors_v1", "json_web_signature_test.json")

Verify = Callable[[dict[str, Any], str], bool]

pytestmark = pytest.mark.skipif(
    not WYCHEPROOF, reason="TEST_WYCHEPROOF names no folder with the vectors"
)


def vectors() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each key with each of its tests."""
    groups = json.loads((Path(WYCHEPROOF or "") / FILE).read_text())["testGroups"]
    assert len(groups) > 20
    for group in groups:
        for case in group["tests"]:
            yield group.get("private") or group["public"], case


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Verify as the app does, but with a foreign key, and whatever the payload is.

    The vectors have no typ and sign texts that are no claims, so both of these checks,
    which would refuse every vector, rest here.
    """

    def decode(token: str, key: bytes, *, algorithms: list[str], **_: Any) -> object:
        return jwt.api_jws.decode(token, key, algorithms=algorithms)

    def verify(key: dict[str, Any], token: str) -> bool:
        # For a public key, what an app that mixes up the two kinds would take.
        text = key.get("k") or key.get("n") or key["x"]
        secret = base64.urlsafe_b64decode(text + "==")
        monkeypatch.setattr(security, "_access_keys", {key["kid"]: secret})
        try:
            security._require_canonical(token)
            security._verify_signature(token)
        except (InvalidToken, jwt.PyJWTError, ValueError):
            return False
        return True

    monkeypatch.setattr(security, "_TOKEN_TYPE", None)
    monkeypatch.setattr(jwt, "decode", decode)
    return verify


def test_no_invalid_vector_is_accepted(verify: Verify) -> None:
    accepted = [
        (case["tcId"], case["comment"])
        for key, case in vectors()
        if case["result"] == "invalid" and verify(key, case["jws"])
    ]
    # Both are, byte for byte, the token that vector 357 calls valid: the padding they
    # are named for has gone from the file.
    assert accepted == [
        (367, "invalidBase64Padding"),
        (370, "invalidBase64PaddingInPayload"),
    ]


def test_every_canonical_hs256_vector_is_accepted(verify: Verify) -> None:
    """Without this, the test above might refuse for reasons of its own."""
    refused = [
        case["comment"]
        for key, case in vectors()
        if key["kty"] == "oct"
        and case["result"] == "valid"
        and not verify(key, case["jws"])
    ]
    # Called valid with a character that is not base64, which RFC 7515, section 2, has
    # no room for.
    assert sorted(refused) == [
        "InvalidCharacterInsertedInHeader",
        "InvalidCharacterInsertedInPayload",
    ]


def test_no_vector_of_another_algorithm_is_accepted(verify: Verify) -> None:
    foreign = [(key, case) for key, case in vectors() if key["kty"] != "oct"]
    assert len(foreign) > 300
    assert not any(verify(key, case["jws"]) for key, case in foreign)
