package testbed

import (
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// A test gets a database of its own on a real server.
func TestPostgresAnswers(t *testing.T) {
	server := StartPostgres(t)
	first, second := server.NewDatabase(t), server.NewDatabase(t)
	if first == second {
		t.Fatalf("two databases are both %s", first)
	}
	db, err := sql.Open("pgx", first)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var encoding string
	if err := db.QueryRow("SHOW server_encoding").Scan(&encoding); err != nil || encoding != "UTF8" {
		t.Fatalf("server_encoding is %q (%v)", encoding, err)
	}
}

// Where no PostgreSQL is installed, the packaged one runs, also as root.
func TestPackagedPostgresRuns(t *testing.T) {
	server := startCluster(t, packagedPostgres)
	defer server.Stop()
	server.NewDatabase(t)
}

const tinyApp = `
import os
if os.environ.get("REFUSE"):
    raise RuntimeError("refused as told")
print("hello from the app")
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
`

func tiny(t *testing.T) App {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app", "main.py"), []byte(tinyApp), 0o644); err != nil {
		t.Fatal(err)
	}
	return FastAPI(dir, filepath.Join(Venv(t), "python"))
}

// A booted app answers, its output is there, and it is gone when it was stopped.
func TestBoot(t *testing.T) {
	server := tiny(t).Boot(t, nil)
	res, err := http.Get(server.URL)
	if err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatalf("%v %v", res, err)
	}
	if !strings.Contains(server.Output(), "hello from the app") {
		t.Errorf("the output is %q", server.Output())
	}
	server.Stop()
	if _, err := http.Get(server.URL); err == nil {
		t.Error("the stopped app answers")
	}
}

// An app that refuses to start says why.
func TestBootFail(t *testing.T) {
	output := tiny(t).BootFail(t, map[string]string{"REFUSE": "1"})
	if !strings.Contains(output, "refused as told") {
		t.Errorf("the output is %q", output)
	}
}
