# fastman: file oauth
"""Sign-in with a provider: what gets people in, and what does not."""

import secrets
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.config import config
from app.features.auth.dependencies import CurrentUser
from app.features.auth.models import AuthSession, OAuthAccount, User
from app.features.auth.oauth_calls import get_object
from app.features.auth.oauth_config import PROVIDERS
from app.features.auth.oauth_provider import (
    Endpoints,
    Grant,
    Profile,
    Provider,
    Registration,
    make_profile,
)
from app.features.auth.security import hash_one_time_token

from .conftest import ADA, AnswerCalls, Client, Mailbox

Person = dict[str, Any]


def person(subject: str, email: str | None = ADA, *, owns_it: bool = False) -> Person:
    """What the provider says of somebody."""
    return {
        "subject": subject,
        "email": email,
        "name": subject.title(),
        "avatar_url": f"https://acme.example/{subject}.png",
        "is_authoritative": owns_it,
    }


async def find_endpoints(acme: Provider) -> Endpoints:
    return Endpoints(authorize=f"{acme.url}/authorize", token=f"{acme.url}/token")


async def read_profile(acme: Provider, grant: Grant) -> Profile:
    user = await get_object("user", f"{acme.url}/user", token=grant.access_token)
    return make_profile(**user)


@dataclass
class Acme:
    """What the flow needs of a provider: codes for one use, and PKCE."""

    codes: dict[str, tuple[str, Person]] = field(default_factory=dict)
    tokens: dict[str, Person] = field(default_factory=dict)
    broken: httpx.Response | None = None

    def choose(self, url: str, who: Person) -> dict[str, str]:
        """Return what the callback gets when somebody agrees on the provider's page."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe()
        self.codes[code] = (asked["code_challenge"], who)
        return {"state": asked["state"], "code": code}

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.broken:
            return self.broken
        if request.url.path == "/user":
            token = request.headers["Authorization"].removeprefix("Bearer ")
            return httpx.Response(200, json=self.tokens[token])
        sent = dict(parse_qsl(request.content.decode()))
        challenge, who = self.codes.pop(sent["code"], ("", {}))
        if hash_one_time_token(sent["code_verifier"]) != challenge:
            return httpx.Response(400, json={"error": "invalid_grant"})
        token = secrets.token_urlsafe()
        self.tokens[token] = who
        return httpx.Response(200, json={"access_token": token, "token_type": "Bearer"})


@dataclass
class Browser:
    """Keeps cookies, and says where its requests come from."""

    client: Client
    cookies: dict[str, str] = field(default_factory=dict)

    def send(
        self, endpoint: str, method: str = "GET", **options: Any
    ) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Sec-Fetch-Site": "same-origin"}
        headers |= options.pop("headers", {})
        answer = self.client.send(endpoint, method=method, headers=headers, **options)
        for line in answer.headers.get_list("set-cookie"):
            self._keep(SimpleCookie(line))
        return answer

    def _keep(self, cookies: SimpleCookie) -> None:
        for name, cookie in cookies.items():
            self.cookies[name] = cookie.value
            if cookie["max-age"] == "0":
                del self.cookies[name]

    def start(self, **params: str) -> str:
        answer = self.send("start", path={"provider": "acme"}, params=params)
        assert answer.status_code == 302
        return answer.headers["Location"]

    def come_back(self, given: dict[str, str]) -> httpx.Response:
        return self.send("return_from", path={"provider": "acme"}, params=given)

    def sign_in(self, acme: Acme, who: Person) -> httpx.Response:
        return self.come_back(acme.choose(self.start(), who))

    def link(self, acme: Acme, who: Person) -> httpx.Response:
        answer = self.send("link", method="POST", path={"provider": "acme"})
        assert answer.status_code == 200
        return self.come_back(acme.choose(answer.json()["url"], who))

    def unlink(self) -> httpx.Response:
        return self.send("unlink", method="DELETE", path={"provider": "acme"})


@pytest.fixture
def acme(answer_calls: AnswerCalls, monkeypatch: pytest.MonkeyPatch) -> Acme:
    """A provider of these tests, registered as any other."""
    provider = Provider(
        name="acme",
        url="https://acme.example",
        scope="profile",
        registration=Registration("id", "secret", missing=None),
        find_endpoints=find_endpoints,
        read_profile=read_profile,
    )
    monkeypatch.setitem(PROVIDERS, "acme", provider)
    acme = Acme()
    answer_calls(acme.answer)
    return acme


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)


def count(db: Session, model: type[Any]) -> int | None:
    return db.scalar(select(func.count()).select_from(model))


def detail(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


def test_the_first_sign_in_makes_an_account(browser: Browser, acme: Acme) -> None:
    answer = browser.sign_in(acme, person("ada"))
    assert answer.status_code == 303
    assert answer.headers["Location"] == config.after_login_url
    me = browser.send("me").json()
    assert (me["email"], me["name"], me["is_verified"]) == (ADA, "Ada", True)
    assert me["oauth_provider"] == "acme"
    assert list(browser.cookies) == ["auth_session"]


def test_the_next_one_finds_it_by_its_subject(
    browser: Browser, acme: Acme, db: Session
) -> None:
    browser.sign_in(acme, person("ada"))
    browser.sign_in(acme, person("ada", "new@example.com"))
    assert browser.send("me").json()["email"] == ADA
    assert (count(db, User), count(db, AuthSession)) == (1, 1)


def test_two_at_once_make_one_account(client: Client, acme: Acme, db: Session) -> None:
    browsers = [Browser(client), Browser(client)]
    calls: list[tuple[str, dict[str, Any]]] = []
    for browser in browsers:
        params = acme.choose(browser.start(), person("ada"))
        (cookie,) = browser.cookies.items()
        headers = {"Cookie": "=".join(cookie)}
        path = {"provider": "acme"}
        options = {"method": "GET", "path": path, "params": params, "headers": headers}
        calls.append(("return_from", options))
    assert [answer.status_code for answer in client.send_all(calls)] == [303, 303]
    assert (count(db, User), count(db, OAuthAccount)) == (1, 1)


def test_a_callback_is_good_once_and_in_one_browser(
    client: Client, browser: Browser, acme: Acme
) -> None:
    given = acme.choose(browser.start(), person("ada"))
    invalid = (400, "Invalid or expired state")
    assert detail(Browser(client).come_back(given)) == invalid
    kept = dict(browser.cookies)
    assert browser.come_back(given).status_code == 303
    browser.cookies |= kept
    assert detail(browser.come_back(given)) == invalid


def test_a_code_from_elsewhere_is_refused(
    client: Client, browser: Browser, acme: Acme
) -> None:
    stolen = acme.choose(Browser(client).start(), person("eve"))["code"]
    given = acme.choose(browser.start(), person("ada")) | {"code": stolen}
    answer = browser.come_back(given)
    assert detail(answer) == (502, "The provider refused the sign-in")
    assert browser.send("me").status_code == 401


def test_an_address_that_is_not_verified_makes_no_account(
    browser: Browser, acme: Acme, db: Session
) -> None:
    assert browser.sign_in(acme, person("ada", email=None)).status_code == 403
    assert count(db, User) == 0


def test_an_account_is_not_entered_by_its_address(
    client: Client, browser: Browser, acme: Acme, token: str, db: Session
) -> None:
    db.execute(update(User).values(email_verified_at=utc_now()))
    db.commit()
    assert browser.sign_in(acme, person("eve")).status_code == 409
    assert browser.sign_in(acme, person("ada", owns_it=True)).status_code == 303
    # The provider has given the address to somebody else since.
    assert browser.sign_in(acme, person("heir", owns_it=True)).status_code == 409
    assert client.me(token).status_code == 200


def test_who_proves_an_address_takes_the_account_over(
    client: Client, browser: Browser, acme: Acme, token: str, mailbox: Mailbox
) -> None:
    assert browser.sign_in(acme, person("ada")).status_code == 303
    assert client.me(token).status_code == 401
    assert browser.send("me").json()["is_verified"] is True
    assert mailbox.subjects() == ["your address was confirmed"]


def test_a_disabled_account_stays_shut(
    browser: Browser, acme: Acme, db: Session
) -> None:
    browser.sign_in(acme, person("ada"))
    db.execute(update(User).values(is_active=False))
    db.commit()
    assert detail(browser.sign_in(acme, person("ada"))) == (
        403,
        "This account is not active",
    )


def test_a_further_identity_is_linked_and_unlinked(
    client: Client, acme: Acme, mailbox: Mailbox
) -> None:
    browser = Browser(client)
    browser.sign_in(acme, person("ada"))
    assert browser.link(acme, person("ada-at-work", "ada@work.example")).is_redirect
    listed = browser.send("providers").json()
    assert [one["email"] for one in listed] == [ADA, "ada@work.example"]
    other = Browser(client)
    other.sign_in(acme, person("ada-at-work", "ada@work.example"))
    assert other.send("me").json()["email"] == ADA
    assert mailbox.subjects() == ["a way to sign in was added"]


def test_the_identity_of_another_user_is_not_linked(
    client: Client, browser: Browser, acme: Acme
) -> None:
    Browser(client).sign_in(acme, person("eve", "eve@example.com"))
    browser.sign_in(acme, person("ada"))
    answer = browser.link(acme, person("eve", "eve@example.com"))
    assert detail(answer) == (409, "This identity belongs to another account")


def test_the_last_way_in_stays(browser: Browser, acme: Acme, db: Session) -> None:
    browser.sign_in(acme, person("ada"))
    assert detail(browser.unlink()) == (409, "This is the last way to sign in")
    assert count(db, OAuthAccount) == 1


def test_linking_needs_a_recent_login(
    browser: Browser, acme: Acme, db: Session
) -> None:
    browser.sign_in(acme, person("ada"))
    db.execute(update(AuthSession).values(authenticated_at=utc_now(-601)))
    db.commit()
    for method, endpoint in (("POST", "link"), ("DELETE", "unlink")):
        answer = browser.send(endpoint, method=method, path={"provider": "acme"})
        assert detail(answer) == (403, "reauth_required")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.com"}, 204),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_sites_cannot_use_the_cookie(
    browser: Browser, acme: Acme, headers: dict[str, str], status: int
) -> None:
    @browser.client.app.post("/erase", status_code=204)
    def erase(user: CurrentUser) -> None: ...

    browser.sign_in(acme, person("ada"))
    assert browser.send("erase", method="POST", headers=headers).status_code == status


def test_an_app_takes_the_sign_in_over(
    client: Client, browser: Browser, acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "app_redirects", ("com.example.app:/callback",))
    verifier = secrets.token_urlsafe(32)
    challenge = hash_one_time_token(verifier)
    url = browser.start(
        app_redirect="com.example.app:/callback", code_challenge=challenge
    )
    answer = browser.come_back(acme.choose(url, person("ada")))
    address, _, query = answer.headers["Location"].partition("?")
    assert (address, browser.cookies) == ("com.example.app:/callback", {})
    fields = {"code": dict(parse_qsl(query))["code"], "code_verifier": verifier}
    tokens = client.send("redeem", json=fields).json()
    assert client.me(tokens["access_token"]).json()["email"] == ADA
    assert client.send("redeem", json=fields).status_code == 400


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/%5cevil.example", "/a%0d%0ab"]
)
def test_next_leads_nowhere_else(browser: Browser, acme: Acme, path: str) -> None:
    answer = browser.send("start", path={"provider": "acme"}, params={"next": path})
    assert detail(answer) == (400, "Invalid next")


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "http://10.0.0.1/"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, content=b"x" * 2_000_000),
    ],
    ids=["500", "redirect", "html", "2 MB"],
)
def test_a_provider_that_answers_garbage_is_502(
    browser: Browser, acme: Acme, broken: httpx.Response
) -> None:
    acme.broken = broken
    answer = browser.sign_in(acme, person("ada"))
    assert detail(answer) == (502, "The provider did not answer as expected")


def test_signing_out_needs_a_step_of_ones_own(browser: Browser, acme: Acme) -> None:
    browser.sign_in(acme, person("ada"))
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    page = browser.send("sign_out", headers=elsewhere)
    assert (page.status_code, "<button>" in page.text) == (200, True)
    assert browser.send("me").status_code == 200
    answer = browser.send("logout", method="POST", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.send("me").status_code == 401
