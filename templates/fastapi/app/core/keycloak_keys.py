# fastman: file keycloak
"""The keys with which a realm signs: fetched when needed, and never old ones."""

import asyncio
import json
import math
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from anyio import fail_after
from cryptography.exceptions import UnsupportedAlgorithm
from jwcrypto import jwk  # type: ignore[import-untyped]
from jwcrypto.common import JWException  # type: ignore[import-untyped]

from .keycloak_events import log_event, log_warning

_MAX_AGE = 5 * 60  # seconds after which a key that the realm dropped is refused
_RENEW_AGE = 4 * 60  # seconds after which the keys are fetched anew, while nobody waits
_UNKNOWN_EVERY = 10  # seconds: a made-up key id must not become a call each time
_RETRY_AFTER = 1  # seconds between calls to a Keycloak that is down
_DEADLINE = 10  # seconds for a whole call
_BODY_MAX_BYTES = 1024 * 1024
_KEYS_MAX = 100
_RSA_MIN_BITS = 2048  # RFC 7518, section 3.3

# Signatures that only the realm can make: with HS256 whoever knows the key to verify
# with, which is published, could sign.
_ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}
ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)


@dataclass(frozen=True)
class Key:
    """A public key; two that are equal are the same one, fetched twice."""

    kid: str
    algorithms: tuple[str, ...]
    thumbprint: str  # RFC 7638
    jwk: Any = field(compare=False, repr=False)


class KeysUnavailable(Exception):
    """The realm's keys are not known, and Keycloak does not tell them now."""


class FetchFailed(Exception):
    """Why a call to Keycloak brought no keys: a word, and a technical problem."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(f"{reason}: {problem}")
        self.reason = reason
        self.problem = problem


class KeySet:
    """The keys of a realm, shared by all requests of this process."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._fetched_at = -math.inf  # when the call that brought them began
        self._failed_at = -math.inf
        self._unknown_at = -math.inf  # when a key id that is not known caused a call
        self._call: asyncio.Task[None] | None = None
        self._is_down = False

    async def find(self, kid: str) -> Key | None:
        """Return the realm's key of an id; None: it has none, as far as we may ask.

        Whoever has to wait for a call waits for one that all share. Raises
        KeysUnavailable.
        """
        age = self._clock() - self._fetched_at
        if age < _MAX_AGE:
            if age > _RENEW_AGE:
                self.renew()
            if key := self._keys.get(kid):
                return key
            if not self._may_ask():
                return None
        if call := self.renew():
            await asyncio.shield(call)
        if self._clock() - self._fetched_at >= _MAX_AGE:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _may_ask(self) -> bool:
        """Tell whether an unknown key id may wait for a call, or even cause one."""
        if self._is_calling():
            return True
        if self._clock() - self._unknown_at < _UNKNOWN_EVERY:
            return False
        self._unknown_at = self._clock()
        return True

    def renew(self) -> asyncio.Task[None] | None:
        """Begin a call, or join the one under way; None right after a failure."""
        if self._is_calling():
            return self._call
        if self._clock() - self._failed_at < _RETRY_AFTER:
            return None
        self._call = asyncio.create_task(self._load())
        return self._call

    def _is_calling(self) -> bool:
        call = self._call
        if call is None or call.done():
            return False
        return call.get_loop() is asyncio.get_running_loop()

    async def _load(self) -> None:
        begun_at = self._clock()
        try:
            keys = _read_keys(await self._fetch())
        except FetchFailed as failed:
            self._note_failure(failed)
        else:
            self._keys, self._fetched_at = keys, begun_at
            if self._is_down:
                self._is_down = False
                log_event("auth.keycloak.available")

    def _note_failure(self, failed: FetchFailed) -> None:
        self._failed_at = self._clock()
        if not self._is_down:
            self._is_down = True
            log_warning(
                "auth.keycloak.unavailable",
                reason=failed.reason,
                problem=failed.problem,
            )


async def fetch(url: str, tls: ssl.SSLContext) -> bytes:
    """Return what stands at an address, within bounds of time and size.

    Nothing is followed: a redirect could lead to an address inside.
    """
    try:
        with fail_after(_DEADLINE):
            async with (
                httpx.AsyncClient(verify=tls, timeout=None) as http,
                http.stream("GET", url, headers=_HEADERS) as response,
            ):
                return await _read_bounded(response)
    except TimeoutError:
        raise FetchFailed("timeout", f"no answer within {_DEADLINE} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        raise FetchFailed("connection", type(error).__name__) from None


_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


async def _read_bounded(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise FetchFailed("status", str(response.status_code))
    # A compressed body, which nobody asked for, could be of any size.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise FetchFailed("answer", "compressed")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _BODY_MAX_BYTES:
            raise FetchFailed("answer", "over 1 MiB")
    return bytes(body)


def _read_keys(body: bytes) -> dict[str, Key]:
    """Take from a JWK set (RFC 7517) what can sign, whatever else is in it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise FetchFailed("answer", "not JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    entries = listed[:_KEYS_MAX] if isinstance(listed, list) else []
    keys = [key for entry in entries if (key := _read_key(entry))]
    if not keys:
        raise FetchFailed("answer", "no key that signs")
    return {key.kid: key for key in reversed(keys)}  # the first of an id counts


def _read_key(entry: object) -> Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kid, kind, only = entry.get("kid"), entry.get("kty"), entry.get("alg")
    algorithms = _ALGORITHMS.get(kind, ()) if isinstance(kind, str) else ()
    if only is not None:
        algorithms = tuple(name for name in algorithms if name == only)
    if not isinstance(kid, str) or not algorithms:
        return None
    try:
        return _make_key(kid, algorithms, entry)
    except _UNREADABLE:
        return None


# What the library cannot read is no key.
_UNREADABLE = (JWException, UnsupportedAlgorithm, LookupError, TypeError, ValueError)


def _make_key(kid: str, algorithms: tuple[str, ...], entry: dict[str, Any]) -> Key:
    members = ("n", "e") if entry["kty"] == "RSA" else ("crv", "x", "y")
    key = jwk.JWK(kty=entry["kty"], **{name: entry[name] for name in members})
    public = key.get_op_key("verify")
    if entry["kty"] == "RSA" and public.key_size < _RSA_MIN_BITS:
        raise ValueError("too short")
    if entry["kty"] == "EC" and entry["crv"] != "P-256":
        raise ValueError("another curve than that of ES256")
    return Key(kid, algorithms, key.thumbprint(), key)
