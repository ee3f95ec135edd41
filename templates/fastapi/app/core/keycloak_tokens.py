# fastman: file keycloak
"""Access tokens of Keycloak: which of them count here, and what they say.

The library verifies signatures; the keys come from keycloak_keys, so that none is used
for longer than five minutes and no request makes a call of its own.
"""

import base64
import functools
import json
import math
import re
import time
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, status
from fastapi_keycloak_middleware import (  # type: ignore[import-untyped]
    KeycloakConfiguration,
)
from fastapi_keycloak_middleware.keycloak_backend import (  # type: ignore[import-untyped]
    KeycloakBackend,
)
from starlette.requests import HTTPConnection

from .keycloak_config import load_config
from .keycloak_events import log_refused
from .keycloak_keys import ALGORITHMS, Key, KeySet, KeysUnavailable, fetch

_TOKEN_MAX_LENGTH = 16 * 1024
_CLOCK_SKEW = 60  # seconds that iat and nbf may lie ahead
_SUBJECT_LENGTHS = range(1, 256)
_COMPACT_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# A token comes with every request of its minutes, and its signature stays the same.
_GENUINE_MAX = 4096  # tokens that are remembered, of at most as many characters each


class InvalidKeycloakToken(Exception):
    """A token that the realm did not issue for this app, or that is over."""


class _Refused(Exception):
    """Why a token does not count: for the log only."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.values = values


@dataclass(frozen=True)
class KeycloakUser:
    """Who a token of Keycloak speaks of."""

    id: str
    email: str | None
    username: str | None
    name: str | None
    roles: list[str]  # of the realm and of this app's client
    claims: dict[str, Any]

    def has_roles(self, *roles: str, client: str | None = None) -> bool:
        return set(roles) <= set(_roles(self.claims, client))


class Realm:
    """A realm of Keycloak, for one of whose clients this app takes tokens."""

    def __init__(self, issuer: str, client_id: str, keys: KeySet) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.keys = keys
        self._genuine: dict[str, Key] = {}
        url, _, name = issuer.rpartition("/realms/")
        configuration = KeycloakConfiguration(
            url=url,
            realm=name,
            client_id=client_id,
            validation_options={
                "algs": list(ALGORITHMS),
                "check_claims": {
                    "iss": issuer,
                    "aud": client_id,
                    "typ": "Bearer",
                    "exp": None,
                },
            },
        )
        self._backend = KeycloakBackend(configuration)
        self._backend.key_set_cache = self

    async def get_key_set(self, kid: str | None) -> Any:
        """Give the library the one key that a token names: its cache is not asked."""
        key = await self.keys.find(kid or "")
        return key and key.jwk

    async def read_token(self, token: str) -> KeycloakUser:
        """Return who a token speaks of; raises InvalidKeycloakToken, KeysUnavailable.

        The log gets to know why it does not count, and nobody else.
        """
        try:
            header, claims = _parse(token)
            self._check_issue(header, claims)
            _check_times(claims)
            await self._check_signature(token, header)
        except _Refused as refused:
            log_refused(refused.reason, **refused.values)
            raise InvalidKeycloakToken from None
        return self._user(claims)

    def _check_issue(self, header: dict[str, Any], claims: dict[str, Any]) -> None:
        """Tell whether the realm may have issued it, as an access token, for us."""
        issuer, audience = claims.get("iss"), claims.get("aud")
        if issuer != self.issuer:
            raise _Refused("issuer", iss=issuer, expected=self.issuer)
        if header.get("alg") not in ALGORITHMS:
            raise _Refused("algorithm")
        if claims.get("typ") != "Bearer":
            raise _Refused("type")
        listed = audience if isinstance(audience, list) else [audience]
        if self.client_id not in listed:
            raise _Refused("audience", aud=audience, expected=self.client_id)
        if not _is_subject(claims.get("sub")):
            raise _Refused("subject")

    async def _check_signature(self, token: str, header: dict[str, Any]) -> None:
        kid = header.get("kid")
        key = await self.keys.find(kid) if isinstance(kid, str) else None
        if key is None:
            raise _Refused("key")
        if header["alg"] not in key.algorithms:
            raise _Refused("algorithm")
        if self._genuine.get(token) == key:
            return
        try:
            await self._backend.authenticate(_connection(token))
        except Exception as error:  # whatever it stumbles over is no proof
            raise _Refused("signature") from error
        self._remember(token, key)

    def _remember(self, token: str, key: Key) -> None:
        if len(token) > _GENUINE_MAX:
            return
        if len(self._genuine) >= _GENUINE_MAX:
            del self._genuine[next(iter(self._genuine))]
        self._genuine[token] = key

    def _user(self, claims: dict[str, Any]) -> KeycloakUser:
        roles = {*_roles(claims, None), *_roles(claims, self.client_id)}
        return KeycloakUser(
            id=claims["sub"],
            email=_text(claims.get("email")),
            username=_text(claims.get("preferred_username")),
            name=_text(claims.get("name")),
            roles=sorted(roles),
            claims=claims,
        )


def _connection(token: str) -> HTTPConnection:
    """Hold a token as the library reads it, wherever it came from."""
    header = (b"authorization", f"Bearer {token}".encode())
    return HTTPConnection({"type": "http", "headers": [header]})


def _parse(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, of which nothing is verified yet."""
    if len(token) > _TOKEN_MAX_LENGTH or not _COMPACT_JWS.fullmatch(token):
        raise _Refused("malformed")
    try:
        parts = [_decode(part) for part in token.split(".")]
        header, claims = _parse_object(parts[0]), _parse_object(parts[1])
    except (TypeError, ValueError, RecursionError):
        raise _Refused("malformed") from None
    # `crit` names extensions that must be understood; we understand none.
    if "crit" in header:
        raise _Refused("malformed")
    return header, claims


def _decode(part: str) -> bytes:
    """Decode base64url, of which a text has only one spelling: no spare bits set."""
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise ValueError("not canonical")
    return data


def _parse_object(text: bytes) -> dict[str, Any]:
    value = json.loads(text, object_pairs_hook=_unique_members)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    # Lone surrogates pass the parser, but cannot be written as UTF-8.
    if b"\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _check_times(claims: dict[str, Any]) -> None:
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    begins = _seconds(claims.get("nbf", 0))
    now = time.time()
    if expires <= now:
        raise _Refused("expired")
    if max(issued, begins) > now + _CLOCK_SKEW:
        raise _Refused("not_yet")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused("malformed")
    if not math.isfinite(value):
        raise _Refused("malformed")
    return value


def _is_subject(value: object) -> bool:
    fits = isinstance(value, str) and len(value) in _SUBJECT_LENGTHS
    return fits and not _CONTROL.search(str(value))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _roles(claims: dict[str, Any], client: str | None) -> list[str]:
    """Return the realm's roles, or those of one of its clients."""
    holder = claims.get("realm_access")
    if client is not None:
        clients = claims.get("resource_access")
        holder = clients.get(client) if isinstance(clients, dict) else None
    roles = holder.get("roles") if isinstance(holder, dict) else None
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        return []
    return roles


def _make_realm() -> Realm | None:
    config = load_config()
    if config is None:
        return None
    address = f"{config.issuer}/protocol/openid-connect/certs"
    keys = KeySet(lambda: fetch(address, config.tls))
    return Realm(config.issuer, config.client_id, keys)


realm = _make_realm()


def keycloak_problem(status_code: int, detail: str, **headers: str) -> HTTPException:
    return HTTPException(
        status_code, detail, headers={"Cache-Control": "no-store", **headers}
    )


def keycloak_issuer() -> str | None:
    return realm.issuer if realm else None


def is_keycloak_token(token: str) -> bool:
    """Tell by the issuer that a token names, unproved yet, whose rules it meets."""
    issuer = _named_issuer(token)
    if issuer is None or "/realms/" not in issuer:
        return False
    if realm is None or issuer == realm.issuer:
        return True
    log_refused("issuer", iss=issuer, expected=realm.issuer)
    return False


@functools.lru_cache(maxsize=1024)
def _named_issuer(token: str) -> str | None:
    try:
        _, claims = _parse(token)
    except _Refused:
        return None
    return _text(claims.get("iss"))


def is_configured() -> bool:
    return realm is not None


def not_configured() -> HTTPException:
    return keycloak_problem(
        status.HTTP_503_SERVICE_UNAVAILABLE, "Sign-in with Keycloak is not configured"
    )


async def read_keycloak_token(token: str) -> KeycloakUser:
    """Return who a token speaks of, without a call to Keycloak but for new keys.

    Raises InvalidKeycloakToken, and HTTPException 503.
    """
    if realm is None:
        raise not_configured()
    try:
        return await realm.read_token(token)
    except KeysUnavailable:
        raise keycloak_problem(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "Sign-in with Keycloak is not available",
            **{"Retry-After": "10"},
        ) from None
