package verify

import (
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/install"
)

// What no request can show: settings of env files, what is in version control, and a few
// lines of code that undo much. No value is ever part of a finding.

// leastKey and leastRounds are what an app refuses to start below, in production.
const (
	leastKey    = 32 // bytes
	leastRounds = 10
)

// envFile is a live env file with what its names mean to the app.
type envFile struct {
	path   string
	values map[string]string
	set    feature.Set
}

func (f envFile) get(name string) string { return strings.TrimSpace(f.values[name]) }

// production is what an absent or unknown ENVIRONMENT means, too.
func (f envFile) production() bool {
	return !slices.Contains([]string{"development", "test"}, strings.ToLower(f.get("ENVIRONMENT")))
}

// checkSettings looks at what the project would be run with in production.
func checkSettings(i *install.Installation) []Finding {
	found := []Finding{}
	add := func(all ...Finding) { found = append(found, all...) }
	code, tracked := readCode(i), i.Tracked()
	var keys []key
	for _, file := range i.EnvFiles {
		f, err := readEnv(i, file)
		if err != nil {
			continue
		}
		add(f.keyFindings(keys)...)
		keys = append(keys, f.keys()...)
		if slices.Contains(tracked, file) {
			add(f.trackedFindings()...)
		} else {
			add(f.formerFindings(i)...)
		}
		if f.production() {
			add(f.productionFindings()...)
			add(f.originFindings(code)...)
		} else if strings.Contains(path.Base(file), "prod") {
			add(Finding{file, "ENVIRONMENT", "is not production: cookies go over http, and checks of a start are left out", "ENVIRONMENT=production", "3.3.1"})
		}
	}
	add(exampleFindings(i)...)
	add(code.findings...)
	add(leakFindings(i, tracked, keys, found)...)
	return found
}

func readEnv(i *install.Installation, file string) (envFile, error) {
	src, err := os.ReadFile(filepath.Join(i.Root, filepath.FromSlash(file)))
	f := envFile{path: file, values: map[string]string{}, set: i.Set}
	for _, name := range edit.DotenvKeys(src) {
		f.values[strings.ToUpper(name)], _ = edit.DotenvGet(src, name)
	}
	return f, err
}

// isSecret is whether a value may be a real one.
func isSecret(value string) bool { return value != "" && !edit.IsPlaceholder(value) }

// key is one that signs or verifies what an app hands out.
type key struct{ file, name, value string }

func (f envFile) keys() (all []key) {
	if !f.set.Stores() {
		return nil
	}
	for _, name := range []string{"SECRET_KEY", "SECRET_KEY_PREVIOUS"} {
		values := []string{f.values[name]}
		if name == "SECRET_KEY_PREVIOUS" {
			values = strings.Split(f.values[name], ",")
		}
		for _, value := range values {
			if value = strings.TrimSpace(value); value != "" { // else it comes from elsewhere, or the app does not start
				all = append(all, key{f.path, name, value})
			}
		}
	}
	return all
}

// keyFindings are about the keys of a file, of which others may have some too.
func (f envFile) keyFindings(others []key) (found []Finding) {
	const cure = "fastman generate:key"
	for _, k := range f.keys() {
		at := slices.IndexFunc(others, func(o key) bool { return o.value == k.value })
		switch {
		case edit.IsPlaceholder(k.value):
			found = append(found, Finding{f.path, k.name, "is a placeholder that everybody knows", cure, "6.3.2"})
		case len(k.value) < leastKey:
			found = append(found, Finding{f.path, k.name, "is under " + strconv.Itoa(leastKey) + " bytes", cure, ""})
		case at >= 0:
			found = append(found, Finding{f.path, k.name, "is the same as in " + others[at].file + ": tokens of the one are valid in the other", cure, "9.2.4"})
		}
	}
	return found
}

func sortedNames(values map[string]string) []string {
	var names []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// productionFindings are about a file that production is run with.
func (f envFile) productionFindings() (found []Finding) {
	add := func(name, what, cure, asvs string) { found = append(found, Finding{f.path, name, what, cure, asvs}) }
	if isOn(f.get("DEBUG")) {
		add("DEBUG", "is on: error pages show code and values to everybody", "DEBUG=false", "16.5.1")
	}
	for _, name := range sortedNames(f.values) {
		if cookieFlag.MatchString(name) && isOff(f.get(name)) {
			add(name, "is off: scripts read the cookie, or it goes over http", "leave it out, or switch it on", "3.3.1")
		}
	}
	if rounds, err := strconv.Atoi(f.get("BCRYPT_ROUNDS")); err == nil && rounds < leastRounds {
		add("BCRYPT_ROUNDS", "is under "+strconv.Itoa(leastRounds)+": the app does not start", "leave it out: the default is 12", "11.4.2")
	}
	if f.get("AUTH_PUBLIC_URL") == "" && (f.set.Has(feature.OAuth) || f.get("AUTH_MAIL_URL") != "") {
		add("AUTH_PUBLIC_URL", "is missing, and links and redirects have no base", "AUTH_PUBLIC_URL=https://your.domain", "")
	}
	for _, name := range []string{"AUTH_PUBLIC_URL", "AUTH_TRUSTED_ORIGINS", "PASSKEY_ORIGIN", "KEYCLOAK_URL"} {
		if strings.Contains(strings.ToLower(f.get(name)), "http://") {
			add(name, "has an address of http: whoever is on the way reads and changes what is sent", "use https:// there", "")
		}
	}
	if f.get("PASSKEY_RP_ID") == "localhost" {
		add("PASSKEY_RP_ID", "is localhost: nobody can register a passkey elsewhere", "PASSKEY_RP_ID=your.domain, and PASSKEY_ORIGIN=https://your.domain", "")
	}
	if trustsAll(f.get("AUTH_TRUSTED_PROXIES")) {
		add("AUTH_TRUSTED_PROXIES", "trusts every address: anybody says where a request comes from, and no bound per address holds", "name the addresses of your proxies alone", "4.1.3")
	}
	for _, name := range sortedNames(f.values) {
		if (strings.HasPrefix(name, "OAUTH_") || strings.HasPrefix(name, "KEYCLOAK_")) && isExample(f.values[name]) {
			add(name, "is a placeholder: this way of signing in answers 503", "set what your provider gave you, or take it out: fastman remove:auth", "6.3.2")
		}
	}
	return found
}

var cookieFlag = regexp.MustCompile(`COOKIES?_(SECURE|HTTP_?ONLY)$|^SESSION_HTTPS_ONLY$`)

func isOn(value string) bool {
	return slices.Contains([]string{"1", "true", "yes", "on", "t", "y"}, strings.ToLower(value))
}

func isOff(value string) bool {
	return slices.Contains([]string{"0", "false", "no", "off", "f", "n"}, strings.ToLower(value))
}

// originFindings are about origins of the app's own settings, whose cookies its code lets
// along.
func (f envFile) originFindings(c code) (found []Finding) {
	for _, name := range sortedNames(f.values) {
		if c.credentials && strings.Contains(name, "CORS") && everyOrigin.MatchString(f.get(name)) {
			found = append(found, Finding{f.path, name, "lets every site send requests with your users' cookies", "list the origins of your own pages", "3.5.2"})
		}
	}
	return found
}

var everyOrigin = regexp.MustCompile(`(^|["',\s\[])\*($|["',\s\]])`)

// isExample is what an install writes for what only a provider can give.
func isExample(value string) bool {
	return edit.IsPlaceholder(value) || slices.ContainsFunc([]string{"your-", "my-realm", "my-client", "https://your-", "https://keycloak.example.com"},
		func(start string) bool { return strings.HasPrefix(value, start) })
}

// trustsAll is whether a list of networks has one that is everybody.
func trustsAll(list string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(entry))
		return strings.TrimSpace(entry) == "*" || err == nil && prefix.Bits() == 0
	})
}
