# fastman: file jwt or oauth or passkey
"""What a signed-in user can do about sessions, without HTTP."""

import logging
from collections.abc import Awaitable, Callable

from . import mails, throttle
from .clients import Client
from .database import write
from .events import log_event, log_sessions_ended, session_hash
from .models import User
from .purge import purge_soon
from .schemas import Token
from .security import InvalidToken, TokenClaims, is_session_id, read_refresh_token
from .sessions import (
    Reused,
    end_cookie_session,
    end_session,
    end_sessions,
    issue_tokens,
    refresh,
)


async def refresh_tokens(text: str, *, who: Callable[[], Awaitable[Client]]) -> Token:
    """Return new tokens for a refresh token, or raise InvalidToken.

    Only failures are counted: who has a genuine token is not guessing, and is not
    even asked who that is.
    """
    try:
        refreshed = await refresh(read_refresh_token(text))
    except InvalidToken:
        await write(throttle.count_attempt, "refresh", client=await who())
        raise
    purge_soon()
    if not isinstance(refreshed, Reused):
        return issue_tokens(refreshed)
    client = await who()
    log_event(
        "auth.refresh.reused",
        level=logging.WARNING,
        user_id=refreshed.user.id,
        ip=client.ip,
        session=session_hash(refreshed.session_id),
    )
    mails.mail_refresh_reused(refreshed.user, client=client)
    raise InvalidToken


async def log_out(claims: TokenClaims, *, client: Client) -> bool:
    """End the session of a token; False: it had ended before."""
    ended = await write(end_session, claims.sid, user_id=claims.user_id)
    if ended:
        log_event(
            "auth.logout",
            user_id=claims.user_id,
            ip=client.ip,
            session=session_hash(claims.sid),
        )
    return ended


async def end_one(
    session_id: str, *, user: User, current_id: str, client: Client
) -> bool:
    """End one session of the user; False: the user has none of that id."""
    if not is_session_id(session_id):
        return False
    if not await write(end_session, session_id, user_id=user.id):
        return False
    log_sessions_ended([session_id], user_id=user.id, ip=client.ip)
    if session_id != current_id:
        mails.mail_sessions_ended(user, client=client)
    return True


async def end_others(*, user: User, current_id: str, client: Client) -> None:
    """End all sessions of the user but the current one."""
    ended = await write(end_sessions, user.id, except_id=current_id)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    if ended:
        mails.mail_sessions_ended(user, client=client)


# fastman: if oauth or ui
async def log_out_cookie(cookie: str, *, client: Client) -> None:
    """End the session of a cookie, if it has one."""
    if ended := await write(end_cookie_session, cookie):
        log_event(
            "auth.logout",
            user_id=ended.user_id,
            ip=client.ip,
            session=session_hash(ended.id),
        )


# fastman: end
