# fastman: file jwt or oauth or passkey
"""What the endpoints read and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from .identity import normalize_email, normalize_username
from .passwords import PASSWORD_MAX_BYTES, check_policy

_TOKEN_MAX_LENGTH = 100

OneTimeToken = Annotated[SecretStr, Field(max_length=_TOKEN_MAX_LENGTH)]


# fastman: if jwt
def _fits(text: str) -> str:
    """Bound what is hashed or looked up, and keep out what databases cannot store."""
    if "\x00" in text:
        raise PydanticCustomError("value_error", "Value must not contain NUL")
    if len(text.encode()) > PASSWORD_MAX_BYTES:
        raise PydanticCustomError("value_error", "Value is longer than 1024 bytes")
    return text


def _fits_secret(secret: SecretStr) -> SecretStr:
    _fits(secret.get_secret_value())
    return secret


Password = Annotated[SecretStr, AfterValidator(_fits_secret)]


class RegisterRequest(BaseModel):
    # The password comes last: its rules look at the other two.
    email: Annotated[str, AfterValidator(normalize_email)]
    username: Annotated[str, AfterValidator(normalize_username)] | None = None
    password: Password

    @field_validator("password")
    @classmethod
    def _check_password(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        check_policy(
            password.get_secret_value(),
            email=info.data.get("email"),
            username=info.data.get("username"),
        )
        return password


class LoginRequest(BaseModel):
    username: Annotated[
        str, AfterValidator(_fits), Field(description="User name or e-mail address")
    ]
    password: Password


class PasswordChange(BaseModel):
    current_password: Password
    new_password: Password


class PasswordSet(BaseModel):
    new_password: Password


class PasswordForgotten(BaseModel):
    email: Annotated[str, AfterValidator(normalize_email)]


class PasswordReset(BaseModel):
    token: OneTimeToken
    new_password: Password


# fastman: end
class RefreshRequest(BaseModel):
    refresh_token: SecretStr


class VerifyRequest(BaseModel):
    token: OneTimeToken
    # fastman: if jwt
    # Instead of a session.
    password: Password | None = None
    # fastman: end


class SessionPublic(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    created_at: datetime
    last_seen_at: datetime
    ip: str | None
    user_agent: str | None
    method: str
    current: bool = False


class UserPublic(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    username: str | None
    name: str | None
    avatar_url: str | None
    is_active: bool
    is_superuser: bool
    is_verified: bool
    oauth_provider: str | None
    created_at: datetime


class CurrentUserPublic(UserPublic):
    model_config = ConfigDict(title="Current user")
    # fastman: if keycloak
    roles: list[str]
    # fastman: end


class Token(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: Annotated[int, Field(description="Seconds")]
    refresh_token: str


class Problem(BaseModel):
    detail: str


# fastman: if oauth or keycloak
class IdentityPublic(BaseModel):
    provider: str
    email: str | None
    created_at: datetime
    last_used_at: datetime | None


# fastman: end
# fastman: if keycloak
class KeycloakLink(BaseModel):
    token: SecretStr


# fastman: end
# fastman: if oauth
UserRead = UserPublic


class OAuthStart(BaseModel):
    """How a sign-in is to end: at a path of this app, or in a native app."""

    next: str | None = None
    app_redirect: str | None = None
    app_state: str | None = None
    code_challenge: str | None = None

    @property
    def is_of_app(self) -> bool:
        wanted = (self.app_redirect, self.app_state, self.code_challenge)
        return any(value is not None for value in wanted)


class OAuthRedirect(BaseModel):
    url: str


class OAuthToken(BaseModel):
    code: SecretStr
    code_verifier: SecretStr


class OAuthCallback(BaseModel):
    """What comes back from a provider, by way of the browser."""

    state: str | None = None
    code: str | None = None
    error: str | None = None
    # fastman: end
    # fastman: if google or oidc
    iss: str | None = None
    # fastman: end
