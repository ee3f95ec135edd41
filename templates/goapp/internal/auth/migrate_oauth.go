// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

import (
	"context"
	"fmt"
)

const (
	identitiesVersion = 2 // of the migration that makes the table
	identitiesColumns = `id integer, user_id integer, provider text, subject text, email text, created_at time, last_used_at time`
)

// compareIdentities is compareTables for the table of identities.
func compareIdentities(ctx context.Context, db conn) error {
	ours, err := columnsOf(ctx, db, versionTable)
	if err != nil {
		return err
	}
	if len(ours) > 0 {
		accepted, err := db.exists(ctx, fmt.Sprintf(`SELECT version_id FROM %s WHERE version_id = $1 AND is_applied`, versionTable), identitiesVersion)
		if err != nil || accepted {
			return err
		}
	}
	there, err := columnsOf(ctx, db, "oauth_accounts")
	if err != nil {
		return err
	}
	return compareColumns(db.dialect, "oauth_accounts", there, identitiesColumns)
}
