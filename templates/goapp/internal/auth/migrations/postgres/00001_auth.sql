-- fastman: file jwt or oauth or passkey
-- +goose Up
-- Tables that are there already were compared before: a FastAPI app has made them.
CREATE TABLE IF NOT EXISTS users (
    id BIGSERIAL NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    -- The case fold of the NFC form: what makes two spellings the same address.
    email_key TEXT NOT NULL,
    username TEXT,
    username_key TEXT,
    hashed_password TEXT,
    name TEXT,
    avatar_url TEXT,
    oauth_provider TEXT,
    webauthn_handle TEXT,
    is_active BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    email_verified_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_users_email_key ON users (email_key);
CREATE UNIQUE INDEX IF NOT EXISTS ix_users_username_key ON users (username_key);
CREATE UNIQUE INDEX IF NOT EXISTS ix_users_webauthn_handle ON users (webauthn_handle);

-- One sign-in. Deleting the row ends it, for every token that names it.
CREATE TABLE IF NOT EXISTS auth_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    salt TEXT NOT NULL,
    refresh_counter INTEGER NOT NULL,
    refreshed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    cookie_hash TEXT,
    ip TEXT,
    user_agent TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    authenticated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    -- The end of a session that is not refreshed; each refresh moves it.
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_auth_sessions_user_id ON auth_sessions (user_id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_auth_sessions_cookie_hash ON auth_sessions (cookie_hash);
CREATE INDEX IF NOT EXISTS ix_auth_sessions_expires_at ON auth_sessions (expires_at);

-- Mailed one-time tokens: only the hash, and one of each purpose for a user.
CREATE TABLE IF NOT EXISTS auth_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email_key TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_auth_tokens_user_id_purpose ON auth_tokens (user_id, purpose);
CREATE INDEX IF NOT EXISTS ix_auth_tokens_expires_at ON auth_tokens (expires_at);

-- Attempts counted under one key within one window of time.
CREATE TABLE IF NOT EXISTS auth_throttle (
    key TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    window_start TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_auth_throttle_expires_at ON auth_throttle (expires_at);

-- A ceremony under way: its options, bound to a user, an address or a browser.
CREATE TABLE IF NOT EXISTS auth_challenges (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    email_key TEXT,
    data TEXT NOT NULL,
    browser_hash TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_auth_challenges_expires_at ON auth_challenges (expires_at);

-- +goose Down
DROP TABLE auth_challenges;
DROP TABLE auth_throttle;
DROP TABLE auth_tokens;
DROP TABLE auth_sessions;
DROP TABLE users;
