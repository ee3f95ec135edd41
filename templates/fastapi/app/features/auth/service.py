# fastman: file jwt or oauth or passkey
"""Signing up and signing in, without HTTP."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from . import mails, throttle
from .clients import Client
from .config import config
from .credentials import Proof, accept, check_password
from .database import Contradiction, read, write, write_again
from .events import log_event, log_sessions_ended, session_hash
from .identities import Arrival, link, receive
from .identity import identity_key, login_key
from .linking import report_linked
from .models import AuthSession, PasskeyCredential, User
from .oauth_calls import caller_place
from .oauth_exchange import authorization_url, fetch_profile, find_endpoints
from .oauth_failed import OAuthFailed
from .oauth_flow import (
    Attempt,
    Opened,
    issue_app_code,
    open_attempt,
    take_app_code,
    take_attempt,
)
from .oauth_provider import Profile, Provider
from .one_time import issue_one_time_token
from .passkey_ceremony import ClientData, Use, read_client_data, verify_assertion
from .passkey_challenges import open_authentication, take_authentication
from .passkey_failed import PasskeyCopied, PasskeyFailed
from .passkey_options import request_options
from .passkey_schemas import Assertion
from .passkeys import find_with_owner, note_use
from .passwords import hash_password, in_hash_queue
from .purge import purge_soon
from .schemas import LoginRequest, OAuthCallback, RegisterRequest, Token
from .sessions import issue_tokens, open_cookie_session, open_session
from .users import lock_user


# fastman: if jwt or passkey
class AlreadyTaken(Exception):
    """The address or the name belongs to another account."""


class UsernameTaken(AlreadyTaken):
    def __str__(self) -> str:
        return "Username is already taken"


# fastman: end
# fastman: if jwt
Made = TypeVar("Made")


class EmailTaken(AlreadyTaken):
    def __init__(self, owner: str) -> None:
        self.owner = owner  # the address as the account has it

    def __str__(self) -> str:
        return "E-mail is already registered"


class InvalidCredentials(Exception):
    """No account, another password, none at all, or an account that is disabled."""


async def register(wanted: RegisterRequest, *, client: Client) -> User:
    """Make an account, or raise AlreadyTaken."""
    user = await _insert(_insert_user, wanted)
    log_event("auth.register.ok", user_id=user.id, ip=client.ip)
    return user


async def register_unseen(
    wanted: RegisterRequest, *, client: Client, base_url: str
) -> None:
    """Make an account if it can be made; only its address gets to know."""
    try:
        # In one transaction: a second one could be seen in how long the answer takes.
        user, token = await _insert(_insert_with_link, wanted)
    except EmailTaken as taken:
        if await write(_may_mail, taken.owner):
            mails.mail_already_registered(taken.owner)
    except UsernameTaken:
        if await write(_may_mail, wanted.email):
            mails.mail_username_taken(wanted.email)
    else:
        log_event("auth.register.ok", user_id=user.id, ip=client.ip)
        mails.mail_verify_link(user.email, base_url=base_url, token=token)


async def _insert(
    insert: Callable[[Session, RegisterRequest, str], Made], wanted: RegisterRequest
) -> Made:
    password = wanted.password.get_secret_value()
    hashed = await in_hash_queue(partial(hash_password, password))
    try:
        return await write(insert, wanted, hashed)
    except Contradiction:
        # The unique indexes decide, so two registrations at once cannot both win.
        if taken := await read(_find_taken, wanted):
            raise taken from None
        raise


def _insert_with_link(
    db: Session, wanted: RegisterRequest, hashed: str
) -> tuple[User, str]:
    user = _insert_user(db, wanted, hashed)
    return user, issue_one_time_token(db, user, purpose="verify")


def _may_mail(db: Session, email: str) -> bool:
    return throttle.claim_hourly(db, f"mail:taken:{throttle.name_key(email)}")


def _insert_user(db: Session, wanted: RegisterRequest, hashed: str) -> User:
    user = User(
        email=wanted.email,
        email_key=identity_key(wanted.email),
        username=wanted.username,
        username_key=wanted.username and identity_key(wanted.username),
        hashed_password=hashed,
    )
    db.add(user)
    db.flush()
    return user


def _find_taken(db: Session, wanted: RegisterRequest) -> AlreadyTaken | None:
    email_key = identity_key(wanted.email)
    if owner := db.scalar(select(User.email).where(User.email_key == email_key)):
        return EmailTaken(owner)
    username_key = wanted.username and identity_key(wanted.username)
    if db.scalar(select(User.id).where(User.username_key == username_key)):
        return UsernameTaken()
    return None


async def log_in(given: LoginRequest, *, client: Client) -> Token:
    """Open a session, or raise InvalidCredentials after the same work in any case."""
    name = login_key(given.username)
    proof = await check_password(
        given.password.get_secret_value(),
        name=name,
        find=partial(_find_active_user, name=name),
        client=client,
    )
    session = await write(_sign_in, proof, client) if proof.matches else None
    if session is None:
        user_id = proof.user.id if proof.user else None
        log_event(
            "auth.login.failed", level=logging.WARNING, user_id=user_id, ip=client.ip
        )
        raise InvalidCredentials
    log_event(
        "auth.login.ok",
        user_id=session.user_id,
        ip=client.ip,
        session=session_hash(session.id),
    )
    purge_soon()
    return issue_tokens(session)


_BY_EMAIL = select(User).where(User.email_key == bindparam("name"), User.is_active)
_BY_USERNAME = select(User).where(
    User.username_key == bindparam("name"), User.is_active
)


def _find_active_user(db: Session, name: str) -> User | None:
    named = _BY_EMAIL if "@" in name else _BY_USERNAME
    return db.scalars(named, {"name": name}).one_or_none()


def _sign_in(db: Session, proof: Proof, client: Client) -> AuthSession | None:
    if not (config.reveal_registered or (proof.user and proof.user.is_verified)):
        return None  # and the attempt stays counted, as one on a taken address does
    user = accept(db, proof)
    if user is None:
        return None
    throttle.remember_address(db, user, client=client)
    return open_session(db, user, method="password", client=client)


# fastman: end
# fastman: if oauth
async def leave_for_provider(
    provider: Provider, attempt: Attempt, *, client: Client
) -> tuple[str, Opened]:
    """Note an attempt, and return the provider's page for it; raises OAuthFailed."""
    await write(throttle.count_attempt, "oauth", client=client)
    with caller_place():
        endpoints = await find_endpoints(provider)
    opened = await write(open_attempt, attempt)
    purge_soon()
    return authorization_url(provider, endpoints, attempt, opened), opened


async def come_back(
    provider: Provider, callback: OAuthCallback, *, cookie: str
) -> tuple[Attempt, Profile]:
    """Use the attempt of a callback up, and return it with who signed in there.

    Raises OAuthFailed. When too many wait already, the attempt stays for a reload.
    """
    with caller_place():
        state = callback.state or ""
        attempt = await write(take_attempt, state=state, cookie=cookie)
        if attempt.provider != provider.name:
            raise OAuthFailed("state", "of another provider")
        if callback.error:
            raise OAuthFailed(
                "denied" if callback.error == "access_denied" else "refused"
            )
        return attempt, await fetch_profile(provider, attempt, callback)


async def sign_in_with(
    provider: Provider, profile: Profile, *, client: Client, former: str | None
) -> str:
    """Open a session for who came back, and return its cookie; raises OAuthFailed."""

    def sign_in(db: Session) -> tuple[Arrival, AuthSession, str]:
        arrival = receive(db, provider, profile)
        session, cookie = open_cookie_session(
            db, arrival.user, method=provider.name, client=client, former=former
        )
        _settle_throttle(db, arrival.user, client)
        return arrival, session, cookie

    arrival, session, cookie = await write_again(sign_in)
    _report_arrival(arrival, provider, client)
    _report_signed_in(session, client)
    return cookie


async def hand_over(
    provider: Provider, profile: Profile, attempt: Attempt, *, client: Client
) -> str:
    """Return a code with which a native app signs in who came back."""

    def issue(db: Session) -> tuple[Arrival, str]:
        arrival = receive(db, provider, profile)
        return arrival, issue_app_code(db, arrival.user, attempt)

    arrival, code = await write_again(issue)
    _report_arrival(arrival, provider, client)
    return code


class InvalidAppCode(Exception):
    """Unknown, used, too old, or for another verifier."""


async def redeem_app_code(code: str, *, verifier: str, client: Client) -> Token:
    """Open the session that a native app was promised, or raise InvalidAppCode."""
    await write(throttle.count_attempt, "oauth", client=client)
    session = await write(_redeem, code, verifier, client)
    if session is None:
        raise InvalidAppCode
    _report_signed_in(session, client)
    purge_soon()
    return issue_tokens(session)


def _redeem(
    db: Session, code: str, verifier: str, client: Client
) -> AuthSession | None:
    taken = take_app_code(db, code=code, verifier=verifier)
    if taken is None:
        return None
    user, provider = taken
    session = open_session(db, user, method=provider, client=client)
    # Two were counted: one where the browser left for the provider, and this one.
    throttle.forgive(db, "oauth", client=client)
    _settle_throttle(db, user, client)
    return session


def _settle_throttle(db: Session, user: User, client: Client) -> None:
    throttle.forgive(db, "oauth", client=client)
    throttle.remember_address(db, user, client=client)


async def link_with(
    provider: Provider, profile: Profile, attempt: Attempt, *, client: Client
) -> None:
    """Give an identity to the user who asked for it, or raise OAuthFailed."""

    def give(db: Session) -> User | None:
        throttle.forgive(db, "oauth", client=client)
        return link(db, provider, profile, attempt)

    if user := await write_again(give):
        report_linked(user, provider.name, client)


def _report_signed_in(session: AuthSession, client: Client) -> None:
    log_event(
        "auth.oauth.ok",
        user_id=session.user_id,
        ip=client.ip,
        session=session_hash(session.id),
        provider=session.method,
    )


def _report_arrival(arrival: Arrival, provider: Provider, client: Client) -> None:
    user = arrival.user
    if arrival.linked:
        report_linked(user, provider.name, client)
    if arrival.taken_over:
        log_event("auth.account.takeover", user_id=user.id, ip=client.ip)
        mails.mail_taken_over(user, client=client)
    log_sessions_ended(arrival.ended, user_id=user.id, ip=client.ip)


# fastman: end
# fastman: if passkey
async def ask_for_passkey(*, client: Client) -> dict[str, Any]:
    """Return the options of a sign-in, the same for everybody."""
    challenge = await write(_open_authentication, client)
    purge_soon()
    return request_options(challenge)


def _open_authentication(db: Session, client: Client) -> str:
    throttle.count_attempt(db, "passkey", client=client)
    return open_authentication(db)


async def sign_in_with_passkey(given: Assertion, *, client: Client) -> Token:
    """Open a session for whose passkey has signed, or raise PasskeyFailed."""
    asked = read_client_data(given.response.client_data_json)
    if not await write(take_authentication, asked.challenge):
        raise PasskeyFailed("challenge")
    found = await read(find_with_owner, given.id)
    if found is None:
        raise PasskeyFailed("credential")
    passkey, user = found
    try:
        use = _verify(given, asked, passkey, user)
        session = await write(_use_passkey, passkey, use, client)
    except PasskeyFailed as failed:
        if isinstance(failed, PasskeyCopied):
            _report_copied(user, client)
        failed.user_id = user.id
        raise
    purge_soon()
    log_event(
        "auth.passkey.ok",
        user_id=user.id,
        ip=client.ip,
        session=session_hash(session.id),
    )
    return issue_tokens(session)


def _report_copied(user: User, client: Client) -> None:
    log_event(
        "auth.passkey.cloned", level=logging.WARNING, user_id=user.id, ip=client.ip
    )


def _verify(
    given: Assertion, asked: ClientData, passkey: PasskeyCredential, user: User
) -> Use:
    if not user.is_active:
        raise PasskeyFailed("inactive")
    # An authenticator says whose passkey it was made for: nobody else's opens this one.
    if given.response.user_handle != user.webauthn_handle:
        raise PasskeyFailed("credential")
    return verify_assertion(given, asked, passkey)


def _use_passkey(
    db: Session, passkey: PasskeyCredential, use: Use, client: Client
) -> AuthSession:
    user = lock_user(db, passkey.user_id)
    if user is None:
        raise PasskeyFailed("inactive")
    if not note_use(db, passkey, use):
        raise PasskeyFailed("counter")
    throttle.forgive(db, "passkey", client=client)
    throttle.remember_address(db, user, client=client)
    return open_session(db, user, method="passkey", client=client)


# fastman: end
