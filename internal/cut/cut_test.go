package cut

import (
	"strings"
	"testing"

	"fastman/internal/feature"
)

const router = `"""Routes. Nothing here uses Depends but the code."""

import secrets
import urllib.parse

from fastapi import APIRouter, Depends, Request

from .schemas import (
    Token,
    User,
)

router = APIRouter()


@router.get("/me")
def me(user: User) -> User:
    return user


# fastman: if jwt
@router.post("/login")
def login(request: Request = Depends(Request)) -> Token:
    return Token(secrets.token_urlsafe())


# fastman: end
# fastman: if oauth or passkey
def logout() -> str:
    return urllib.parse.quote("bye")  # with Request


# fastman: end
TAIL = 1
`

func cutString(t *testing.T, name, src string, types ...feature.Type) string {
	t.Helper()
	out, keep, err := File(name, []byte(src), feature.NewSet(types...))
	if err != nil || !keep {
		t.Fatalf("File = keep %v, %v", keep, err)
	}
	return string(out)
}

// A type that was not chosen is gone: its lines and the imports only they used.
func TestCutDropsSectionsAndTheirImports(t *testing.T) {
	want := `"""Routes. Nothing here uses Depends but the code."""

from fastapi import APIRouter

from .schemas import (
    User,
)

router = APIRouter()


@router.get("/me")
def me(user: User) -> User:
    return user


TAIL = 1
`
	if got := cutString(t, "router.py", router); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// A larger set is a pure insertion over a smaller one, but for import lines.
func TestCutOnlyAdds(t *testing.T) {
	small := body(cutString(t, "r.py", router))
	for _, set := range feature.Combinations(feature.Types, feature.Providers) {
		large := cutString(t, "r.py", router, set.Types()...)
		if Marked([]byte(large)) {
			t.Errorf("%s: a marker is left", set)
		}
		if !subsequence(small, body(large)) {
			t.Errorf("%s: lines of the empty set are gone or changed:\n%s", set, large)
		}
	}
	full := cutString(t, "r.py", router, feature.Types...)
	if !strings.Contains(full, "import secrets\nimport urllib.parse\n\nfrom fastapi import APIRouter, Depends, Request\n") {
		t.Errorf("imports of the full set changed:\n%s", full)
	}
}

func body(text string) []string {
	_, after, _ := strings.Cut(text, "router = ")
	return strings.SplitAfter(after, "\n")
}

func subsequence(part, whole []string) bool {
	for _, line := range whole {
		if len(part) > 0 && part[0] == line {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// A file of one type is emitted with that type and not without it.
func TestFileMarker(t *testing.T) {
	src := "# fastman: file oauth or passkey\nx = 1\n"
	if _, keep, err := File("a.py", []byte(src), feature.NewSet(feature.JWT)); keep || err != nil {
		t.Errorf("jwt: keep %v, %v", keep, err)
	}
	if got := cutString(t, "a.py", src, feature.JWT, feature.OAuth); got != "x = 1\n" {
		t.Errorf("oauth: %q", got)
	}
	github := feature.NewSet().WithProviders(feature.GitHub)
	if _, keep, err := File("a.py", []byte("# fastman: file google or discord\nx = 1\n"), github); keep || err != nil {
		t.Errorf("another provider's file: keep %v, %v", keep, err)
	}
	if out, keep, err := File("a.py", []byte("# fastman: file github\nx = 1\n"), github); !keep || err != nil || string(out) != "x = 1\n" {
		t.Errorf("the provider's file: keep %v, %v, %q", keep, err, out)
	}
	page := feature.NewSet(feature.Passkey).WithUI(true)
	for name, marker := range map[string]string{"a.css": "/* fastman: file ui */", "a.html": "<!-- fastman: file ui -->", "a.js": "// fastman: file ui", "a.sql": "-- fastman: file ui"} {
		if out, keep, err := File(name, []byte(marker+"\nx\n"), page); !keep || err != nil || string(out) != "x\n" {
			t.Errorf("%s of a set with the page: keep %v, %v, %q", name, keep, err, out)
		}
		if _, keep, err := File(name, []byte(marker+"\nx\n"), page.WithUI(false)); keep || err != nil {
			t.Errorf("%s of a set without: keep %v, %v", name, keep, err)
		}
	}
	only := "# fastman: file keycloak only\nx = 1\n"
	if _, keep, _ := File("a.py", []byte(only), feature.NewSet(feature.Keycloak, feature.JWT)); keep {
		t.Error("keycloak only: kept beside jwt")
	}
	if got := cutString(t, "a.py", only, feature.Keycloak); got != "x = 1\n" {
		t.Errorf("keycloak only: %q", got)
	}
	apart := "// fastman: file keycloak only\n\n//go:build fastman\n\npackage a\n"
	if got := cutString(t, "a.go", apart, feature.Keycloak); got != "package a\n" {
		t.Errorf("keycloak only, kept out of the template: %q", got)
	}
}

// A mistake in a template is named with file and line, before anything is emitted.
func TestMalformedMarkers(t *testing.T) {
	for src, want := range map[string]string{
		"a\n# fastman: if jwt\nb\n": "t.py:2: section has no end",
		"# fastman: end\n":          `t.py:1: misplaced marker "end"`,
		"# fastman: if jwt\n# fastman: if oauth\n# fastman: end\n":                      `t.py:2: misplaced marker "if oauth"`,
		"# fastman: if sms\n# fastman: end\n":                                           `t.py:1: unknown type or provider "sms"`,
		"# fastman: if jwt also oauth\n# fastman: end\n":                                `t.py:1: unknown type or provider "also"`,
		"# fastman: if\n# fastman: end\n":                                               "t.py:1: marker names no type",
		"x\n# fastman: file jwt\n":                                                      `t.py:2: misplaced marker "file jwt"`,
		"# fastman: else\n":                                                             `t.py:1: misplaced marker "else"`,
		"<!-- fastman: if jwt -->\n<p>\n<!-- fastman: end -->\n<!-- fastman: end -->\n": `t.py:4: misplaced marker "end"`,
	} {
		if _, _, err := File("t.py", []byte(src), feature.NewSet(feature.JWT)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", src, err, want)
		}
	}
}

// Go source that loses a section loses the imports that only the section used, and
// is formatted.
func TestGoImports(t *testing.T) {
	src := "package app\n\nimport (\n\t\"log\"\n\t\"net/http\"\n\n\tmail \"example.com/x\"\n\t\"github.com/a/go-post\"\n\t\"github.com/b/c/v2\"\n)\n\n" +
		"func f() {\n\tlog.Print(post.A, c.B)\n\t// fastman: if jwt\n\thttp.NotFound(nil, mail.Q)\n\t// fastman: end\n}\n"
	want := "package app\n\nimport (\n\t\"log\"\n\n\t\"github.com/a/go-post\"\n\t\"github.com/b/c/v2\"\n)\n\n" +
		"func f() {\n\tlog.Print(post.A, c.B)\n}\n"
	got, keep, err := File("app.go", []byte(src), feature.Set{})
	if err != nil || !keep || string(got) != want {
		t.Errorf("keep %v, error %v, got\n%s", keep, err, got)
	}
	all, _, err := File("app.go", []byte(src), feature.NewSet(feature.JWT))
	if err != nil || !strings.Contains(string(all), "mail.Q") {
		t.Errorf("error %v, got\n%s", err, all)
	}
}
