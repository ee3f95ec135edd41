"""Settings of the app: the environment first, then the .env file."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=Path(__file__).resolve().parents[2] / ".env",
        env_file_encoding="utf-8",
        extra="ignore",
        hide_input_in_errors=True,
    )

    # development, test or production; anything else counts as production.
    ENVIRONMENT: str = "production"
    # fastman: if jwt or oauth or passkey
    # A relative SQLite path starts at the project root.
    DATABASE_URL: str = "sqlite:///./app.db"
    # Signs tokens: at least 32 random bytes, from `fastman generate:key`.
    SECRET_KEY: SecretStr | None = None
    # Former keys, separated by commas: they verify tokens and sign none.
    SECRET_KEY_PREVIOUS: SecretStr | None = None
    # `iss` and `aud` of every token.
    AUTH_ISSUER: str = "fastman:app"
    ACCESS_TOKEN_EXPIRE_MINUTES: int = 30
    # A session ends after this many days without a refresh ...
    REFRESH_TOKEN_EXPIRE_DAYS: int = 30
    # ... and in any case this many days after it began.
    SESSION_MAX_DAYS: int = 90
    # Where people open this app: what every link that leaves it begins with.
    AUTH_PUBLIC_URL: str = ""
    # smtp://user:password@host:587?from=app@example.com, smtps://... or file:DIR.
    # Without it mails go to the log in development, and nowhere else.
    AUTH_MAIL_URL: SecretStr | None = None
    # Addresses or networks, with commas, of proxies whose X-Forwarded-For is believed.
    AUTH_TRUSTED_PROXIES: str = ""
    # fastman: end
    # fastman: if jwt
    # Counted in Unicode characters.
    PASSWORD_MIN_LENGTH: int = 8
    # Doubles the work of a hash with each step; at least 10 in production.
    BCRYPT_ROUNDS: int = 12
    # Whether signing up may tell that an address has an account; false: it is mailed.
    AUTH_REVEAL_REGISTERED: bool = True
    # fastman: end
    # fastman: if oauth
    # What the first provider gave out when this app was registered there.
    OAUTH_CLIENT_ID: str = ""
    OAUTH_CLIENT_SECRET: SecretStr | None = None
    # Whose addresses are believed when an account has them already: authoritative,
    # who runs the mailbox itself; verified, whoever says that it was verified.
    OAUTH_LINK_BY_EMAIL: str = "authoritative"
    # Where a browser goes after it signed in, if /login was not told.
    AUTH_AFTER_LOGIN_URL: str = "/auth/me"
    # Addresses, with commas, at which native apps may take a sign-in over.
    AUTH_APP_REDIRECTS: str = ""
    # fastman: end
    # fastman: if oauth or ui
    # Origins, with commas, of other sites whose pages may use the session cookie.
    AUTH_TRUSTED_ORIGINS: str = ""
    # fastman: end
    # fastman: if passkey
    # The domain that passkeys belong to; those of another one do not work here.
    PASSKEY_RP_ID: str = "localhost"
    # What people see when they make a passkey; the app's name if it is empty.
    PASSKEY_RP_NAME: str = ""
    # Origins, with commas, of the pages and apps that may use them.
    PASSKEY_ORIGIN: str = "http://localhost:8000"
    # Of an access token after a sign-in with a passkey.
    PASSKEY_SESSION_EXPIRE_MINUTES: int = 60
    # Whether a mailed link lets somebody in who has lost all passkeys.
    PASSKEY_EMAIL_RECOVERY: bool = False
    # fastman: end
    # fastman: if keycloak
    # Where Keycloak is, as it calls itself in its tokens.
    KEYCLOAK_URL: str = ""
    KEYCLOAK_REALM: str = ""
    # Tokens count that have this client in their audience.
    KEYCLOAK_CLIENT_ID: str = ""
    # Not needed to verify tokens: for calls of your own.
    KEYCLOAK_CLIENT_SECRET: SecretStr | None = None
    # A file of certificates in PEM, of an authority that only you trust.
    KEYCLOAK_CA_FILE: str = ""
    # fastman: end
    # fastman: if google
    OAUTH_GOOGLE_CLIENT_ID: str = ""
    OAUTH_GOOGLE_CLIENT_SECRET: SecretStr | None = None
    # Instead of https://accounts.google.com: a stand-in, for tests.
    OAUTH_GOOGLE_URL: str = ""
    # fastman: end
    # fastman: if github
    OAUTH_GITHUB_CLIENT_ID: str = ""
    OAUTH_GITHUB_CLIENT_SECRET: SecretStr | None = None
    # Instead of https://github.com: a GitHub Enterprise Server.
    OAUTH_GITHUB_URL: str = ""
    # fastman: end
    # fastman: if discord
    OAUTH_DISCORD_CLIENT_ID: str = ""
    OAUTH_DISCORD_CLIENT_SECRET: SecretStr | None = None
    # Instead of https://discord.com: a stand-in, for tests.
    OAUTH_DISCORD_URL: str = ""
    # fastman: end
    # fastman: if oidc
    OAUTH_OIDC_CLIENT_ID: str = ""
    OAUTH_OIDC_CLIENT_SECRET: SecretStr | None = None
    # The OpenID provider, letter by letter as it calls itself.
    OAUTH_OIDC_ISSUER: str = ""
    # fastman: end


settings = Settings()
