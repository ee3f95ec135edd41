package install_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
)

func keycloak(dir string) install.AuthOptions {
	o := jwt(dir)
	o.Types = []feature.Type{feature.Keycloak}
	return o
}

// Keycloak alone comes into each layout without users, database or secret, passes its own
// tests there, and goes again without a trace.
func TestKeycloakAlone(t *testing.T) {
	for name, root := range map[string]string{
		"root_sync": ".", "app_sync_database": ".", "src_async": ".", "backend_factory_async": "backend", "original": ".",
	} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, name)
			before := tree(t, dir)
			report := mustInstall(t, keycloak(dir))
			if routes(report) != "GET /auth/me" || len(report.Left) > 0 || report.Migration != nil {
				t.Errorf("routes %s, left %v, migration %v", routes(report), report.Left, report.Migration)
			}
			for path, text := range readTree(t, dir) {
				if _, there := before[path]; !there && strings.Contains(path, "features/auth") {
					t.Errorf("%s is made", path)
				}
				if strings.HasPrefix(filepath.Base(path), ".env") && strings.Contains(text, "\nSECRET_KEY=") {
					t.Errorf("%s has a SECRET_KEY", path)
				}
			}
			runTests(t, filepath.Join(dir, root))
			common := keycloak(dir).Common
			common.Yes = true
			if _, err := install.RemoveAuth(context.Background(), install.RemoveOptions{Common: common, Types: []feature.Type{feature.Keycloak}}); err != nil {
				t.Fatal(err)
			}
			same(t, before, tree(t, dir))
		})
	}
}

// What Keycloak's tokens are read with does not exist for Python 3.10: it is said before
// anything is written.
func TestKeycloakNeedsPython311(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	python := filepath.Join(dir, ".venv", "bin", "python")
	write(t, dir, ".venv/pyvenv.cfg", "home = /usr/bin\n")
	write(t, dir, ".venv/bin/python", "#!/bin/sh\n"+filepath.Join(testbed.Venv(t), "python")+` "$@" | sed -u 's/"version": *"[^"]*"/"version": "3.10.4"/'`+"\n")
	if err := os.Chmod(python, 0o755); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, err := install.Auth(context.Background(), keycloak(dir))
	var f *install.Failure
	if !errors.As(err, &f) || !strings.Contains(f.What, "keycloak needs Python 3.11 or newer") || !strings.Contains(f.What, "3.10.4") || f.Hint == "" {
		t.Errorf("got %+v", err)
	}
	same(t, before, tree(t, dir))
}
