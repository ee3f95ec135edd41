# fastman: file passkey
"""What a browser is asked for, in the form of WebAuthn's JSON (Level 3, section 5)."""

import json
from typing import Any

from webauthn import generate_authentication_options, generate_registration_options
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from .models import PasskeyCredential
from .passkey_ceremony import ALGORITHMS
from .passkey_challenges import RegistrationAttempt
from .passkey_config import passkey_config
from .security import base64url_decode

_TIMEOUT = 5 * 60 * 1000  # milliseconds, as long as a challenge lives

# The passkey names its account by itself, and its owner is recognised: by face, finger
# or PIN. So it is both factors at once.
_SELECTION = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED,
    user_verification=UserVerificationRequirement.REQUIRED,
)


def creation_options(
    attempt: RegistrationAttempt, challenge: str, *, known: list[PasskeyCredential]
) -> dict[str, Any]:
    """Ask for a new passkey, of an authenticator that has none of the known ones."""
    options = generate_registration_options(
        rp_id=passkey_config.rp_id,
        rp_name=passkey_config.rp_name,
        user_id=base64url_decode(attempt.handle),
        user_name=attempt.email,
        user_display_name=attempt.username or attempt.email,
        challenge=base64url_decode(challenge),
        timeout=_TIMEOUT,
        authenticator_selection=_SELECTION,
        supported_pub_key_algs=ALGORITHMS,
    )
    # Transports that are newer than the library go back as they came.
    excluded = [
        {
            "id": passkey.id,
            "type": "public-key",
            "transports": json.loads(passkey.transports),
        }
        for passkey in known
    ]
    return {**options_to_json_dict(options), "excludeCredentials": excluded}


def request_options(challenge: str) -> dict[str, Any]:
    """Ask for any passkey of this app: nobody is told who has one."""
    return options_to_json_dict(
        generate_authentication_options(
            rp_id=passkey_config.rp_id,
            challenge=base64url_decode(challenge),
            timeout=_TIMEOUT,
            allow_credentials=[],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )
