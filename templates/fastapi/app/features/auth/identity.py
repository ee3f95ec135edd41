# fastman: file jwt or oauth or passkey
"""Names that people sign in with: what is allowed, and when two of them are one."""

import unicodedata

from email_validator import validate_email
from pydantic_core import PydanticCustomError

from .config import config

# fastman: if oauth or keycloak
_NAME_MAX_LENGTH = 200
# fastman: end
EMAIL_MAX_LENGTH = 320  # RFC 5321, section 4.5.3.1: 64 + "@" + 255
# fastman: if jwt or passkey
USERNAME_LENGTHS = range(3, 101)
# fastman: end


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def identity_key(text: str) -> str:
    """Map all spellings of a name to one, by Unicode's rules, not the database's."""
    return nfc(text).casefold()


# fastman: if jwt
def login_key(identifier: str) -> str:
    """Return the e-mail key that a sign-in means, or the username key without "@"."""
    if "@" not in identifier:
        return identity_key(identifier)
    try:
        return identity_key(normalize_email(identifier))
    except PydanticCustomError:
        return identity_key(identifier)


# fastman: end
def normalize_email(address: str) -> str:
    """Return the form that is stored: domain in lower case and Unicode, all in NFC."""
    try:
        if len(address) > EMAIL_MAX_LENGTH:
            raise ValueError("too long")
        # Mail software would decode it into another address (RFC 2047).
        if "=?" in address:
            raise ValueError("holds an encoded word")
        return validate_email(
            address,
            check_deliverability=False,
            test_environment=not config.production,
        ).normalized
    except ValueError:
        raise PydanticCustomError(
            "value_error", "Value is not a valid e-mail address"
        ) from None


# fastman: if oauth or keycloak
def usable_email(address: object) -> str | None:
    """Return what somebody else says, if it is an address that an account can have."""
    try:
        return normalize_email(address) if isinstance(address, str) else None
    except PydanticCustomError:
        return None


def usable_name(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    return without_controls(name)[:_NAME_MAX_LENGTH] or None


def without_controls(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Cc")


# fastman: end
# fastman: if jwt or passkey
def normalize_username(name: str) -> str:
    """Return the NFC form of 3 to 100 letters, digits, dots, underscores, hyphens."""
    name = nfc(name)
    if len(name) not in USERNAME_LENGTHS:
        raise PydanticCustomError(
            "value_error", "Username must have 3 to 100 characters"
        )
    if not all(c.isalpha() or c.isdecimal() or c in "._-" for c in name):
        raise PydanticCustomError(
            "value_error", "Username may hold letters, digits and . _ - only"
        )
    return name


# fastman: end
