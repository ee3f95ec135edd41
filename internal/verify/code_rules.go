package verify

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/install"
)

// A few lines of code that undo much. What a rule does not see it does not judge: these
// are expressions, and no reading of the program.

// codeRule is what a file of code must not hold.
type codeRule struct {
	ext, name  string
	pattern    *regexp.Regexp
	what, cure string
	asvs       string
}

const (
	everySite   = "lets every site send requests with your users' cookies"
	ownOrigins  = "list the origins of your own pages"
	inCode      = "stands in the code, for everybody who has it"
	inEnv       = "take the value out; the env file holds it: fastman generate:key"
	openCookie  = "is off: scripts read the cookie, or it goes over http"
	closeCookie = "switch it on, at the least in production"
)

// pythonOrigins and goOrigins are all origins, as the middlewares of a stack take them.
const (
	pythonOrigins = `(?:allow_origins\s*=\s*\[\s*["']\*["']|allow_origin_regex\s*=\s*r?["']\.\*["'])`
	goOrigins     = `(?:AllowAllOrigins:\s*true|Allow(?:ed)?Origins:\s*\[\]string\{"\*"\})`
)

var codeRules = []codeRule{
	{".py", "CORSMiddleware", inEitherOrder(`CORSMiddleware\b[^)]*?`, `[^)]*?`, pythonOrigins, `allow_credentials\s*=\s*True`), everySite, ownOrigins, "3.5.2"},
	{".py", "FastAPI", regexp.MustCompile(`\bFastAPI\([^)]*\bdebug\s*=\s*True`),
		"is made with debug=True: errors show code and values to everybody", "leave debug out", "16.5.1"},
	{".py", "SECRET_KEY", regexp.MustCompile(`(?m)^\s*SECRET_KEY\s*(?::[^=\n]+)?=\s*["'][^"'\n]{8,}["']`), inCode, inEnv, "13.3.1"},
	{".py", "set_cookie", regexp.MustCompile(`\bset_cookie\([^)]*\b(?:httponly|secure)\s*=\s*False`), openCookie, closeCookie, "3.3.1"},
	{".py", "SessionMiddleware", regexp.MustCompile(`\bSessionMiddleware\b[^)]*\bhttps_only\s*=\s*False`), openCookie, closeCookie, "3.3.1"},
	{".go", "AllowCredentials", inEitherOrder(`\{(?:[^{}]|\{[^{}]*\})*?`, `(?:[^{}]|\{[^{}]*\})*?`, goOrigins, `AllowCredentials:\s*true`), everySite, ownOrigins, "3.5.2"},
	{".go", "SECRET_KEY", regexp.MustCompile(`os\.Setenv\("SECRET_KEY",\s*"`), inCode, inEnv, "13.3.1"},
	{".go", "http.Cookie", regexp.MustCompile(`\bhttp\.Cookie\{[^{}]*\b(?:HttpOnly|Secure):\s*false`), openCookie, closeCookie, "3.3.1"},
	{".go", "gin.SetMode", regexp.MustCompile(`\bgin\.SetMode\(gin\.DebugMode\)`),
		"is debug mode: the log shows routes and warnings of every request", "gin.SetMode(gin.ReleaseMode), or GIN_MODE=release", "16.5.1"},
}

// inEitherOrder finds two things behind a beginning, with anything of a kind between.
func inEitherOrder(beginning, between, one, other string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)` + beginning + `(?:` + one + between + other + `|` + other + between + one + `)`)
}

// code is what is known of a project's own code.
type code struct {
	findings    []Finding
	credentials bool // some origins may send cookies along
}

var withCredentials = regexp.MustCompile(`\ballow_credentials\s*=\s*True|\bAllowCredentials:\s*true`)

func readCode(i *install.Installation) (all code) {
	_ = filepath.WalkDir(i.Root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir() && file != i.Root && (staysBehind(file, entry.Name()) || entry.Name() == "vendor" || entry.Name() == "tests"):
			return fs.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains([]string{".py", ".go"}, path.Ext(entry.Name())) || strings.HasSuffix(entry.Name(), "_test.go"):
			return nil
		}
		if src, err := os.ReadFile(file); err == nil {
			rel, _ := filepath.Rel(i.Root, file)
			all.read(filepath.ToSlash(rel), src)
		}
		return nil
	})
	return all
}

func (c *code) read(file string, src []byte) {
	c.credentials = c.credentials || withCredentials.Match(src)
	for _, rule := range codeRules {
		if at := rule.pattern.FindIndex(src); at != nil && rule.ext == path.Ext(file) {
			c.findings = append(c.findings, Finding{lineOf(file, src, at[0]), rule.name, rule.what, rule.cure, rule.asvs})
		}
	}
}
