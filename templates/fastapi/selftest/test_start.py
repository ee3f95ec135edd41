"""Settings that are not safe keep the app from starting."""

import pytest

from .conftest import run

GOOD_KEY = "a-test-key-of-the-template-0123456789"
URL = "https://app.example.com"
REGISTERED = {
    f"OAUTH_{provider}CLIENT_{field}": "x"
    for provider in ("", "GITHUB_", "DISCORD_", "OIDC_")
    for field in ("ID", "SECRET")
} | {"OAUTH_OIDC_ISSUER": "https://id.example.com"}
KEYCLOAK = {
    "KEYCLOAK_URL": "https://id.example.com/auth/",
    "KEYCLOAK_REALM": "staff",
    "KEYCLOAK_CLIENT_ID": "shop",
}
PASSKEYS = {
    "PASSKEY_RP_ID": "example.com",
    "PASSKEY_ORIGIN": f"{URL}, android:apk-key-hash:Zm9v,ios:bundle-id:com.example.app",
}


def start(**settings: str) -> tuple[int, str]:
    # An empty value stands for an absent one: a .env file beside us must not fill in.
    settings = {
        "SECRET_KEY": GOOD_KEY,
        "ENVIRONMENT": "production",
        "AUTH_PUBLIC_URL": URL,
        **REGISTERED,
        **PASSKEYS,
        **KEYCLOAK,
        **settings,
    }
    result = run("-W", "error", "-c", "import app.main", **settings)
    return result.returncode, result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "x" * 31),
        ("SECRET_KEY", "your-secret-key-here-0123456789-0123456789"),
        ("SECRET_KEY", "CHANGEME" * 5),
        ("SECRET_KEY_PREVIOUS", f"{GOOD_KEY},short"),
        ("SECRET_KEY_PREVIOUS", "placeholder" * 4),
    ],
)
def test_a_bad_key_is_refused_without_being_shown(name: str, value: str) -> None:
    code, output = start(**{name: value})
    assert code == 1
    assert f"RuntimeError: {name} " in output
    assert "run: fastman generate:key" in output
    assert not value or value not in output


@pytest.mark.parametrize("environment", ["production", "", "staging"])
def test_cheap_hashes_are_refused_in_production(environment: str) -> None:
    code, output = start(BCRYPT_ROUNDS="9", ENVIRONMENT=environment)
    assert code == 1
    assert "BCRYPT_ROUNDS" in output


@pytest.mark.parametrize("rounds", ["3", "32"])
def test_rounds_that_bcrypt_lacks_are_refused(rounds: str) -> None:
    assert start(BCRYPT_ROUNDS=rounds, ENVIRONMENT="test")[0] == 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"SECRET_KEY": "x" * 32},
        {"SECRET_KEY": "\u00e9" * 16},
        {"SECRET_KEY_PREVIOUS": f"{GOOD_KEY}, {GOOD_KEY[::-1]},"},
        {"BCRYPT_ROUNDS": "4", "ENVIRONMENT": "development"},
    ],
)
def test_safe_settings_start_without_a_warning(settings: dict[str, str]) -> None:
    assert start(AUTH_MAIL_URL="file:mails", **settings) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("AUTH_PUBLIC_URL", "", "is not set, and sign-in with a provider needs it"),
        ("OAUTH_GITHUB_URL", "http://github.example.com", "is not https"),
        ("OAUTH_OIDC_ISSUER", "id.example.com", "is not an address"),
        ("OAUTH_LINK_BY_EMAIL", "always", "is neither authoritative nor verified"),
        ("AUTH_TRUSTED_ORIGINS", "https://a.example/b", "is not an origin"),
    ],
)
def test_unsafe_sign_in_with_providers_is_refused(
    name: str, value: str, problem: str
) -> None:
    code, output = start(**{name: value})
    assert code == 1
    assert name in output
    assert problem in output


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PASSKEY_ORIGIN", "app.example.com", "is not a list of origins"),
        ("PASSKEY_ORIGIN", f"{URL}/sign-in", "is not a list of origins"),
        ("PASSKEY_ORIGIN", f"{URL},android:app", "is not a list of origins"),
        ("PASSKEY_ORIGIN", "https://badexample.com", "does not belong to"),
        ("PASSKEY_RP_ID", "www.example.com", "PASSKEY_ORIGIN does not belong to"),
        ("PASSKEY_SESSION_EXPIRE_MINUTES", "0", "is not between 1 and 1440"),
        ("PASSKEY_EMAIL_RECOVERY", "perhaps", "PASSKEY_EMAIL_RECOVERY"),
    ],
)
def test_passkeys_that_nobody_could_use_are_refused(
    name: str, value: str, problem: str
) -> None:
    code, output = start(**{name: value})
    assert code == 1
    assert name in output
    assert problem in output


def test_passkeys_for_this_machine_alone_are_told_and_start() -> None:
    code, output = start(
        PASSKEY_RP_ID="localhost",
        PASSKEY_ORIGIN="http://localhost:8000/",
        AUTH_MAIL_URL="file:mails",
    )
    assert code == 0
    assert "PASSKEY_RP_ID is localhost" in output
    assert "PASSKEY_ORIGIN has an http address" in output


@pytest.mark.parametrize("value", ["", "your-client-id"])
def test_a_placeholder_is_told_and_starts(value: str) -> None:
    code, output = start(OAUTH_CLIENT_ID=value, AUTH_MAIL_URL="file:mails")
    assert code == 0
    assert "OAUTH_CLIENT_ID is not set: nobody can sign in with google" in output


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("KEYCLOAK_URL", "http://id.example.com", "is not https"),
        ("KEYCLOAK_URL", "id.example.com", "is not an address"),
        ("KEYCLOAK_URL", "https://id.example.com/?a=b", "is not an address"),
        ("KEYCLOAK_CA_FILE", "/nowhere/ca.pem", "holds no certificate"),
        ("KEYCLOAK_CA_FILE", __file__, "holds no certificate"),
    ],
)
def test_an_unsafe_keycloak_is_refused(name: str, value: str, problem: str) -> None:
    code, output = start(**{name: value})
    assert code == 1
    assert f"RuntimeError: {name} {problem}" in output


def test_keycloak_that_is_not_set_is_told_and_starts() -> None:
    code, output = start(
        KEYCLOAK_URL="https://keycloak.example.com",
        KEYCLOAK_REALM="",
        AUTH_MAIL_URL="file:mails",
    )
    assert code == 0
    assert (
        "KEYCLOAK_URL, KEYCLOAK_REALM are not set: nobody can sign in with Keycloak"
        in output
    )
