# fastman: file oauth or keycloak and jwt or oauth or passkey
"""Providers by what rows of accounts hold: a name, or an issuer's address."""

from app.core.keycloak_tokens import keycloak_issuer

from .oauth_config import PROVIDERS


def provider_name(key: str) -> str:
    # fastman: if keycloak
    if key == keycloak_issuer():
        return "keycloak"
    # fastman: end
    # fastman: if oidc
    if "://" in key:
        return "oidc"
    # fastman: end
    return key


def served_keys() -> list[str]:
    """List whose accounts open one here."""
    return [
        # fastman: if oauth
        *(provider.key for provider in PROVIDERS.values()),
        # fastman: end
        # fastman: if keycloak
        *filter(None, [keycloak_issuer()]),
        # fastman: end
    ]
