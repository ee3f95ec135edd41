// fastman: file oauth or keycloak or passkey and jwt or oauth or passkey
package auth

import (
	"context"
	"fmt"
)

// addedTable is one that a later migration makes.
type addedTable struct {
	version int // of the migration
	name    string
	columns string // each, and what it stores
}

// fastman: if oauth or keycloak
var identities = addedTable{
	version: 2,
	name:    "oauth_accounts",
	columns: `id integer, user_id integer, provider text, subject text, email text, created_at time, last_used_at time`,
}

// fastman: end
// fastman: if passkey
var passkeys = addedTable{
	version: 3,
	name:    "passkey_credentials",
	columns: `id text, user_id integer, public_key text, sign_count integer, transports text, aaguid text,
		backup_eligible boolean, backed_up boolean, device_name text, created_at time, last_used_at time`,
}

// fastman: end
// compareAdded is compareTables for a table that came later.
func compareAdded(ctx context.Context, db conn, table addedTable) error {
	ours, err := columnsOf(ctx, db, versionTable)
	if err != nil {
		return err
	}
	if len(ours) > 0 {
		accepted, err := db.exists(ctx, fmt.Sprintf(`SELECT version_id FROM %s WHERE version_id = $1 AND is_applied`, versionTable), table.version)
		if err != nil || accepted {
			return err
		}
	}
	there, err := columnsOf(ctx, db, table.name)
	if err != nil {
		return err
	}
	return compareColumns(db.dialect, table.name, there, table.columns)
}
