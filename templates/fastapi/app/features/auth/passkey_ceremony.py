# fastman: file passkey
"""What an authenticator has signed: read, and held against what was asked of it."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    encode_cbor,
    parse_cbor,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import AuthenticatorData, CredentialDeviceType

from .http import parse_json
from .models import PasskeyCredential
from .passkey_cbor import read_signed, require_plain
from .passkey_config import passkey_config
from .passkey_failed import PasskeyCopied, PasskeyFailed, Reason
from .passkey_schemas import Assertion, Attestation
from .security import base64url, base64url_decode

ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_ID_MAX_BYTES = 1023  # WebAuthn Level 3, section 7.1, step 24
# Longer keys take long to verify with, and nobody's authenticator has one.
_RSA_BITS = range(2048, 4097)
_RSA_EXPONENT_MAX = 2**32 - 1


@dataclass(frozen=True)
class ClientData:
    """What the browser says it was asked, and by whom."""

    raw: bytes
    challenge: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class NewPasskey:
    id: str
    public_key: str
    sign_count: int
    aaguid: str
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True)
class Use:
    """What a passkey says of itself each time."""

    sign_count: int
    backed_up: bool


def read_client_data(text: str) -> ClientData:
    """Read it as strictly as the app's own bodies: two parsers must not differ."""
    with _refusing("credential"):
        raw = _decode(text)
        fields = parse_json(raw)
        challenge = fields["challenge"]
        if not isinstance(challenge, str):
            raise TypeError("no challenge")
        return ClientData(raw, challenge, fields)


def verify_attestation(given: Attestation, asked: ClientData) -> NewPasskey:
    """Return the passkey that was made for this challenge, or raise PasskeyFailed."""
    _require_own_page(asked, "webauthn.create")
    with _refusing("credential"):
        _check_id(given)
        attestation = _without_statement(_decode(given.response.attestation_object))
        signed = read_signed(parse_cbor(attestation)["authData"])
    _require_user(signed)
    with _refusing("credential"):
        made = verify_registration_response(
            credential=_as_sent(given, attestationObject=base64url(attestation)),
            expected_challenge=base64url_decode(asked.challenge),
            expected_rp_id=passkey_config.rp_id,
            expected_origin=list(passkey_config.origins),
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        _require_usable(made.credential_public_key)
        if base64url(made.credential_id) != given.id:
            raise ValueError("the passkey has another id")
    return NewPasskey(
        id=given.id,
        public_key=base64url(made.credential_public_key),
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        backup_eligible=made.credential_device_type
        is CredentialDeviceType.MULTI_DEVICE,
        backed_up=made.credential_backed_up,
    )


def verify_assertion(
    given: Assertion, asked: ClientData, passkey: PasskeyCredential
) -> Use:
    """Return what a sign-in with this passkey says, or raise PasskeyFailed."""
    _require_own_page(asked, "webauthn.get")
    with _refusing("credential"):
        _check_id(given)
        signed = read_signed(_decode(given.response.authenticator_data))
        response = {
            "authenticatorData": given.response.authenticator_data,
            "signature": base64url(_decode(given.response.signature)),
        }
    _require_user(signed)
    if signed.flags.be != passkey.backup_eligible:
        raise PasskeyFailed("verification")
    with _refusing("signature"):
        verify_authentication_response(
            credential=_as_sent(given, **response),
            expected_challenge=base64url_decode(asked.challenge),
            expected_rp_id=passkey_config.rp_id,
            expected_origin=list(passkey_config.origins),
            credential_public_key=base64url_decode(passkey.public_key),
            # Looked at below: only a genuine signature tells of a copy.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    if not _moves_on(passkey.sign_count, signed.sign_count):
        raise PasskeyCopied
    return Use(signed.sign_count, signed.flags.bs)


class _refusing(AbstractContextManager[None]):
    """Refuses whatever the library stumbles over: these bytes come from anybody."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            raise PasskeyFailed(self._reason) from None


def _decode(text: str) -> bytes:
    """Decode base64url in its one spelling, without padding."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    data = base64url_decode(text)
    if base64url(data) != text:
        raise ValueError("spare bits are set")
    return data


def _check_id(given: Attestation | Assertion) -> None:
    if given.type != "public-key" or given.id != given.raw_id:
        raise ValueError("not one passkey")
    if len(_decode(given.id)) > _ID_MAX_BYTES:
        raise ValueError("the id is too long")


def _as_sent(given: Attestation | Assertion, **response: str) -> dict[str, Any]:
    """Return what the library reads, and nothing else for it to stumble over."""
    client_data = given.response.client_data_json
    return {
        "id": given.id,
        "rawId": given.raw_id,
        "type": given.type,
        "response": {"clientDataJSON": client_data, **response},
    }


def _require_own_page(asked: ClientData, kind: str) -> None:
    fields = asked.fields
    if (
        fields.get("type") != kind
        or fields.get("origin") not in passkey_config.origins
        # In a frame of another site nobody sees whom they sign in to.
        or fields.get("crossOrigin", False) is not False
        or "topOrigin" in fields
    ):
        raise PasskeyFailed("origin")


def _require_user(signed: AuthenticatorData) -> None:
    if signed.rp_id_hash != sha256(passkey_config.rp_id.encode()).digest():
        raise PasskeyFailed("origin")
    flags = signed.flags
    if not (flags.up and flags.uv) or (flags.bs and not flags.be):
        raise PasskeyFailed("verification")


def _without_statement(raw: bytes) -> bytes:
    """Leave out who made the authenticator, which nobody asked for (section 8.7)."""
    require_plain(raw)
    attestation = parse_cbor(raw)
    if not isinstance(attestation["fmt"], str):
        raise TypeError("the format has no name")
    if not isinstance(attestation["attStmt"], dict):
        raise TypeError("no statement")
    if attestation["fmt"] == "none" and attestation["attStmt"]:
        raise ValueError("a statement of no format")
    plain = {"fmt": "none", "attStmt": {}, "authData": attestation["authData"]}
    return encode_cbor(plain)


def _require_usable(public_key: bytes) -> None:
    decoded = decode_credential_public_key(public_key)
    match decoded_public_key_to_cryptography(decoded):
        case Ed25519PublicKey():
            fits = decoded.alg == COSEAlgorithmIdentifier.EDDSA
        case EllipticCurvePublicKey(curve=SECP256R1()):
            fits = decoded.alg == COSEAlgorithmIdentifier.ECDSA_SHA_256
        case RSAPublicKey() as key:
            fits = (
                decoded.alg == COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256
                and key.key_size in _RSA_BITS
                and key.public_numbers().e <= _RSA_EXPONENT_MAX
            )
        case _:
            fits = False
    if not fits:
        raise ValueError("a key of another algorithm")


def _moves_on(before: int, now: int) -> bool:
    """Compare counters; passkeys that are synced have none, and say zero."""
    return now > before or now == before == 0
