package conformance

import (
	"strings"

	"fastman/internal/feature"
)

const remedy = "fastman generate:key"

var startCases = []Case{
	{
		Name: "start/refused-without-a-secret-key", Section: "Settings: An app whose SECRET_KEY is missing, under 32 bytes or a placeholder does not start",
		ASVS: []string{"6.3.2"}, Needs: []Need{NeedBoot}, Run: startWithoutKey,
	},
	{
		Name: "start/refused-with-a-short-key", Section: "Settings: An app whose SECRET_KEY is missing, under 32 bytes or a placeholder does not start",
		RFC: []string{"RFC 7518 3.2"}, Needs: []Need{NeedBoot}, Run: startShortKey,
	},
	{
		Name: "start/refused-with-a-placeholder", Section: "Settings: An app whose SECRET_KEY is missing, under 32 bytes or a placeholder does not start",
		ASVS: []string{"6.3.2"}, Needs: []Need{NeedBoot}, Run: startPlaceholder,
	},
	{
		Name: "start/refused-with-a-bad-previous-key", Section: "Settings: SECRET_KEY_PREVIOUS",
		ASVS: []string{"6.3.2"}, Needs: []Need{NeedBoot}, Run: startBadPrevious,
	},
	{
		Name: "start/refused-with-a-cheap-hash-in-production", Section: "Settings: BCRYPT_ROUNDS=12 (below 10 in production: no start)",
		Type: feature.JWT, ASVS: []string{"11.4.2"}, Needs: []Need{NeedBoot}, Run: startCheapHash,
	},
	{
		Name: "start/refused-with-numbers-that-make-no-sense", Section: "Settings: With defaults in code, each documented with its unit",
		Type: feature.JWT, ASVS: []string{"6.2.1"}, Needs: []Need{NeedBoot}, Run: startNumbers,
	},
}

func startWithoutKey(t *T) {
	t.refuses("an empty SECRET_KEY", map[string]string{"SECRET_KEY": ""}, "SECRET_KEY", remedy)
}

func startShortKey(t *T) {
	for what, secret := range map[string]string{
		"31 bytes": strings.Repeat("k", 31), "31 spaces": strings.Repeat(" ", 31),
		"10 code points in 30 bytes": strings.Repeat("\u20ac", 10),
	} {
		t.refuses(what, map[string]string{"SECRET_KEY": secret}, "SECRET_KEY", remedy)
	}
}

func startPlaceholder(t *T) {
	for _, secret := range []string{
		"changeme-changeme-changeme-changeme-1234", "CHANGE_ME_0123456789_0123456789_01234567",
		"your-secret-key-here-0123456789-01234567", "placeholder-0123456789-0123456789-012345",
		"please-Change-This-0123456789-0123456789", "0123456789-0123456789-replace-me-0123456",
	} {
		t.refuses(quoted(secret), map[string]string{"SECRET_KEY": secret}, "SECRET_KEY", remedy)
	}
}

func startBadPrevious(t *T) {
	for what, previous := range map[string]string{
		"short": "short-previous-key", "a placeholder": "changeme-changeme-changeme-changeme-9876",
		"good and short": secondSecret + ",short-previous-key",
	} {
		t.refuses("SECRET_KEY_PREVIOUS: "+what, map[string]string{"SECRET_KEY_PREVIOUS": previous}, "SECRET_KEY_PREVIOUS")
	}
}

func startCheapHash(t *T) {
	for _, environment := range []string{"production", "", "staging"} {
		env := t.inProduction("ENVIRONMENT", environment, "BCRYPT_ROUNDS", "9")
		t.refuses("9 rounds with ENVIRONMENT="+environment, env, "BCRYPT_ROUNDS")
	}
	t.refuses("3 rounds", map[string]string{"ENVIRONMENT": "test", "BCRYPT_ROUNDS": "3"}, "BCRYPT_ROUNDS")
	app := t.boot(t.inProduction())
	app.member()
}

func startNumbers(t *T) {
	for name, values := range map[string][]string{
		"ACCESS_TOKEN_EXPIRE_MINUTES": {"0", "-30", "1441", "99999999999999999999", "thirty"},
		"REFRESH_TOKEN_EXPIRE_DAYS":   {"0", "-1", "36500"},
		"SESSION_MAX_DAYS":            {"0", "-1", "9999999"},
		"PASSWORD_MIN_LENGTH":         {"0", "-3", "1025"},
	} {
		for _, value := range values {
			t.refuses(name+"="+value, map[string]string{name: value}, name)
		}
	}
	t.refuses("passwords of 7 characters in production", t.inProduction("PASSWORD_MIN_LENGTH", "7"), "PASSWORD_MIN_LENGTH")
}
