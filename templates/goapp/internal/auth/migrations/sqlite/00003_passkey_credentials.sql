-- fastman: file passkey
-- +goose Up
-- A key that a device of the user keeps. A table that is there already was compared
-- before: a FastAPI app has made it.
CREATE TABLE IF NOT EXISTS passkey_credentials (
    -- The credential id and the COSE key, in base64url.
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    public_key TEXT NOT NULL,
    -- What the device last counted; a copy of its key falls behind.
    sign_count BIGINT NOT NULL,
    -- A JSON array, of how browsers reach the device.
    transports TEXT NOT NULL,
    -- The make of the device.
    aaguid TEXT NOT NULL,
    backup_eligible BOOLEAN NOT NULL,
    backed_up BOOLEAN NOT NULL,
    device_name TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    last_used_at DATETIME
);
CREATE INDEX IF NOT EXISTS ix_passkey_credentials_user_id ON passkey_credentials (user_id);

-- +goose Down
DROP TABLE passkey_credentials;
