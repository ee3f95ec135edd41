package conformance

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/feature"
)

var passkeyPageCases = []Case{
	{
		Name: "page/a-session-becomes-one-by-cookie", Section: "passkey: POST /ui/session",
		Type: feature.Passkey, ASVS: []string{"3.3.4", "7.2.4"}, Needs: []Need{NeedPage}, Run: pageSession,
	},
	{
		Name: "page/only-a-recent-one-from-this-app", Section: "passkey: POST /ui/session",
		Type: feature.Passkey, ASVS: []string{"3.5.1", "7.5.3"}, Needs: []Need{NeedPage, NeedDB}, Run: pageSessionRefused,
	},
	{
		Name: "page/manages-passkeys-by-cookie", Section: "Cookie session: (oauth, passkey with --ui)",
		Type: feature.Passkey, ASVS: []string{"3.3.4"}, Needs: []Need{NeedPage}, Run: pageManages,
	},
	{
		Name: "page/runs-nothing-but-its-own-files", Section: "Cookie session: (oauth, passkey with --ui)",
		Type: feature.Passkey, ASVS: []string{"6.2.6", "6.2.7"}, Needs: []Need{NeedPage}, Run: pageHeaders,
	},
	{
		Name: "passkey/its-script-is-small-and-served", Section: "passkey: static/passkey.js, under 3 KiB, no dependencies",
		Type: feature.Passkey, Run: pageScript,
	},
}

func pageSession(t *T) {
	acc, s := t.pioneer()
	b := t.browser()
	a := b.send(openCall(s))
	a.done("turning a session into one by cookie")
	if user := b.user(); number(user["id"]) != acc.id {
		t.Errorf("the cookie is of the user %v", user)
	}
	if b.session() != s.id() || len(t.sessionList(b.visit("/sessions"))) != 1 {
		t.Errorf("the cookie's session is another one")
	}
	t.refresh(s.refresh).expect("the refresh token afterwards", http.StatusUnauthorized)
	b.me().expect("the cookie after that", http.StatusOK)
	if t.target.DB != nil {
		if have := t.row("SELECT cookie_hash FROM auth_sessions WHERE id = ?", s.id())[0]; have != sha256Text(b.cookie(sessionCookie)) {
			t.Errorf("cookie_hash is %q, want base64url of the SHA-256", have)
		}
	}
	// Who signs in again ends what the browser had.
	before := b.cookie(sessionCookie)
	b.open(t.present(acc.passkey))
	if before == b.cookie(sessionCookie) {
		t.Errorf("a second sign-in leaves the cookie of the first")
	}
	stale := t.browser()
	stale.setCookie(sessionCookie, before)
	stale.outside("the cookie was replaced")
	b.send(post("/logout", nil).own()).done("logout by cookie")
	b.outside("logout")
}

func pageSessionRefused(t *T) {
	acc, s := t.pioneer()
	b := t.browser()
	for what, headers := range t.foreignHeaders() {
		c := post("/ui/session", nil).as(s.access)
		for name, value := range headers {
			c = c.with(name, value)
		}
		b.send(c).refused(what, http.StatusForbidden, "Cross-site request refused")
	}
	for what, c := range map[string]call{"no token": post("/ui/session", nil).own(), "garbage": post("/ui/session", nil).as("garbage").own(), "a refresh token": post("/ui/session", nil).as(s.refresh).own()} {
		t.challenged(what, b.send(c))
	}
	b.outside("refusals")
	t.old(s.id())
	b.send(openCall(s)).refused("an old sign-in", http.StatusForbidden, "reauth_required")
	t.alive("the session", s)
	fresh := t.present(acc.passkey)
	b.open(fresh)
	t.challenged("the cookie in place of a token", b.send(post("/ui/session", nil).own()))
	ended := t.present(acc.passkey)
	t.logOut(ended.access).want(http.StatusNoContent)
	t.challenged("the token of an ended session", t.browser().send(openCall(ended)))
}

func pageManages(t *T) {
	acc, s := t.pioneer()
	b := t.browser()
	b.open(s)
	k := newPasskey(algES256)
	a := b.send(registerOptions(acc.email).own()).want(http.StatusOK)
	fields := a.object()
	challenge, _ := fields["challenge"].(string)
	handle, _ := dig(fields, "user")["id"].(string)
	if handle != acc.passkey.handle {
		a.errorf("the options are not those of who is signed in")
	}
	c := registerVerify(acc.email, k.create(challenge, handle))
	added := b.send(c.own()).want(http.StatusCreated).exactly("status", "credential_id")
	if added["credential_id"] != k.name() {
		t.Errorf("credential_id is %v", added["credential_id"])
	}
	b.visit("/passkey/credentials").want(http.StatusOK)
	b.send(passkeyCall(http.MethodPatch, k, map[string]any{"device_name": "Second"}).own()).expect("renaming by cookie", http.StatusOK)
	b.send(post("/passkey/recovery/codes", nil).own()).expect("recovery codes by cookie", http.StatusOK)
	b.send(removePasskey(acc.passkey).own()).done("removing by cookie")
	b.send(removePasskey(k).own()).expect("the last one by cookie", http.StatusConflict)
	t.present(k)
}

func pageHeaders(t *T) {
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; " +
			"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'",
		"Referrer-Policy": "no-referrer", "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	}
	b, _ := t.visitor()
	for path, kind := range map[string]string{"/ui": "text/html; charset=utf-8", "/static/ui.css": "text/css", "/static/ui.js": "text/javascript", "/static/passkey.js": "text/javascript"} {
		a := b.visit(path).want(http.StatusOK)
		for name, value := range want {
			if have := a.header.Get(name); have != value && !t.isPolicyOf(have, value) && (path == "/ui" || name == "X-Content-Type-Options" || name == "Cache-Control") {
				a.errorf("%s: %s is %q, want %q", path, name, have, value)
			}
		}
		if have := a.header.Get("Content-Type"); !strings.HasPrefix(have, kind) {
			a.errorf("%s is served as %q", path, have)
		}
		if out := t.browser().visit(path); string(out.body) != string(a.body) {
			t.Errorf("%s is another one for who is signed in", path)
		}
		head := get(path)
		head.method = http.MethodHead
		if h := b.send(head).expect("HEAD "+path, http.StatusOK); len(h.body) > 0 || h.header.Get("Content-Type") != a.header.Get("Content-Type") {
			h.errorf("HEAD %s is not GET without its body", path)
		}
	}
	page := strings.ReplaceAll(string(b.visit("/ui").body), "http://www.w3.org/", "") // names of SVG
	for _, part := range []string{"<script>", "style=", "onclick", "onload", "javascript:", "http://", "//cdn"} {
		if strings.Contains(page, part) {
			t.Errorf("the page holds %s", part)
		}
	}
	t.wantPasswordFields(page, string(b.visit("/static/ui.js").body))
	for _, path := range []string{"/static/", "/static", "/static/..%2fui.html", "/static/ui.html%00", "/static/nothing.js", "/ui/"} {
		b.send(get(path)).expect(path, http.StatusNotFound)
	}
}

// isPolicyOf is whether a policy says all that counts of another. Where an owner's page
// may get its looks from is his to say.
func (t *T) isPolicyOf(have, want string) bool {
	if !t.target.OwnTexts || !strings.HasPrefix(want, "default-src") || strings.Contains(have, "unsafe-") {
		return false
	}
	said := strings.Split(have, "; ")
	for _, part := range strings.Split(want, "; ") {
		if !strings.HasPrefix(part, "img-src") && !strings.HasPrefix(part, "style-src") && !slices.Contains(said, part) {
			return false
		}
	}
	return true
}

var (
	passwordField = regexp.MustCompile(`<input [^>]*name="\w*password"[^>]*>`)
	pasteHandler  = regexp.MustCompile(`(?i)onpaste|["'\x60]paste["'\x60]`)
)

// wantPasswordFields expects that passwords are masked, and that managers fill them in.
func (t *T) wantPasswordFields(page, script string) {
	fields := passwordField.FindAllString(page, -1)
	if t.target.Set.Has(feature.JWT) && len(fields) == 0 && !t.target.OwnTexts {
		t.Errorf("the page has no password field")
	}
	for _, field := range fields {
		for _, part := range []string{` type="password"`, `-password"`} {
			if !strings.Contains(field, part) {
				t.Errorf("the password field %s lacks %s", field, part)
			}
		}
	}
	if pasteHandler.MatchString(page + script) {
		t.Errorf("the page looks at what is pasted")
	}
}

func pageScript(t *T) {
	a := t.send(get("/static/passkey.js")).want(http.StatusOK)
	if len(a.body) == 0 || len(a.body) >= 3<<10 || strings.Contains(string(a.body), "import ") {
		a.errorf("passkey.js has %d bytes, or imports something", len(a.body))
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		a.errorf("passkey.js is served as %q", a.header.Get("Content-Type"))
	}
	for _, part := range []string{`(?m)^export .*\bregister\b`, `(?m)^export .*\bauthenticate\b`, regexp.QuoteMeta(`"` + t.target.Prefix + `"`)} {
		if !regexp.MustCompile(part).Match(a.body) {
			t.Errorf("passkey.js has no %s", part)
		}
	}
}
