package conformance_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fastman/conformance"
)

// shared is where the contract and the standard's requirements stand beside the
// repository; a clone without it has their lists alone.
const shared = "../../shared/"

// Each case says which line of the contract it shows, and which requirements and which
// sections of a standard it is evidence for.
func TestCasesNameWhatTheyShow(t *testing.T) {
	sections, later := contractLines(t)
	unused := slices.Concat(sections, later)
	known := map[string]bool{}
	for _, r := range conformance.Requirements() {
		known[r.ID] = true
	}
	standard := regexp.MustCompile(`^(RFC [1-9]\d{3}|OpenID Connect (Core|Discovery)|WebAuthn L3) [1-9]\d*(\.\d+)*$`)
	for _, c := range conformance.Cases(whole) {
		if !slices.Contains(sections, c.Section) && !slices.Contains(later, c.Section) {
			t.Errorf("%s shows %q, which is no line of contract.txt", c.Name, c.Section)
		}
		unused = slices.DeleteFunc(unused, func(line string) bool { return line == c.Section })
		for _, id := range c.ASVS {
			if !known[id] {
				t.Errorf("%s names the requirement %s, which asvs.tsv lacks", c.Name, id)
			}
		}
		for _, at := range c.RFC {
			if !standard.MatchString(at) {
				t.Errorf("%s names %q, which is no standard with its section", c.Name, at)
			}
		}
	}
	if len(unused) > 0 {
		t.Errorf("no case shows these lines of contract.txt: %q", unused)
	}
}

// contractLines are those of contract.txt: what the contract says, and what came later.
func contractLines(t *testing.T) (said, later []string) {
	t.Helper()
	src, err := os.ReadFile("contract.txt")
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(src), "\n\n")
	return withoutHeads(first), withoutHeads(second)
}

func withoutHeads(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" || strings.HasPrefix(line, "# ") })
}

// mostBeside bounds the cases that are evidence for no requirement.
const mostBeside = 149

// A case that is evidence for no requirement is one of those that say why.
func TestCasesBesideTheStandard(t *testing.T) {
	src, err := os.ReadFile("beside_asvs.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := withoutHeads(string(src))
	var have []string
	for _, c := range conformance.Cases(whole) {
		if len(c.ASVS) == 0 {
			have = append(have, c.Name)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("cases without a requirement, and not in beside_asvs.txt: %q\nthere without being one: %q", minus(have, want), minus(want, have))
	}
	if len(have) > mostBeside {
		t.Errorf("%d cases are evidence for no requirement, at most %d may be", len(have), mostBeside)
	}
}

func minus(all, without []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(without, one) })
}

// The lists are those of the contract and the standard, where these are at hand.
func TestListsAreThoseOfTheContract(t *testing.T) {
	if _, err := os.Stat(shared); err != nil {
		return
	}
	parts := contractParts(t)
	said, _ := contractLines(t)
	for _, line := range said {
		part, words, _ := strings.Cut(line, ": ")
		if _, there := parts[part]; !there || !strings.Contains(parts[part], asInTable(words)) {
			t.Errorf("the contract's part %q does not say %q", part, words)
		}
	}
	want, have := map[string]string{}, map[string]string{}
	for _, file := range []string{"asvs.tsv", "asvs-adjacent.tsv"} {
		for _, f := range readTSV(t, shared+file) {
			want[f[0]] = f[1]
		}
	}
	for _, r := range conformance.Requirements() {
		have[r.ID] = r.Level
	}
	if !maps.Equal(have, want) {
		t.Errorf("asvs.tsv has %d requirements, or other levels; the standard's list has %d", len(have), len(want))
	}
}

var endpoint = regexp.MustCompile(`^((?:GET|POST|PATCH|DELETE)(?:, (?:POST|DELETE))*) (/\S+(?:, /\S+)*)$`)

// asInTable is how the contract writes an endpoint.
func asInTable(words string) string { return endpoint.ReplaceAllString(words, "| $1 | $2 |") }

// contractParts are its headings and bold beginnings, with what stands under each.
func contractParts(t *testing.T) map[string]string {
	t.Helper()
	src, err := os.ReadFile(shared + "contract.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`^(?:## (\w+)|\*\*([^*]+?)\.?\*\*|(Errors):)`)
	parts, part := map[string]string{}, ""
	for line := range strings.Lines(strings.ReplaceAll(string(src), "`", "")) {
		if found := heading.FindStringSubmatch(line); found != nil {
			part = found[1] + found[2] + found[3]
		}
		parts[part] += strings.ReplaceAll(line, "**", "")
	}
	return parts
}

// The numbers that docs/asvs.md gives are those of the code.
func TestASVSNumbers(t *testing.T) {
	python, golang := emittedCode(t, "fastapi"), emittedCode(t, "goapp")
	for _, one := range []struct {
		doc         string
		file, line  string
		goFile, go_ string
	}{
		{"| 10 in 15 minutes |", "throttle.py", "PER_ACCOUNT_AND_IP = Bound(10, 15 * _MINUTE)", "throttle.go", `":account-ip:" + account + ":" + from.accountNetwork, limit: 10, seconds: hour / 4`},
		{"| 100 in 15 minutes |", "throttle.py", "PER_IP = Bound(100, 15 * _MINUTE)", "throttle.go", `":ip:" + from.network, limit: 100, seconds: hour / 4`},
		{"| 100 in 24 hours;", "throttle.py", "PER_ACCOUNT = Bound(100, 24 * _HOUR)", "throttle.go", `":account:" + account, limit: 100, seconds: 24 * hour, lenient: true`},
		{"| 30 days, `REFRESH_TOKEN_EXPIRE_DAYS` |", "config.py", "REFRESH_TOKEN_EXPIRE_DAYS: int = 30", "config.go", "cmp.Or(c.SessionIdle, 30*day)"},
		{"| 90 days, `SESSION_MAX_DAYS` |", "config.py", "SESSION_MAX_DAYS: int = 90", "config.go", "cmp.Or(c.SessionMax, 90*day)"},
		{"| 30 minutes, `ACCESS_TOKEN_EXPIRE_MINUTES`;", "config.py", "ACCESS_TOKEN_EXPIRE_MINUTES: int = 30", "config.go", "cmp.Or(c.AccessTokenLifetime, 30*time.Minute)"},
		{"by passkey 60, `PASSKEY_SESSION_EXPIRE_MINUTES`;", "config.py", "PASSKEY_SESSION_EXPIRE_MINUTES: int = 60", "config_passkey.go", "time.Hour)"},
		{"| a recent sign-in is one of the last | 10 minutes |", "sessions.py", "_RECENT_LOGIN = 10 * 60", "sessions.go", "const recentLogin = 10 * 60"},
		{"| 30 minutes to reset or recover, 24 hours", "one_time.py", `"reset": 30 * 60,`, "one_time.go", "24 * hour"},
	} {
		for what, text := range map[string][2]string{
			"docs/asvs.md": {asvsHead, one.doc}, one.file: {python[one.file], one.line}, one.goFile: {golang[one.goFile], one.go_},
		} {
			if !strings.Contains(text[0], text[1]) {
				t.Errorf("%s does not say %q", what, text[1])
			}
		}
	}
}

// Nobody is signed in by another way than those of docs/asvs.md: these functions alone
// open a session.
func TestWaysToSignIn(t *testing.T) {
	for stack, want := range map[string][]string{
		"fastapi": {"passkey_recovery.py", "passkey_registration.py", "service.py", "service.py", "service.py", "sessions.py"},
		"goapp":   {"admission.go", "login.go", "oauth_native.go", "passkey.go", "passkey_recovery.go"},
	} {
		opens := regexp.MustCompile(`(?m)(?:^|[^f] |= |[(.,])(?:a\.)?(open_session|openSession)\(`)
		inserts := regexp.MustCompile(`(?i)INSERT INTO auth_sessions|AuthSession\(\s*\n?\s*\w+=`)
		var have, inserting []string
		for file, src := range emittedCode(t, stack) {
			src = regexp.MustCompile(`(?m)^(def|func) .*$`).ReplaceAllString(src, "")
			for range opens.FindAllString(src, -1) {
				have = append(have, file)
			}
			if inserts.MatchString(src) {
				inserting = append(inserting, file)
			}
		}
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Errorf("%s: sessions are opened in %v, want %v", stack, have, want)
		}
		if len(inserting) != 1 || !strings.HasPrefix(inserting[0], "sessions.") {
			t.Errorf("%s: rows of sessions are made in %v", stack, inserting)
		}
	}
}

// Secrets come from the system's generator: no file of the sign-in knows another.
func TestRandomIsTheSystems(t *testing.T) {
	other := regexp.MustCompile(`(?m)^\s*(import random|from random|import uuid|from uuid)\b|"math/rand|google/uuid"`)
	source := map[string]*regexp.Regexp{"fastapi": regexp.MustCompile(`\bsecrets\.token_`), "goapp": regexp.MustCompile(`"crypto/rand"`)}
	for stack := range source {
		used := false
		for file, src := range emittedCode(t, stack) {
			if found := other.FindString(src); found != "" {
				t.Errorf("%s: %s has %q", stack, file, found)
			}
			used = used || source[stack].MatchString(src)
		}
		if !used {
			t.Errorf("%s has no generator at all", stack)
		}
	}
}

// Both stacks refuse the same common passwords, far more than the 3,000 of the standard
// that fit the policy.
func TestCommonPasswords(t *testing.T) {
	const file = "common_passwords.txt"
	list := emittedCode(t, "fastapi")[file]
	fit := 0
	for line := range strings.Lines(list) {
		if len([]rune(strings.TrimSpace(line))) >= 8 {
			fit++
		}
	}
	if fit < 10_000 {
		t.Errorf("%d common passwords fit the policy, want 10,000", fit)
	}
	if emittedCode(t, "goapp")[file] != list {
		t.Errorf("the stacks have different lists")
	}
}
