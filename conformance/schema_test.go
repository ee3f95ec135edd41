package conformance_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/testbed"
)

// What a table is made of, as each database tells it: columns, indexes, constraints.
var schemaQueries = map[string][]string{
	"sqlite": {
		`SELECT m.name, 'column', c.cid, c.name, c.type, c."notnull", coalesce(c.dflt_value, ''), c.pk
			FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`,
		`SELECT m.name, 'index', i.name, i."unique", i.origin, i.partial, c.seqno, c.name
			FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c WHERE m.type = 'table'`,
		`SELECT m.name, 'reference', f."from", f."table", f."to", f.on_delete, f.on_update, ''
			FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
		`SELECT name, 'numbered', sql LIKE '%AUTOINCREMENT%', '', '', '', '', '' FROM sqlite_master WHERE type = 'table'`,
	},
	"pgx": {
		`SELECT table_name, 'column', ordinal_position, column_name, data_type, is_nullable, coalesce(column_default, ''), ''
			FROM information_schema.columns WHERE table_schema = 'public'`,
		`SELECT tablename, 'index', indexname, indexdef, '', '', '', '' FROM pg_indexes WHERE schemaname = 'public'`,
		`SELECT conrelid::regclass::text, 'constraint', conname, pg_get_constraintdef(oid), '', '', '', ''
			FROM pg_constraint WHERE connamespace = 'public'::regnamespace`,
		`SELECT relname, 'sequence', 0, '', '', '', '', '' FROM pg_class WHERE relkind = 'S'`,
	},
}

// schema describes every table but those in which each stack keeps its version.
func schema(t *testing.T, driver string, db *sql.DB) []string {
	t.Helper()
	var all []string
	for _, query := range schemaQueries[driver] {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var of [8]string
			if err := rows.Scan(&of[0], &of[1], &of[2], &of[3], &of[4], &of[5], &of[6], &of[7]); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains([]string{"alembic_version", "auth_goose_version", "auth_goose_version_id_seq"}, of[0]) {
				all = append(all, strings.Join(of[:], " | "))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// Both stacks make the same tables, and each is content with what the other has made.
func TestStacksMakeTheSameTables(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		dir := filepath.ToSlash(t.TempDir())
		sameTables(t, "sqlite", [2]string{"sqlite:///" + dir + "/first.db", "sqlite:///" + dir + "/second.db"},
			[2]*sql.DB{open(t, "sqlite", "file:"+dir+"/first.db"), open(t, "sqlite", "file:"+dir+"/second.db")})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := testbed.StartPostgres(t)
		urls := [2]string{server.NewDatabase(t), server.NewDatabase(t)}
		sameTables(t, "pgx", urls, [2]*sql.DB{open(t, "pgx", urls[0]), open(t, "pgx", urls[1])})
	})
}

func sameTables(t *testing.T, driver string, urls [2]string, dbs [2]*sql.DB) {
	python := template(t, urls[0])
	binary := goTemplate(t, urls[1])
	binary.migrate(t)
	want := schema(t, driver, dbs[0])
	if len(want) < 40 {
		t.Fatalf("Alembic makes only %d columns, indexes and constraints", len(want))
	}
	wantSchema(t, "Go's migrations alone", want, schema(t, driver, dbs[1]))
	binary.env["DATABASE_URL"] = urls[0]
	binary.migrate(t)
	wantSchema(t, "Go's migrations after Alembic's", want, schema(t, driver, dbs[0]))
	python.env["DATABASE_URL"] = urls[1]
	testbed.Migrate(t, python.Dir, filepath.Join(testbed.Venv(t), "python"), python.env)
	wantSchema(t, "Alembic's migrations after Go's", want, schema(t, driver, dbs[1]))
}

// migrate starts the app once.
func (p project) migrate(t *testing.T) {
	t.Helper()
	server, err := p.Start(context.Background(), p.env)
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
}

func wantSchema(t *testing.T, what string, want, have []string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(have, line) {
			t.Errorf("%s lack %s", what, line)
		}
	}
	for _, line := range have {
		if !slices.Contains(want, line) {
			t.Errorf("%s have besides %s", what, line)
		}
	}
}
