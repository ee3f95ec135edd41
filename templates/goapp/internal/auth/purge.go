// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"fmt"
	"time"
)

const (
	purgeEvery      = time.Minute
	purgeBatch      = 500 // rows: a short lock, whatever has piled up
	purgeBatchesMax = 20
)

// expiring are the tables whose rows end by themselves, and their primary keys.
var expiring = map[string]string{"auth_sessions": "id", "auth_tokens": "token_hash", "auth_throttle": "key", "auth_challenges": "id"}

// purgeSoon has expired rows deleted in the background, at most once a minute.
func (a *Auth) purgeSoon() {
	last, now := a.purged.Load(), int64(time.Since(a.started))
	if (last == 0 || now-last >= int64(purgeEvery)) && a.purged.CompareAndSwap(last, now) {
		a.jobs.submit(a.purge)
	}
}

func (a *Auth) purge(ctx context.Context) {
	for table, key := range expiring {
		for range purgeBatchesMax {
			deleted, err := a.store.purge(ctx, table, key)
			if err != nil {
				a.logFailure(ctx, err)
			}
			if deleted < purgeBatch {
				break
			}
		}
	}
}

// purge deletes one batch. Replicas that do so at the same time leave each other's
// rows alone.
func (s *store) purge(ctx context.Context, table, key string) (deleted int, err error) {
	err = s.write(ctx, func(ctx context.Context, db conn) error {
		gone, err := db.texts(ctx, fmt.Sprintf(`DELETE FROM %[1]s WHERE %[2]s IN (SELECT %[2]s FROM %[1]s
			WHERE expires_at <= clock_timestamp() LIMIT %[3]d FOR UPDATE SKIP LOCKED) RETURNING %[2]s`, table, key, purgeBatch))
		deleted = len(gone)
		return err
	})
	return deleted, err
}
