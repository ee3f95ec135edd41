package verify

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/install"
)

// What whoever has a copy of the repository knows.

// trackedFindings are about an env file that is in version control: its first secret.
func (f envFile) trackedFindings() []Finding {
	for _, name := range sortedNames(f.values) {
		if isCredential(name, f.get(name)) {
			return []Finding{{f.path, name, "is in version control, for everybody who ever had a copy",
				"git rm --cached " + f.path + ", then replace what is secret in it: fastman generate:key", "13.3.1"}}
		}
	}
	return nil
}

var secretName = regexp.MustCompile(`SECRET|(PASSWORD|PASSWD|TOKEN|(API|PRIVATE)_KEY)$`)

// isCredential is whether a variable may open something: the name of a cookie does not, nor
// a password that is the user's name, as in databases of one's own machine.
func isCredential(name, value string) bool {
	if _, err := strconv.ParseFloat(value, 64); err == nil || !isSecret(value) {
		return false
	}
	if address, err := url.Parse(value); err == nil && address.User != nil {
		password, _ := address.User.Password()
		return password != "" && password != address.User.Username()
	}
	return secretName.MatchString(name) && !isOn(value) && !isOff(value)
}

// formerFindings are about keys in use that an earlier version of the file gave away.
func (f envFile) formerFindings(i *install.Installation) (found []Finding) {
	versions := i.Versions(f.path)
	for _, k := range f.keys() {
		at := slices.IndexFunc(versions, func(v install.Version) bool { return isSecret(k.value) && strings.Contains(v.Source, k.value) })
		if at >= 0 {
			found = append(found, Finding{f.path, k.name, "stands in commit " + versions[at].Commit + ", for everybody who has the history", "fastman generate:key", "13.3.1"})
		}
	}
	return found
}

// exampleFindings are about examples that are none.
func exampleFindings(i *install.Installation) (found []Finding) {
	for _, file := range i.Examples {
		if f, err := readEnv(i, file); err == nil && isSecret(f.get("SECRET_KEY")) {
			found = append(found, Finding{file, "SECRET_KEY", "an example holds what may be a real key", "put a placeholder there, and replace the key where it is used: fastman generate:key", "13.3.1"})
		}
	}
	return found
}

// mostSource is the size up to which a file may be one that somebody has written.
const mostSource = 1 << 20

// leakFindings are keys in use that stand in other files under version control, as far
// as they were not found there already.
func leakFindings(i *install.Installation, tracked []string, keys []key, known []Finding) (found []Finding) {
	for _, file := range tracked {
		at := filepath.Join(i.Root, filepath.FromSlash(file))
		if info, err := os.Stat(at); err != nil || info.Size() > mostSource || slices.Contains(i.EnvFiles, file) || slices.Contains(i.Examples, file) {
			continue
		}
		src, err := os.ReadFile(at)
		if err != nil {
			continue
		}
		for _, k := range keys {
			start := bytes.Index(src, []byte(k.value))
			if start < 0 || !isSecret(k.value) || len(k.value) < leastKey {
				continue
			}
			f := Finding{lineOf(file, src, start), k.name, "that of " + k.file + " stands there, in version control", "take it out, then replace it: fastman generate:key", "13.3.1"}
			if !slices.ContainsFunc(known, func(o Finding) bool { return o.File == f.File && o.Name == f.Name }) {
				found = append(found, f)
			}
		}
	}
	return found
}

// lineOf is a place in a file: "app/main.py:7".
func lineOf(file string, src []byte, at int) string {
	return file + ":" + strconv.Itoa(1+bytes.Count(src[:at], []byte("\n")))
}
