# fastman: file passkey
"""What the endpoints of passkeys read and answer; WebAuthn's names are its own."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .identity import normalize_email
from .schemas import OneTimeToken

_DEVICE_NAME_MAX = 100  # characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _device_name(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= _DEVICE_NAME_MAX:
        raise PydanticCustomError(
            "value_error", "Device name must have 1 to 100 characters"
        )
    if _CONTROL.search(text):
        raise PydanticCustomError(
            "value_error", "Device name must not hold control characters"
        )
    return text


def _named(value: Any) -> Any:
    unnamed = value is None or (isinstance(value, str) and not value.strip())
    return "Passkey" if unnamed else value


DeviceName = Annotated[str, AfterValidator(_device_name)]
Email = Annotated[str, AfterValidator(normalize_email)]


class RegistrationWanted(BaseModel):
    email: Email
    username: str | None = None  # of a new account: looked at only there


class _Credential(BaseModel):
    id: str
    raw_id: Annotated[str, Field(alias="rawId")]
    type: str


class AttestationResponse(BaseModel):
    client_data_json: Annotated[str, Field(alias="clientDataJSON")]
    attestation_object: Annotated[str, Field(alias="attestationObject")]
    transports: list[str] | None = None


class Attestation(_Credential):
    """A new passkey, as the browser describes it."""

    response: AttestationResponse


class Registration(BaseModel):
    email: Email
    credential: Attestation
    device_name: Annotated[DeviceName, BeforeValidator(_named)] = "Passkey"


class Registered(BaseModel):
    """What was made, with tokens unless the session has a cookie."""

    status: Literal["ok"] = "ok"
    credential_id: str
    access_token: str | None = None
    token_type: Literal["bearer"] | None = None
    expires_in: Annotated[int | None, Field(description="Seconds")] = None
    refresh_token: str | None = None


class AuthenticationWanted(BaseModel):
    """Any address gets the same answer: the passkey says whose it is."""

    email: str | None = None


class AssertionResponse(BaseModel):
    client_data_json: Annotated[str, Field(alias="clientDataJSON")]
    authenticator_data: Annotated[str, Field(alias="authenticatorData")]
    signature: str
    user_handle: Annotated[str | None, Field(alias="userHandle")] = None


class Assertion(_Credential):
    """A sign-in, as the browser describes it."""

    response: AssertionResponse


class Authentication(BaseModel):
    credential: Assertion


class PasskeyPublic(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    device_name: str
    created_at: datetime
    last_used_at: datetime | None
    backed_up: bool
    transports: Annotated[list[str], BeforeValidator(json.loads)]


class PasskeyChange(BaseModel):
    device_name: DeviceName


class RecoveryCodes(BaseModel):
    codes: list[str]


class RecoveryWanted(BaseModel):
    email: Email


class Recovery(BaseModel):
    """One of the account's codes, or the token of a mailed link."""

    email: Email | None = None
    code: SecretStr | None = None
    token: OneTimeToken | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> "Recovery":
        given = tuple(
            value is not None for value in (self.email, self.code, self.token)
        )
        if given not in ((True, True, False), (False, False, True)):
            raise PydanticCustomError("value_error", "Send email and code, or token")
        return self
