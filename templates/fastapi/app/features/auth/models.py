# fastman: file jwt or oauth or passkey
"""Tables of authentication. Names, types and indexes are spelled out, so that nothing
depends on the conventions of the metadata they join."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

from .clock import UTCDateTime, utc_now

# SQLite numbers rows by itself only in a column declared as INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_email_key", "email_key", unique=True),
        Index("ix_users_username_key", "username_key", unique=True),
        Index("ix_users_webauthn_handle", "webauthn_handle", unique=True),
        # The id of a deleted user never comes back, so no old token fits a new user.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    # The case fold of the NFC form: what makes two spellings the same address.
    email_key: Mapped[str] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)
    username_key: Mapped[str | None] = mapped_column(Text)
    hashed_password: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    avatar_url: Mapped[str | None] = mapped_column(Text)
    oauth_provider: Mapped[str | None] = mapped_column(Text)
    webauthn_handle: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    is_superuser: Mapped[bool] = mapped_column(Boolean, default=False)
    email_verified_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    updated_at: Mapped[datetime] = mapped_column(
        UTCDateTime, default=utc_now(), onupdate=utc_now()
    )

    # fastman: if keycloak
    # What the token of a request says, if it is Keycloak's; it is not kept.
    roles: ClassVar[Sequence[str]] = ()

    # fastman: end
    @property
    def is_verified(self) -> bool:
        return self.email_verified_at is not None


class AuthSession(Base):
    """One sign-in. Deleting the row ends it, for every token that names it."""

    __tablename__ = "auth_sessions"
    __table_args__ = (
        Index("ix_auth_sessions_user_id", "user_id"),
        Index("ix_auth_sessions_cookie_hash", "cookie_hash", unique=True),
        Index("ix_auth_sessions_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE")
    )
    method: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(Text)
    refresh_counter: Mapped[int] = mapped_column(Integer, default=0)
    refreshed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    cookie_hash: Mapped[str | None] = mapped_column(Text)
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    authenticated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    # The end of a session that is not refreshed; each refresh moves it.
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


# fastman: if oauth or keycloak
class OAuthAccount(Base):
    """An account at a provider, which signs one user in here."""

    __tablename__ = "oauth_accounts"
    __table_args__ = (
        Index("ix_oauth_accounts_provider_subject", "provider", "subject", unique=True),
        Index("ix_oauth_accounts_user_id", "user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE")
    )
    # A name; for OpenID providers of your own the issuer, each of which has subjects
    # of its own.
    provider: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


# fastman: end
# fastman: if passkey
class PasskeyCredential(Base):
    """A passkey: what its authenticator signs with, as far as others may know it."""

    __tablename__ = "passkey_credentials"
    __table_args__ = (Index("ix_passkey_credentials_user_id", "user_id"),)

    # The credential id; bytes are base64url without padding in all of these columns.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE")
    )
    public_key: Mapped[str] = mapped_column(Text)  # COSE_Key (RFC 9052, section 7)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[str] = mapped_column(Text)  # JSON, a list of names
    aaguid: Mapped[str] = mapped_column(Text)  # the kind of authenticator, as a UUID
    backup_eligible: Mapped[bool] = mapped_column(Boolean)
    backed_up: Mapped[bool] = mapped_column(Boolean)
    device_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


# fastman: end
class AuthToken(Base):
    """A mailed one-time token: only its hash, and one of each purpose for a user."""

    __tablename__ = "auth_tokens"
    __table_args__ = (
        Index("ix_auth_tokens_user_id_purpose", "user_id", "purpose", unique=True),
        Index("ix_auth_tokens_expires_at", "expires_at"),
    )

    token_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE")
    )
    email_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class AuthThrottle(Base):
    """Attempts counted under one key within one window of time."""

    __tablename__ = "auth_throttle"
    __table_args__ = (Index("ix_auth_throttle_expires_at", "expires_at"),)

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    window_start: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class AuthChallenge(Base):
    """A ceremony under way: its options, bound to a user, an address or a browser."""

    __tablename__ = "auth_challenges"
    __table_args__ = (Index("ix_auth_challenges_expires_at", "expires_at"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE")
    )
    email_key: Mapped[str | None] = mapped_column(Text)
    data: Mapped[str] = mapped_column(Text)  # JSON
    browser_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
