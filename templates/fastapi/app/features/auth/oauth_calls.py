# fastman: file oauth
"""Calls to providers: bounded in time, size and number, whatever comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from anyio import fail_after

from .http import parse_json
from .oauth_failed import OAuthFailed

_DEADLINE = 10  # seconds for all that one request asks of a provider
_BODY_MAX_BYTES = 1024 * 1024
_CALLERS_MAX = 16  # requests of this process that wait for providers at once

# Made once: it reads all the certificates that are trusted.
_TLS = httpx.create_ssl_context()

_callers = 0


@contextmanager
def caller_place() -> Iterator[None]:
    """Hold one of the places of those who wait for providers, or refuse."""
    global _callers
    if _callers == _CALLERS_MAX:
        raise OAuthFailed("busy")
    _callers += 1
    try:
        yield
    finally:
        _callers -= 1


@contextmanager
def deadline() -> Iterator[None]:
    """Bound all the calls within by one time."""
    try:
        with fail_after(_DEADLINE):
            yield
    except TimeoutError:
        raise OAuthFailed("unavailable", "timeout") from None


@dataclass(frozen=True)
class Answer:
    what: str  # was called
    status: int
    content_type: str
    body: bytes

    def unusable(self, problem: str) -> OAuthFailed:
        return _unavailable(self.what, problem)


def new_http() -> httpx.AsyncClient:
    # Nothing is followed: a redirect could lead to an address inside.
    return httpx.AsyncClient(
        verify=_TLS,
        timeout=_DEADLINE,
        follow_redirects=False,
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


async def call(
    what: str,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    content: str | None = None,
) -> Answer:
    """Return a provider's answer, or raise OAuthFailed when there is none to use.

    What was called is for the log.
    """
    try:
        async with (
            new_http() as http,
            http.stream(method, url, headers=headers, content=content) as response,
        ):
            return Answer(
                what,
                status=response.status_code,
                content_type=response.headers.get("content-type", "").split(";")[0],
                body=await _read_bounded(what, response),
            )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(what, type(error).__name__) from None


def _unavailable(what: str, problem: str) -> OAuthFailed:
    return OAuthFailed("unavailable", f"{what}: {problem}")


async def _read_bounded(what: str, response: httpx.Response) -> bytes:
    # A compressed body, which nobody asked for, could be of any size.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _unavailable(what, "compressed")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _BODY_MAX_BYTES:
            raise _unavailable(what, "over 1 MiB")
    return bytes(body)


async def get_json(what: str, url: str, *, token: str | None = None) -> Any:
    """Return the JSON at an address, which a token of its owner may open."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    answer = await call(what, "GET", url, headers=headers)
    if answer.status != 200:
        raise answer.unusable(f"status {answer.status}")
    return read_json(answer)


async def get_object(
    what: str, url: str, *, token: str | None = None
) -> dict[str, Any]:
    value = await get_json(what, url, token=token)
    if not isinstance(value, dict):
        raise _unavailable(what, "not a JSON object")
    return value


def read_json(answer: Answer) -> Any:
    try:
        return parse_json(answer.body)
    except ValueError:
        raise answer.unusable("not JSON") from None
