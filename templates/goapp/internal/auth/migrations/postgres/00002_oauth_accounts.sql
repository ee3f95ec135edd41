-- fastman: file oauth or keycloak and jwt or oauth or passkey
-- +goose Up
-- Somebody at a provider, who signs in to this app as the user. A table that is there
-- already was compared before: a FastAPI app has made it.
CREATE TABLE IF NOT EXISTS oauth_accounts (
    id BIGSERIAL NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The name of the provider, or its address where only that says who it is.
    provider TEXT NOT NULL,
    -- What the provider never gives to anybody else.
    subject TEXT NOT NULL,
    email TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_oauth_accounts_provider_subject ON oauth_accounts (provider, subject);
CREATE INDEX IF NOT EXISTS ix_oauth_accounts_user_id ON oauth_accounts (user_id);

-- +goose Down
DROP TABLE oauth_accounts;
