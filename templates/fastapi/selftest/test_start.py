"""Settings that are not safe keep the app from starting."""

import pytest

from .conftest import run

GOOD_KEY = "a-test-key-of-the-template-0123456789"
URL = "https://app.example.com"


def start(**settings: str) -> tuple[int, str]:
    # An empty value stands for an absent one: a .env file beside us must not fill in.
    settings = {"SECRET_KEY": GOOD_KEY, "ENVIRONMENT": "production", **settings}
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
    assert start(AUTH_MAIL_URL="file:mails", AUTH_PUBLIC_URL=URL, **settings) == (0, "")
