"""Bytes that every stack writes alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.features.auth import passwords, security
from app.features.auth.identity import identity_key, nfc

VECTORS = Path(__file__).resolve().parents[3] / "conformance" / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    assert cases
    return cases


def test_keys() -> None:
    for case in vectors("hkdf"):
        key = security._derive(case["secret"], case["info"])
        assert key.hex() == case["key_hex"]


def test_key_ids() -> None:
    for case in vectors("kid"):
        key = security._derive(case["secret"], "fastman/access/v1")
        assert security._key_id(key) == case["kid"]


def test_identity_keys() -> None:
    for case in vectors("identity"):
        assert identity_key(case["text"]) == case["key"]


def test_bcrypt_input() -> None:
    for case in vectors("password"):
        password = nfc(case["password"]).encode()
        assert password.hex() == case["nfc_utf8_hex"]
        assert passwords._bcrypt_input(password).hex() == case["bcrypt_input_hex"]


def test_refresh_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for case in vectors("refresh_token"):
        key = security._derive(case["secret"], "fastman/refresh/v1")
        monkeypatch.setattr(security, "_refresh_keys", [key])
        token = security.issue_refresh_token(
            session_id=case["session_id"], counter=case["counter"], salt=case["salt"]
        )
        assert token == case["refresh_token"]
