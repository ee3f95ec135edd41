package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/verify"
)

// A project on PostgreSQL is judged on PostgreSQL, on one that is started for it, and what
// it holds of its own is not asked.
func TestProjectOnPostgresHolds(t *testing.T) {
	for _, stack := range []string{"fastapi", "go"} {
		t.Run(stack, func(t *testing.T) {
			dir := newProject(t, stack)
			onDatabase(t, dir, "postgresql://nobody:nothing@192.0.2.1:5432/mine")
			report := judged(t, dir, os.Getenv("TEST_ONLY"))
			for _, c := range report.Cases {
				if c.Outcome == verify.Failed || c.Outcome == verify.NotJudged {
					t.Errorf("%s: %s", c.Name, c.Detail)
				}
			}
			t.Logf("%s %+v %.0f s", report.Database, report.Counts, report.Seconds)
		})
	}
}

// onDatabase lets the project's env file name another database.
func onDatabase(t *testing.T, dir, url string) {
	t.Helper()
	env := filepath.Join(dir, ".env")
	src, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, env, []byte(strings.Replace(string(src), "sqlite:///./app.db", url, 1)))
}
