// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// count returns how many rows there are: "FROM users".
func (a *app) count(from string) (rows int) {
	a.Helper()
	if err := a.db.QueryRow("SELECT count(*) " + from).Scan(&rows); err != nil {
		a.Fatal(err)
	}
	return rows
}

// wantMail waits for a mail that says something.
func (a *app) wantMail(text string) {
	a.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(a.mails, "*.eml"))
		for _, file := range files {
			if mail, _ := os.ReadFile(file); strings.Contains(string(mail), text) {
				return
			}
		}
	}
	a.Fatalf("no mail says %q", text)
}
