package edit

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/run"
)

// Only what lacks is added, exceptions behind what they except.
func TestGitignoreEnv(t *testing.T) {
	const all = ".env\n.env.*\n!.env.example\n!.env.sample\n!.env.template\n"
	cases := []struct{ name, src, want string }{
		{"no file", "", all},
		{"other lines", "*.pyc\n", "*.pyc\n" + all},
		{"no last newline", "*.pyc", "*.pyc\n" + strings.TrimSuffix(all, "\n")},
		{"crlf", "*.pyc\r\n", "*.pyc\r\n" + strings.ReplaceAll(all, "\n", "\r\n")},
		{"env only", ".env\n", ".env\n.env.*\n!.env.example\n!.env.sample\n!.env.template\n"},
		{"wide pattern", ".env*\n", ".env*\n!.env.example\n!.env.sample\n!.env.template\n"},
		{"one exception", ".env*\n!.env.example\n", ".env*\n!.env.example\n!.env.sample\n!.env.template\n"},
		{"suffix pattern", "*.env\n", "*.env\n.env.*\n!.env.example\n!.env.sample\n!.env.template\n"},
		{"anchored", "/.env\n", "/.env\n" + all},
		{"folder", ".env/\n", ".env/\n" + all},
		{"comment", "# .env\n", "# .env\n" + all},
		{"user's exception", "*.log\n!.env.ci\n", "*.log\n.env\n.env.*\n!.env.ci\n!.env.example\n!.env.sample\n!.env.template\n"},
	}
	for _, c := range cases {
		r := GitignoreEnv([]byte(c.src))
		if r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
		if again := GitignoreEnv(r.Out); again.Status != AlreadyThere {
			t.Errorf("%s: again: %q", c.name, again.Out)
		}
	}
}

// git itself ignores every env file afterwards but the examples and what the user
// excepted, whatever stood there before.
func TestGitignoreEnvAgainstGit(t *testing.T) {
	pieces := []string{
		"*", ".env", ".env*", ".env.*", "*.env", "/.env", "/.env.*", ".env/", "**/.env", "**/.env.*", "sub/.env", ".env.[lp]*",
		"!.env.example", "!.env.*", "!/.env.sample", "!.env.ci", "*.example", ".en?", "# .env", "", ".env.local", "*.py[co]", ".env.[!a]*",
	}
	dir, random := t.TempDir(), rand.New(rand.NewPCG(3, 4))
	git(t, dir, "", "init", "-q")
	secret := []string{".env", ".env.local", ".env.production", ".env.test", "sub/.env", "sub/.env.prod"}
	for range 150 {
		var lines []string
		for range random.IntN(5) {
			lines = append(lines, pieces[random.IntN(len(pieces))])
		}
		src := strings.Join(lines, "\n")
		r := GitignoreEnv([]byte(src))
		if err := os.WriteFile(filepath.Join(dir, ".gitignore"), r.Out, 0o644); err != nil {
			t.Fatal(err)
		}
		ignored := strings.Fields(git(t, dir, strings.Join(slices.Concat(secret, examples), "\n"), "check-ignore", "--stdin", "--no-index"))
		for _, name := range secret {
			if excepted := slices.Contains(lines, "!.env.*") && strings.Contains(name, ".env."); !excepted && !slices.Contains(ignored, name) {
				t.Errorf("%q became %q: %s is not ignored", src, r.Out, name)
			}
		}
		for _, name := range examples {
			if slices.Contains(ignored, name) {
				t.Errorf("%q became %q: %s is ignored", src, r.Out, name)
			}
		}
	}
}

// git runs without the configuration of this machine. Status 1 of check-ignore
// means that nothing is ignored.
func git(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	res, err := run.Run(context.Background(), run.Spec{
		Args: append([]string{"git"}, args...), Dir: dir, Stdin: strings.NewReader(stdin),
		Env: []string{"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1"},
	})
	if err != nil && res.Code != 1 {
		t.Fatalf("%v\n%s", err, res.Stderr)
	}
	return string(res.Stdout)
}
