package install_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/install"
	"fastman/internal/plan"
	"fastman/internal/testbed"
)

// An update or a removal that is killed while it writes is whole after the next run:
// as if nothing had come between.
func TestUpdateAndRemovalAfterAKill(t *testing.T) {
	ctx := context.Background()
	jobs := map[string]func(dir string) error{
		"update": func(dir string) error {
			_, err := install.UpdateAuth(ctx, install.UpdateOptions{Common: written(dir, "next")})
			return err
		},
		"remove": func(dir string) error {
			_, err := install.RemoveAuth(ctx, install.RemoveOptions{Common: written(dir, ""), All: true})
			return err
		},
	}
	before := pairProject(t, "go")
	if _, err := install.Auth(ctx, install.AuthOptions{Common: written(before, ""), Prefix: "/auth", UsersTable: "users", Types: jwt("").Types}); err != nil {
		t.Fatal(err)
	}
	for name, run := range jobs {
		t.Run(name, func(t *testing.T) {
			points := 0
			plan.Fault = func(string) error { points++; return nil }
			dir := copied(t, before)
			err := run(dir)
			plan.Fault = nil
			if err != nil {
				t.Fatal(err)
			}
			want := readTree(t, dir)
			for stop := 1; stop <= points; stop += max(points/25, 1) {
				dir := copied(t, before)
				killed(func() { _ = run(dir) }, stop)
				if err := run(dir); err != nil && !strings.Contains(err.Error(), "has installed nothing") {
					t.Errorf("killed at %d of %d: %v", stop, points, err)
				}
				if got := readTree(t, dir); !maps.Equal(got, want) {
					t.Errorf("killed at %d of %d: %d files, want %d", stop, points, len(got), len(want))
				}
			}
		})
	}
}

func written(dir, library string) install.Common {
	return install.Common{Dir: dir, NoDeps: true, NoBoot: true, Yes: true, Templates: testbed.Library(library)}
}

func copied(t *testing.T, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// killed ends work at its nth step of writing, as if the process was gone.
func killed(work func(), n int) {
	defer func() { plan.Fault = nil; _ = recover() }()
	plan.Fault = func(string) error {
		if n--; n == 0 {
			panic("killed")
		}
		return nil
	}
	work()
}
