# fastman: file passkey
"""An authenticator in software, which also does what no honest one would."""

import json
import secrets
from hashlib import sha256
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

from app.features.auth.security import base64url

from .conftest import Client

ORIGIN = "https://app.example.com"
RP_ID = "example.com"

# Flags of what is signed (WebAuthn Level 3, section 6.1).
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
HONEST = PRESENT | VERIFIED

JSON = dict[str, Any]


class Passkey:
    """One key pair. Its attributes may be changed, and so be wrong."""

    def __init__(self) -> None:
        self.key = generate_private_key(SECP256R1())
        self.id = secrets.token_bytes(16)
        self.handle = ""
        self.counter = 0
        self.flags = HONEST
        self.rp_id = RP_ID
        self.client: JSON = {"origin": ORIGIN}  # what the browser adds
        self.algorithm = -7
        self.format = "none"
        self.statement: JSON = {}

    def create(self, options: JSON) -> JSON:
        """Answer creation options, as navigator.credentials.create() does."""
        self.handle = options["user"]["id"]
        signed = self._signed(ATTESTED) + bytes(16) + len(self.id).to_bytes(2, "big")
        attestation = {
            "fmt": self.format,
            "attStmt": self.statement,
            "authData": signed + self.id + self._public_key(),
        }
        return self._credential(
            clientDataJSON=base64url(self._client_data("webauthn.create", options)),
            attestationObject=base64url(encode_cbor(attestation)),
            transports=["internal", "hybrid"],
        )

    def get(self, options: JSON) -> JSON:
        """Answer request options, as navigator.credentials.get() does."""
        client_data = self._client_data("webauthn.get", options)
        signed = self._signed(0)
        signature = self.key.sign(
            signed + sha256(client_data).digest(), ECDSA(SHA256())
        )
        return self._credential(
            clientDataJSON=base64url(client_data),
            authenticatorData=base64url(signed),
            signature=base64url(signature),
            userHandle=self.handle,
        )

    def _credential(self, **response: Any) -> JSON:
        name = base64url(self.id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response}

    def _client_data(self, kind: str, options: JSON) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], **self.client}
        return json.dumps(said).encode()

    def _signed(self, more: int) -> bytes:
        head = sha256(self.rp_id.encode()).digest() + bytes([self.flags | more])
        return head + self.counter.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        return encode_cbor({1: 2, 3: self.algorithm, -1: 1, -2: x, -3: y})


def creation_options(client: Client, email: str, token: str = "") -> JSON:
    answer = _send(client, "passkey_register_options", {"email": email}, token)
    assert answer.status_code == 200, answer.text
    options: JSON = answer.json()
    return options


def request_options(client: Client) -> JSON:
    answer = client.send("passkey_authenticate_options", json={})
    assert answer.status_code == 200, answer.text
    options: JSON = answer.json()
    return options


def finish(
    client: Client, email: str, credential: JSON, token: str = "", **fields: Any
) -> httpx.Response:
    body = {"email": email, "credential": credential, **fields}
    return _send(client, "passkey_register", body, token)


def register(
    client: Client, email: str, passkey: Passkey, token: str = "", **fields: Any
) -> httpx.Response:
    """Make an account with a passkey, or with a token add one to that account."""
    options = creation_options(client, email, token)
    return finish(client, email, passkey.create(options), token, **fields)


def sign_in(client: Client, passkey: Passkey) -> httpx.Response:
    return present(client, passkey.get(request_options(client)))


def present(client: Client, credential: JSON) -> httpx.Response:
    return client.send("passkey_authenticate", json={"credential": credential})


def _send(client: Client, endpoint: str, body: JSON, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.send(endpoint, json=body, headers=headers)
