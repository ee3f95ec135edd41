package install_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"fastman/internal/install"
	"fastman/internal/testbed"
)

// A project that is formatted with ruff or black, by its own settings or without any,
// is updated without a conflict and gets rid of everything: no file counts as edited.
func TestFormattedProject(t *testing.T) {
	bin := testbed.Tools(t, "black==26.10.1", "ruff==0.17.6")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, c := range []struct {
		name, file, settings string
		format               []string
	}{
		{"ruff", "ruff.toml", "line-length = 60\n[format]\nquote-style = 'single'\n", []string{"ruff", "format", "-q", "."}},
		{"black", "pyproject.toml", "[tool.black]\nline-length = 40\n", []string{"black", "-q", "."}},
		{"black without settings", "", "", []string{"black", "-q", "-l", "60", "."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := pairProject(t, "fastapi")
			if c.file != "" {
				mustWrite(t, filepath.Join(dir, c.file), c.settings)
			}
			format(t, dir, c.format)
			before := readTree(t, dir)
			common := install.Common{Dir: dir, NoDeps: true, NoBoot: true, Templates: testbed.Library("")}
			if _, err := install.Auth(context.Background(), install.AuthOptions{Common: common, Types: testbed.Library("").Types, Prefix: "/auth", UsersTable: "users"}); err != nil {
				t.Fatal(err)
			}
			format(t, dir, c.format)
			status, err := install.ShowStatus(context.Background(), install.StatusOptions{Common: common})
			if err != nil || status.Update != nil {
				t.Fatalf("an update is due at once: %+v %v", status, err)
			}
			for _, f := range status.Files {
				if f.State != install.StateUnchanged {
					t.Errorf("%s is %s", f.Path, f.State)
				}
			}

			common.Templates = testbed.Library("next")
			updated, err := install.UpdateAuth(context.Background(), install.UpdateOptions{Common: common})
			if err != nil || updated.Status != install.StatusDone {
				t.Fatalf("the update left work: %+v %v", updated, err)
			}
			format(t, dir, c.format)
			removed, err := install.RemoveAuth(context.Background(), install.RemoveOptions{Common: common, All: true})
			if err != nil || removed.Status != install.StatusDone {
				t.Fatalf("the removal left work: %+v %v", removed, err)
			}
			format(t, dir, c.format)
			for file, text := range readTree(t, dir) {
				if want, was := before[file]; !isHistory(file) && (!was || text != want) {
					t.Errorf("%s is another:\n%s", file, text)
				}
			}
		})
	}
}

func format(t *testing.T, dir string, args []string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "RUFF_NO_CACHE=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func mustWrite(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
