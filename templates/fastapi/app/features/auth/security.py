# fastman: file jwt or oauth or passkey
"""Keys and tokens. Nothing here knows the database."""

import base64
import functools
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .config import config

_ALGORITHM = "HS256"
_TOKEN_TYPE = "at+jwt"  # RFC 9068, section 2.1
_TOKEN_MAX_BYTES = 4096
_CLOCK_SKEW = 60  # seconds that iat and nbf may lie ahead
_ID_MAX = 2**63 - 1  # BIGINT
_TIME_MAX = 253_402_300_799  # the last second of the year 9999

# fastman: if keycloak
NO_SESSION = ""  # `sid` of claims that are Keycloak's: it has its own sessions
# fastman: end
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{22}")  # base64url of 16 bytes
_REFRESH_TOKEN = re.compile(
    r"([A-Za-z0-9_-]{22})\.(0|[1-9][0-9]{0,8})\.[A-Za-z0-9_-]{43}"
)
_COMPACT_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

Seconds = Annotated[int, Field(ge=0, le=_TIME_MAX)]


class InvalidToken(Exception):
    """A token that this app did not issue, or no longer accepts."""


class TokenClaims(BaseModel):
    """What an access token says, each claim in exactly the type that we write."""

    model_config = ConfigDict(strict=True, frozen=True)

    iss: str
    aud: str
    sub: str
    sid: str
    jti: str
    iat: Seconds
    nbf: Seconds
    exp: Seconds

    @field_validator("sub")
    @classmethod
    def _check_sub(cls, sub: str) -> str:
        if not re.fullmatch(r"[1-9][0-9]{0,18}", sub) or int(sub) > _ID_MAX:
            raise ValueError("not a user id")
        return sub

    @field_validator("sid")
    @classmethod
    def _check_sid(cls, sid: str) -> str:
        if not is_session_id(sid):
            raise ValueError("not a session id")
        return sid

    @property
    def user_id(self) -> int:
        return int(self.sub)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _derive(secret: str, purpose: str) -> bytes:
    """Derive the key of one purpose: HKDF-SHA-256, no salt, 32 bytes (RFC 5869)."""
    pseudorandom = hmac.digest(bytes(32), secret.encode(), "sha256")
    return hmac.digest(pseudorandom, purpose.encode() + b"\x01", "sha256")


def _key_id(access_key: bytes) -> str:
    return base64url(sha256(access_key).digest()[:8])


_access_keys = {
    _key_id(key): key
    for key in (_derive(secret, "fastman/access/v1") for secret in config.secret_keys)
}
_signing_kid, _signing_key = next(iter(_access_keys.items()))
_refresh_keys = [_derive(secret, "fastman/refresh/v1") for secret in config.secret_keys]


def new_session_id() -> str:
    return base64url(secrets.token_bytes(16))


def is_session_id(text: str) -> bool:
    return _SESSION_ID.fullmatch(text) is not None


def new_salt() -> str:
    return base64url(secrets.token_bytes(32))


def issue_access_token(*, user_id: int, session_id: str, seconds: int) -> str:
    now = int(time.time())
    claims = {
        "iss": config.issuer,
        "aud": config.issuer,
        "sub": str(user_id),
        "sid": session_id,
        "jti": base64url(secrets.token_bytes(16)),
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
    }
    header = {"typ": _TOKEN_TYPE, "kid": _signing_kid}
    return jwt.encode(claims, _signing_key, algorithm=_ALGORITHM, headers=header)


def issue_refresh_token(*, session_id: str, counter: int, salt: str) -> str:
    """Write `<session id>.<counter>.<HMAC>`; the salt stays in the database."""
    return _sign_refresh(session_id, counter, salt, _refresh_keys[0])


def _sign_refresh(session_id: str, counter: int, salt: str, key: bytes) -> str:
    signed = f"{session_id}.{counter}."
    message = signed.encode() + base64url_decode(salt)
    return signed + base64url(hmac.digest(key, message, "sha256"))


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token whose form is right; is_genuine tells whether we wrote it."""

    text: str
    session_id: str
    counter: int

    def is_genuine(self, salt: str) -> bool:
        candidates = (
            _sign_refresh(self.session_id, self.counter, salt, key)
            for key in _refresh_keys
        )
        return any(hmac.compare_digest(self.text, text) for text in candidates)


def read_refresh_token(text: str) -> RefreshToken:
    parts = _REFRESH_TOKEN.fullmatch(text)
    if parts is None:
        raise InvalidToken
    return RefreshToken(text, session_id=parts[1], counter=int(parts[2]))


def new_one_time_token() -> str:
    return base64url(secrets.token_bytes(32))


def hash_one_time_token(token: str) -> str:
    return base64url(sha256(token.encode()).digest())


def read_access_token(token: str) -> TokenClaims:
    """Return the claims of a token that we signed and that is valid now."""
    try:
        claims = _read_signed(token)
    except (jwt.PyJWTError, ValidationError, ValueError, RecursionError):
        raise InvalidToken from None
    _require_current(claims)
    return claims


# A token comes with every request of its half hour, and its signature stays the same:
# what is kept is only what was genuine, and the time is looked at each time.
@functools.lru_cache(maxsize=10_000)
def _read_signed(token: str) -> TokenClaims:
    _require_canonical(token)
    return TokenClaims.model_validate(_verify_signature(token))


def _require_canonical(token: str) -> None:
    """Refuse a second spelling of the same token: padding, or spare bits set."""
    if len(token) > _TOKEN_MAX_BYTES or not _COMPACT_JWS.fullmatch(token):
        raise InvalidToken
    if any(base64url(base64url_decode(part)) != part for part in token.split(".")):
        raise InvalidToken


def _verify_signature(token: str) -> dict[str, Any]:
    # RFC 8725: one algorithm, an explicit type. RFC 7515, section 4.1.11: `crit` names
    # extensions that must be understood, and we understand none.
    header = json.loads(base64url_decode(token.partition(".")[0]))
    if not isinstance(header, dict) or "crit" in header:
        raise InvalidToken
    if header.get("typ") != _TOKEN_TYPE or header.get("alg") != _ALGORITHM:
        raise InvalidToken
    key = _access_keys.get(str(header.get("kid")))
    if key is None:
        raise InvalidToken
    # PyJWT reads "1" and true as times too; TokenClaims is strict instead.
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[_ALGORITHM],
        options={
            "verify_iss": False,
            "verify_aud": False,
            "verify_sub": False,
            "verify_jti": False,
            "verify_iat": False,
            "verify_nbf": False,
            "verify_exp": False,
        },
    )
    return claims


def _require_current(claims: TokenClaims) -> None:
    now = time.time()
    if (claims.iss, claims.aud) != (config.issuer, config.issuer):
        raise InvalidToken
    if claims.exp <= now or max(claims.iat, claims.nbf) > now + _CLOCK_SKEW:
        raise InvalidToken
