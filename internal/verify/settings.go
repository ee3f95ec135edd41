package verify

import (
	"os"
	"slices"
	"strings"

	"fastman/internal/install"
)

// ours are the settings of the sign-in that no prefix tells.
var ours = []string{
	"ENVIRONMENT", "SECRET_KEY", "SECRET_KEY_PREVIOUS", "DATABASE_URL", "BCRYPT_ROUNDS", "ACCESS_TOKEN_EXPIRE_MINUTES",
	"REFRESH_TOKEN_EXPIRE_DAYS", "SESSION_MAX_DAYS", "PASSWORD_MIN_LENGTH", "PORT", ServerVariable,
}

func isOurs(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(ours, name) || slices.ContainsFunc([]string{"AUTH_", "OAUTH_", "KEYCLOAK_", "PASSKEY_"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// usual are the settings that the suite counts on, whatever the project has.
func usual(secret string) map[string]string {
	return map[string]string{
		"ENVIRONMENT": "test", "SECRET_KEY": secret, "AUTH_ISSUER": issuer,
		"BCRYPT_ROUNDS":               "4", // the least: hashing is most of what the cases wait for
		"ACCESS_TOKEN_EXPIRE_MINUTES": "30", "REFRESH_TOKEN_EXPIRE_DAYS": "30", "SESSION_MAX_DAYS": "90", "PASSWORD_MIN_LENGTH": "8",
	}
}

// environment is what a process of the app gets on top of this process's variables: the
// project's settings that are not the sign-in's, then those of the run.
func environment(i *install.Installation, env map[string]string) []string {
	all := []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost"}
	for name, value := range i.Settings {
		if _, set := os.LookupEnv(name); !set && !isOurs(name) {
			all = append(all, name+"="+value)
		}
	}
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// unset are the variables of this process that would decide what the suite sees.
func unset() []string {
	var names []string
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); isOurs(name) {
			names = append(names, name)
		}
	}
	return names
}
