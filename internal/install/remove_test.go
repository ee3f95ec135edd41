package install_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"fastman/internal/install"
)

// An app that does not import, with or without the sign-in, gets rid of it, and nothing
// is left to do.
func TestRemoveFromBrokenApp(t *testing.T) {
	dir := unpack(t, "root_sync")
	main := filepath.Join(dir, "main.py")
	src, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	src = append([]byte("import a_module_that_nobody_has\n"), src...)
	mustWrite(t, main, string(src))
	o := jwt(dir)
	o.NoBoot = true
	mustInstall(t, o)
	o.NoBoot, o.Yes = false, true
	report, err := install.RemoveAuth(context.Background(), install.RemoveOptions{Common: o.Common, All: true})
	if err != nil || report.Status != install.StatusDone || len(report.Left) > 0 {
		t.Fatalf("%+v %v", report, err)
	}
	if now, _ := os.ReadFile(main); string(now) != string(src) {
		t.Errorf("main.py is another:\n%s", now)
	}
}
