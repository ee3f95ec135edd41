package verify_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
	"fastman/internal/verify"
	"fastman/templates"
)

var rewrite = flag.Bool("update", false, "rewrite the tables in docs")

// mutant is a small defect that somebody might build into the generated code.
type mutant struct {
	name    string
	caught  string // cases of which one at least must fail
	always  bool   // tried in every run of the tests, and not only in those of everything
	fastapi change // below app/features/auth
	goapp   change // below internal/auth
}

// change replaces every occurrence of a text, of which there must be one.
type change struct{ file, old, new string }

var mutants = []mutant{
	{
		"the expiry of access tokens is not checked", `^token/exp-`, true,
		change{"security.py", "claims.exp <= now or ", ""},
		change{"tokens.go", " && c.ExpiresAt.After(now)", ""},
	},
	{
		"the issuer and audience of access tokens are not compared", `^token/issuer`, false,
		change{"security.py", "if (claims.iss, claims.aud) != (config.issuer, config.issuer):", "if not claims.iss:"},
		change{"tokens.go", "c.Issuer == t.issuer && c.Audience == t.issuer && ", ""},
	},
	{
		"the type of a token is not looked at", `^token/typ-`, false,
		change{"security.py", `header.get("typ") != _TOKEN_TYPE or `, ""},
		change{"tokens.go", ` || token.Header["typ"] != tokenType`, ""},
	},
	{
		"a logout ends no session", `^logout/ends-`, true,
		change{"session_service.py", "await write(end_session, claims.sid, user_id=claims.user_id)", "True"},
		change{"sessions.go", "return endSession(ctx, db, claims.SessionID, claims.UserID)", "return nil"},
	},
	{
		"a disabled user stays signed in", `^me/a-disabled-user`, false,
		change{"sessions.py", "        User.id == bindparam(\"user_id\"),\n        User.is_active,\n", "        User.id == bindparam(\"user_id\"),\n"},
		change{"sessions.go", "users.id = $2 AND users.is_active", "users.id = $2"},
	},
	{
		"a copied refresh token goes on to work", `^refresh/two-generations-back`, true,
		change{"sessions.py", "if given.counter == row.refresh_counter - 1 and row.in_grace:", "if given.counter <= row.refresh_counter:"},
		change{"sessions.go", "if given.counter == s.counter-1 && s.inGrace {", "if given.counter <= s.counter {"},
	},
	{
		"the HMAC of refresh tokens is not checked", `^forged/(a-wrong-hmac|any-changed)`, false,
		change{"security.py", "return any(hmac.compare_digest(self.text, text) for text in candidates)", "return bool(candidates)"},
		change{"sessions.go", "if !a.tokens.isGenuine(given, salt) {", "if salt == \"\" {"},
	},
	{
		"attempts are not bounded", `^throttle/one-`, true,
		change{"throttle.py", "if row.attempts <= bound.limit:", "if row.attempts > 0:"},
		change{"throttle.go", "allowed := attempts <= b.limit", "allowed := attempts > 0"},
	},
	{
		"an unknown user is answered without a hash", `^timing/unknown-user`, false,
		change{"passwords.py", "    if known is None:\n        return _spend(config.bcrypt_rounds)\n", "    if known is None:\n        return False\n"},
		change{"credentials.go", "\tvar failed error\n\terr := a.hashing.run", "\tif stored == \"\" {\n\t\treturn nil\n\t}\n\tvar failed error\n\terr := a.hashing.run"},
	},
	{
		"a mailed token is stored as it is", `^reset/only-the-hash`, false,
		change{"security.py", "return base64url(sha256(token.encode()).digest())", "return token"},
		change{"one_time.go", "return base64url.EncodeToString(sum[:])", "return token[:max(0, len(token)-0*len(sum))]"},
	},
	{
		"a reset leaves the other sessions", `^reset/`, false,
		change{"recovery.py", "ended = end_sessions(db, user.id)", "ended: list[str] = []"},
		change{"recovery.go", `ended, err := endSessions(ctx, db, user.ID, "")`, `ended, err := []string(nil), error(nil)`},
	},
	{
		"another's session can be ended", `^sessions/delete-of-another`, false,
		change{"sessions.py", "AuthSession.id == session_id, AuthSession.user_id == user_id", "AuthSession.id == session_id, bool(user_id)"},
		change{"sessions.go", "WHERE id = $1 AND user_id = $2 RETURNING id", "WHERE id = $1 AND $2 > 0 RETURNING id"},
	},
	{
		"common passwords are taken", `^password/`, false,
		change{"passwords.py", "if folded in _common_passwords():", "if not folded:"},
		change{"passwords.go", "if isCommon(folded) {", `if folded == "" {`},
	},
}

// Whoever builds one of these defects into the code is told so by verify:auth.
func TestMutantsAreCaught(t *testing.T) {
	for _, stack := range []string{"fastapi", "go"} {
		t.Run(stack, func(t *testing.T) {
			dir := newProject(t, stack)
			for _, m := range mutants {
				if !m.always && os.Getenv("TEST_ALL") == "" {
					continue
				}
				t.Run(m.name, func(t *testing.T) { m.isCaught(t, stack, dir) })
			}
		})
	}
}

func (m mutant) isCaught(t *testing.T, stack, dir string) {
	m.plant(t, stack, dir)
	report := judged(t, dir, m.caught)
	for _, c := range report.Cases {
		if c.Outcome == verify.Failed {
			if c.File == "" || !strings.Contains(c.Detail, "< ") && !strings.Contains(c.Name, "timing/") && !strings.Contains(c.Name, "hash") {
				t.Logf("%s shows little: %q %s", c.Name, c.File, c.Detail)
			}
			return
		}
	}
	t.Errorf("nothing fails: %+v", report.Cases)
}

// plant makes the change for as long as the test runs.
func (m mutant) plant(t *testing.T, stack, dir string) {
	c, folder := m.fastapi, "app/features/auth"
	if stack == "go" {
		c, folder = m.goapp, "internal/auth"
	}
	file := filepath.Join(dir, filepath.FromSlash(folder), c.file)
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(src, []byte(c.old)) {
		t.Fatalf("%s does not hold %q", c.file, c.old)
	}
	write(t, file, bytes.ReplaceAll(src, []byte(c.old), []byte(c.new)))
	t.Cleanup(func() { write(t, file, src) })
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// newProject is a new one with passwords, as a user would make it.
func newProject(t *testing.T, stack string) string {
	t.Helper()
	if stack == "fastapi" {
		t.Setenv("VIRTUAL_ENV", filepath.Dir(testbed.Venv(t)))
	}
	dir := t.TempDir()
	_, err := install.New(t.Context(), install.NewOptions{
		Common: install.Common{Dir: dir, NoDeps: stack == "fastapi", NoBoot: true, Yes: true},
		Name:   "shop", Stack: stack, Set: feature.NewSet(feature.JWT),
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "shop")
}

func judged(t *testing.T, dir, only string) *verify.Report {
	t.Helper()
	report, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Only: only})
	if err != nil {
		t.Fatalf("%v %+v", err, err)
	}
	return report
}

// docs/verify.md lists the defects and what catches them.
func TestVerifyDocsListMutants(t *testing.T) {
	var table strings.Builder
	table.WriteString("| defect | caught by |\n|---|---|\n")
	for _, m := range mutants {
		fmt.Fprintf(&table, "| %s | `%s` |\n", m.name, strings.ReplaceAll(m.caught, "|", `\|`))
	}
	sameTable(t, "../../docs/verify.md", table.String())
}

// sameTable compares what stands between the marks of a table in a file.
func sameTable(t *testing.T, file, want string) {
	t.Helper()
	const begin, end = "<!-- made by the tests: go test -update -->\n", "<!-- end -->"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(src), begin)
	have, after, found := strings.Cut(rest, end)
	switch {
	case !found:
		t.Fatalf("%s has no place for the table", file)
	case have == want:
	case *rewrite:
		write(t, file, []byte(before+begin+want+end+after))
	default:
		t.Errorf("%s is not up to date: go test ./internal/verify -update", file)
	}
}
