package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"fastman/internal/feature"
)

var settingsCases = []Case{
	{
		Name: "settings/lifetimes-are-used", Section: "Settings: With defaults in code, each documented with its unit",
		Type: feature.JWT, ASVS: []string{"7.3.1", "7.3.2"}, Needs: []Need{NeedBoot, NeedDB}, Run: settingsLifetimes,
	},
	{
		Name: "settings/the-least-length-of-passwords-is-used", Section: "Settings: PASSWORD_MIN_LENGTH=8",
		Type: feature.JWT, ASVS: []string{"6.2.1"}, Needs: []Need{NeedBoot}, Run: settingsMinLength,
	},
	{
		Name: "settings/the-apps-name-is-no-password", Section: "Passwords: the user's e-mail, its local part, the username, the app's name",
		Type: feature.JWT, ASVS: []string{"6.2.11"}, Needs: []Need{NeedBoot}, Run: settingsAppName,
	},
}

func settingsLifetimes(t *T) {
	app := t.boot(map[string]string{"ACCESS_TOKEN_EXPIRE_MINUTES": "7", "REFRESH_TOKEN_EXPIRE_DAYS": "2", "SESSION_MAX_DAYS": "3"})
	acc := app.register()
	a := app.login(acc.email, acc.password).want(http.StatusOK)
	if seconds, _ := a.object()["expires_in"].(json.Number); seconds != "420" {
		a.errorf("expires_in is %s, want 420", seconds)
	}
	s := app.session(a)
	soon, late := t.target.Dialect.stamp(time.Now().Add(47*time.Hour)), t.target.Dialect.stamp(time.Now().Add(49*time.Hour))
	if rows := app.query("SELECT 1 FROM auth_sessions WHERE id = ? AND expires_at > ? AND expires_at < ?", s.id(), soon, late); len(rows) != 1 {
		t.Errorf("with REFRESH_TOKEN_EXPIRE_DAYS=2 an unused session does not end in two days")
	}
	app.age(s, "created_at", 71*time.Hour)
	app.me(s.access).expect("a session of almost three days", http.StatusOK)
	app.age(s, "created_at", 73*time.Hour)
	app.dead("a session of more than SESSION_MAX_DAYS=3", s)
}

func settingsMinLength(t *T) {
	app := t.boot(map[string]string{"PASSWORD_MIN_LENGTH": "14"})
	app.tryRegister("zq7 vexed 1ka").expect("13 characters", http.StatusUnprocessableEntity)
	app.tryRegister("zq7 vexed 1ka9").expect("14 characters", http.StatusCreated)
}

func settingsAppName(t *T) {
	app := t.boot(map[string]string{"AUTH_ISSUER": "fastman:wonderland-shop"})
	for _, password := range []string{"wonderland-shop", "Wonderland-SHOP"} {
		app.tryRegister(password).expect("the app's name as a password", http.StatusUnprocessableEntity)
	}
	app.tryRegister("wonderland-shop 1").expect("a password with more than the name", http.StatusCreated)
}

// countedFor is how many attempts are still counted for this case's address.
func (t *T) countedFor(purpose string) string {
	if t.source.address == "" {
		t.skip("needs an address of its own on loopback")
	}
	return t.row("SELECT COALESCE(SUM(count), 0) FROM auth_throttle WHERE key = ?", fmt.Sprintf("%s:ip:%s", purpose, t.source.address))[0]
}
