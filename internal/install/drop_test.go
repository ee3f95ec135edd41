package install_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/install"
	"fastman/internal/testbed"
)

// The tables go only after the phrase was typed, and only while nothing of the user's
// stands upon them; then the project is as it was before.
func TestDropTables(t *testing.T) {
	dir := unpack(t, "root_sync")
	sql := func(text string) string {
		cmd := exec.Command(testbed.Venv(t)+"/python", "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute(sys.argv[2]).fetchall()); c.commit()", database(t, dir), text)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	before := readTree(t, dir)
	o := jwt(dir)
	mustInstall(t, o)
	remove := func(typed string) (*install.Report, error) {
		common := o.Common
		common.Yes, common.Typed = true, func(string) string { return typed }
		return install.RemoveAuth(context.Background(), install.RemoveOptions{Common: common, All: true, DropTables: true})
	}
	installed := readTree(t, dir)
	refused := func(typed, because string) {
		t.Helper()
		_, err := remove(typed)
		if err == nil || !strings.Contains(err.Error(), because) {
			t.Fatalf("not refused because of %q: %v", because, err)
		}
		for file, text := range readTree(t, dir) {
			if installed[file] != text && !strings.Contains(file, ".db") {
				t.Errorf("%s was changed", file)
			}
		}
		if !strings.Contains(sql("SELECT name FROM sqlite_master"), "'auth_sessions'") {
			t.Error("tables were dropped")
		}
	}
	refused("yes", "not confirmed")
	sql("CREATE TABLE orders (id INTEGER, owner BIGINT REFERENCES users (id))")
	refused("drop tables", "tables of your own refer to the users: orders")
	sql("DROP TABLE orders")

	report, err := remove("drop tables")
	if err != nil || report.Status != install.StatusDone {
		t.Fatalf("%+v %v", report, err)
	}
	after := readTree(t, dir)
	for file, text := range after {
		if before[file] != text {
			t.Errorf("%s is another, or was not there", file)
		}
	}
	for file := range before {
		if _, there := after[file]; !there {
			t.Errorf("%s is gone", file)
		}
	}
}

// database is the file of SQLite in a project.
func database(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(found) != 1 {
		entries, _ := os.ReadDir(dir)
		t.Fatalf("databases: %v of %v", found, entries)
	}
	return found[0]
}
