package verify

import (
	"bytes"
	"io/fs"
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
	keys := map[string]string{} // the file that a key stood in first
	for _, file := range i.EnvFiles {
		f, err := readEnv(i, file)
		if err != nil {
			continue
		}
		add(f.keyFindings(keys)...)
		add(f.trackedFindings(i)...)
		if f.production() {
			add(f.productionFindings()...)
		}
	}
	for _, file := range i.Examples {
		if f, err := readEnv(i, file); err == nil && isSecret(f.get("SECRET_KEY")) {
			add(Finding{file, "SECRET_KEY", "an example holds what may be a real key", "put a placeholder there, and replace the key where it is used: fastman generate:key"})
		}
	}
	add(codeFindings(i)...)
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

func (f envFile) keyFindings(keys map[string]string) (found []Finding) {
	key, there := f.values["SECRET_KEY"]
	if !there || !f.set.Stores() {
		return nil
	}
	const cure = "fastman generate:key"
	switch other := keys[key]; {
	case key == "":
		return nil // it comes from elsewhere, or the app does not start
	case edit.IsPlaceholder(key):
		return []Finding{{f.path, "SECRET_KEY", "is a placeholder that everybody knows", cure}}
	case len(key) < leastKey:
		found = append(found, Finding{f.path, "SECRET_KEY", "is under " + strconv.Itoa(leastKey) + " bytes", cure})
	case other != "":
		found = append(found, Finding{f.path, "SECRET_KEY", "is the same as in " + other + ": tokens of the one are valid in the other", cure})
	}
	keys[key] = f.path
	return found
}

func (f envFile) trackedFindings(i *install.Installation) []Finding {
	for _, name := range sortedNames(f.values) {
		if (strings.Contains(name, "SECRET") || strings.Contains(name, "PASSWORD")) && isSecret(f.values[name]) && i.Tracked(f.path) {
			return []Finding{{f.path, name, "is in version control, for everybody who ever had a copy",
				"git rm --cached " + f.path + ", then replace what is secret in it: fastman generate:key"}}
		}
	}
	return nil
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
	add := func(name, what, cure string) { found = append(found, Finding{f.path, name, what, cure}) }
	if on := strings.ToLower(f.get("DEBUG")); slices.Contains([]string{"1", "true", "yes", "on", "t", "y"}, on) {
		add("DEBUG", "is on: error pages show code and values to everybody", "DEBUG=false")
	}
	if rounds, err := strconv.Atoi(f.get("BCRYPT_ROUNDS")); err == nil && rounds < leastRounds {
		add("BCRYPT_ROUNDS", "is under "+strconv.Itoa(leastRounds)+": the app does not start", "leave it out: the default is 12")
	}
	if f.get("AUTH_PUBLIC_URL") == "" && (f.set.Has(feature.OAuth) || f.get("AUTH_MAIL_URL") != "") {
		add("AUTH_PUBLIC_URL", "is missing, and links and redirects have no base", "AUTH_PUBLIC_URL=https://your.domain")
	}
	for _, name := range []string{"AUTH_PUBLIC_URL", "AUTH_TRUSTED_ORIGINS", "PASSKEY_ORIGIN", "KEYCLOAK_URL"} {
		if strings.Contains(strings.ToLower(f.get(name)), "http://") {
			add(name, "has an address of http: whoever is on the way reads and changes what is sent", "use https:// there")
		}
	}
	if f.get("PASSKEY_RP_ID") == "localhost" {
		add("PASSKEY_RP_ID", "is localhost: nobody can register a passkey elsewhere", "PASSKEY_RP_ID=your.domain, and PASSKEY_ORIGIN=https://your.domain")
	}
	if trustsAll(f.get("AUTH_TRUSTED_PROXIES")) {
		add("AUTH_TRUSTED_PROXIES", "trusts every address: anybody says where a request comes from, and no bound per address holds", "name the addresses of your proxies alone")
	}
	for _, name := range sortedNames(f.values) {
		if (strings.HasPrefix(name, "OAUTH_") || strings.HasPrefix(name, "KEYCLOAK_")) && isExample(f.values[name]) {
			add(name, "is a placeholder: this way of signing in answers 503", "set what your provider gave you, or take it out: fastman remove:auth")
		}
	}
	return found
}

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

// codeRule is what a file of code must not hold.
type codeRule struct {
	ext, name  string
	pattern    *regexp.Regexp
	what, cure string
}

var codeRules = []codeRule{
	{".py", "CORSMiddleware", regexp.MustCompile(`(?s)CORSMiddleware\b[^)]*?allow_origins\s*=\s*\[\s*["']\*["'][^)]*?allow_credentials\s*=\s*True|CORSMiddleware\b[^)]*?allow_credentials\s*=\s*True[^)]*?allow_origins\s*=\s*\[\s*["']\*["']`),
		"lets every site send requests with your users' cookies", "list the origins of your own pages in allow_origins"},
	{".py", "FastAPI", regexp.MustCompile(`\bFastAPI\([^)]*\bdebug\s*=\s*True`),
		"is made with debug=True: errors show code and values to everybody", "leave debug out"},
	{".py", "SECRET_KEY", regexp.MustCompile(`(?m)^\s*SECRET_KEY\s*(?::[^=\n]+)?=\s*["'][^"'\n]{8,}["']`),
		"stands in the code, for everybody who has it", "take the value out; the env file holds it: fastman generate:key"},
	{".go", "AllowCredentials", regexp.MustCompile(`(?s)\{[^{}]*(?:AllowAllOrigins:\s*true|Allow(?:ed)?Origins:\s*\[\]string\{"\*"\})[^{}]*AllowCredentials:\s*true`),
		"lets every site send requests with your users' cookies", "list the origins of your own pages"},
	{".go", "SECRET_KEY", regexp.MustCompile(`os\.Setenv\("SECRET_KEY",\s*"`),
		"stands in the code, for everybody who has it", "take the value out; the env file holds it: fastman generate:key"},
}

func codeFindings(i *install.Installation) (found []Finding) {
	_ = filepath.WalkDir(i.Root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir() && file != i.Root && (staysBehind(file, entry.Name()) || entry.Name() == "vendor" || entry.Name() == "tests"):
			return fs.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains([]string{".py", ".go"}, path.Ext(entry.Name())) || strings.HasSuffix(entry.Name(), "_test.go"):
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return nil
		}
		rel, _ := filepath.Rel(i.Root, file)
		for _, rule := range codeRules {
			if at := rule.pattern.FindIndex(src); at != nil && rule.ext == filepath.Ext(file) {
				line := 1 + bytes.Count(src[:at[0]], []byte("\n"))
				found = append(found, Finding{filepath.ToSlash(rel) + ":" + strconv.Itoa(line), rule.name, rule.what, rule.cure})
			}
		}
		return nil
	})
	return found
}
