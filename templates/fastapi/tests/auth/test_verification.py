# fastman: file jwt or oauth or passkey
"""Who owns an address: only who has opened a link that was mailed there."""

from .conftest import ADA, PASSWORD, Client, Mailbox


def request_link(client: Client, token: str, mailbox: Mailbox) -> str:
    answer = client.send_as(token, "request_verification")
    assert (answer.status_code, answer.json()) == (202, {})
    return mailbox.newest_token()


def is_verified(client: Client, token: str) -> bool:
    return client.me(token).json()["is_verified"] is True


def test_with_the_session_that_asked(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    other = client.enter(ADA)["access_token"]
    fields = {"token": request_link(client, token, mailbox)}
    assert not is_verified(client, token)
    assert client.send_as(token, "verify", json=fields).status_code == 204
    assert is_verified(client, token)
    # Until now anybody could have made the account, and signed in to it.
    assert client.me(other).status_code == 401
    assert client.send_as(token, "verify", json=fields).status_code == 400
    assert mailbox.subjects()[-1] == "your address was confirmed"


def test_the_session_of_another_user_proves_nothing(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    fields = {"token": request_link(client, token, mailbox)}
    eve = client.enter("eve@example.com")["access_token"]
    assert client.send_as(eve, "verify", json=fields).status_code == 400
    assert client.send("verify", json=fields).status_code == 401
    assert client.send_as(token, "verify", json=fields).status_code == 204


def test_who_is_verified_gets_no_further_link(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    fields = {"token": request_link(client, token, mailbox)}
    client.send_as(token, "verify", json=fields)
    assert client.send_as(token, "request_verification").status_code == 202
    assert len(mailbox.subjects()) == 1


# fastman: if jwt
def test_with_the_password_instead_of_a_session(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    link = request_link(client, token, mailbox)
    wrong = {"token": link, "password": "not the password"}
    assert client.send("verify", json=wrong).status_code == 401
    right = {"token": link, "password": PASSWORD}
    assert client.send("verify", json=right).status_code == 204
    assert client.me(token).status_code == 401
    assert is_verified(client, client.log_in("ada").json()["access_token"])


# fastman: end
