# fastman: file keycloak
"""A realm of the tests' own: it makes its keys, and signs what a test wants."""

import json
import time
from typing import Any

from jwcrypto import jwk, jwt  # type: ignore[import-untyped]

from app.core.keycloak_keys import FetchFailed, KeySet
from app.core.keycloak_tokens import Realm

ISSUER = "https://id.example.com/realms/staff"
CLIENT = "shop"


def new_key(kid: str, **changes: Any) -> Any:
    return jwk.JWK.generate(**{"kty": "RSA", "size": 2048, "kid": kid, **changes})


_KEY = new_key("1")  # made once: that takes its time


class Keycloak:
    """Stands in for the server: what it shows can change, and it counts the calls."""

    def __init__(self) -> None:
        self.now = 1000.0  # seconds, on the clock of the keys
        self.key = _KEY
        self.keys = [self.key]
        self.uses: dict[str, str] = {}  # by key id, of those that do not sign
        self.calls = 0
        self.is_down = False
        self.realm = Realm(ISSUER, CLIENT, KeySet(self._answer, lambda: self.now))

    async def _answer(self) -> bytes:
        self.calls += 1
        if self.is_down:
            raise FetchFailed("connection", "refused")
        shown = [
            key.export_public(as_dict=True) | {"use": self.uses.get(key["kid"], "sig")}
            for key in self.keys
        ]
        return json.dumps({"keys": shown}).encode()

    def rotate(self, kid: str) -> None:
        self.key = new_key(kid)
        self.keys = [self.key]

    def sign(
        self,
        *,
        key: Any = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Return an access token for this app; None takes a claim out."""
        key, now = key or self.key, int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": ["account", CLIENT],
            "sub": "f3a1",
            "typ": "Bearer",
            "iat": now,
            "exp": now + 60,
            "email": "ada@example.com",
            "email_verified": True,
            "preferred_username": "ada",
            "name": "Ada",
            "realm_access": {"roles": ["staff", "admin"]},
            "resource_access": {CLIENT: {"roles": ["editor", "admin"]}},
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": key.get("kid"), **(header or {})}
        token = jwt.JWT(header=header, claims=claims, algs=[header["alg"]])
        token.make_signed_token(key)
        return str(token.serialize())
