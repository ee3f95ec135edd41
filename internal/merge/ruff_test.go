package merge

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"fastman/internal/testbed"
)

// sortedPool are names of the standard library, of others' packages and of the app's
// own modules.
func sortedPool() (pool []name) {
	for _, names := range [][]string{
		{"", "os", "re", "secrets", "urllib.parse", "json"},
		{"typing", "Annotated", "Literal", "TYPE_CHECKING", "cast"},
		{"collections.abc", "Callable", "Iterator", "Mapping", "Sequence", "AsyncIterator"},
		{"fastapi", "APIRouter", "Depends", "HTTPException", "Request", "status", "Query"},
		{"fastapi.responses", "JSONResponse", "RedirectResponse"},
		{"sqlalchemy", "URL", "create_engine", "select", "update"},
		{"app.core.config", "settings", "SECRET"},
		{"app.core.config_long_one", "create_first_thing", "create_second_thing", "Third", "FOURTH_CONSTANT"},
		{"..hooks", "audit", "Audit"},
		{".", "mails", "throttle"},
		{".models", "AuthSession", "User", "Team2", "Team10"},
	} {
		for _, what := range names[1:] {
			pool = append(pool, name{module: names[0], what: what})
		}
	}
	return append(pool, name{module: "pydantic", what: "Field", as: "PydanticField"})
}

// A file that ruff sorts and formats is one after the merge too.
func TestPythonImportsStaySorted(t *testing.T) {
	const cases = 400
	ruff := filepath.Join(testbed.Venv(t), "ruff")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(ruff, append(args, "--isolated", "--no-cache", ".")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ruff %v: %v\n%s", args, err, out)
		}
	}
	pool := sortedPool()
	file := func(i int, side string) string { return filepath.Join(dir, fmt.Sprintf("m%d_%s.py", i, side)) }
	for i := range cases {
		for side, text := range sortedCase(random(i), pool) {
			if err := os.WriteFile(file(i, side), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	run("check", "-q", "--select", "I", "--fix")
	run("format", "-q")
	for i := range cases {
		var texts [3][]byte
		for k, side := range []string{"base", "theirs", "ours"} {
			texts[k], _ = os.ReadFile(file(i, side))
		}
		got := Three(Python, texts[0], texts[1], texts[2])
		if len(got.Conflicts) > 0 {
			t.Fatalf("case %d: %s", i, written(got))
		}
		if err := os.WriteFile(file(i, "merged"), got.Text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("check", "-q", "--select", "I", "--diff")
	run("format", "-q", "--diff")
}

// sortedCase draws base and two edits of it, which share a name of each group.
func sortedCase(r *rand.Rand, pool []name) map[string]string {
	sets := map[string]map[name]bool{"base": {}, "theirs": {}, "ours": {}}
	for _, set := range sets {
		for _, n := range []name{{"", "logging", ""}, {"sqlalchemy.orm", "Session", ""}, {".users", "find", ""}} {
			set[n] = true
		}
	}
	for _, n := range pool {
		in := r.IntN(2) == 0
		sets["base"][n] = in
		sets["theirs"][n] = in != (r.IntN(5) == 0)
		sets["ours"][n] = in != (r.IntN(5) == 0)
	}
	texts := map[string]string{}
	for _, side := range []string{"base", "theirs", "ours"} {
		texts[side] = writePython(r, sets[side], nil, "")
	}
	return texts
}
