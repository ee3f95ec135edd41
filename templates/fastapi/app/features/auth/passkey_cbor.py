# fastman: file passkey
"""A look at CBOR before it is parsed: authenticators write its plain form only.

With tags one part may stand for another that stands for a third: a parser would spend
hours on a hundred bytes of them.
"""

from webauthn.helpers import parse_authenticator_data
from webauthn.helpers.structs import AuthenticatorData

_DEPTH_MAX = 8  # twice what authenticators may use (CTAP 2.1, section 8)

# Where authenticator data has what (WebAuthn Level 3, section 6.1).
_FLAGS = 32
_HEAD = 37  # bytes: a hash, the flags, the counter
_HAS_KEY, _HAS_EXTENSIONS = 0x40, 0x80
_ID_LENGTH = slice(_HEAD + 16, _HEAD + 18)  # behind the kind of authenticator


def require_plain(data: bytes) -> None:
    """Raise ValueError unless the data is one item of plain CBOR."""
    _require_end(data, _end_of(data, 0))


def read_signed(data: bytes) -> AuthenticatorData:
    """Parse authenticator data that holds nothing but plain CBOR."""
    position = _HEAD
    if data[_FLAGS] & _HAS_KEY:
        length = int.from_bytes(data[_ID_LENGTH], "big")
        position = _end_of(data, _ID_LENGTH.stop + length)
    if data[_FLAGS] & _HAS_EXTENSIONS:
        position = _end_of(data, position)
    _require_end(data, position)
    return parse_authenticator_data(data)


def _require_end(data: bytes, position: int) -> None:
    if position != len(data):
        raise ValueError("more or fewer bytes than it says")


def _end_of(data: bytes, start: int, depth: int = 0) -> int:
    """Return where the item that begins at start ends (RFC 8949, section 3)."""
    kind, size = data[start] >> 5, data[start] & 0x1F
    position = start + 1
    if depth > _DEPTH_MAX or size > 27:
        raise ValueError("too deep, or without a length")
    if size > 23:  # it follows, in 1, 2, 4 or 8 bytes
        width = 1 << (size - 24)
        size = int.from_bytes(data[position : position + width], "big")
        position += width
    match kind:
        case 2 | 3:  # bytes, text
            position += size
        case 4 | 5:  # a list, a map
            for _ in range(size * (kind - 3)):
                position = _end_of(data, position, depth + 1)
        case 6:
            raise ValueError("a tag")
    return position
