package conformance

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"fastman/internal/feature"
)

var logCases = []Case{
	{
		Name: "log/who-hangs-up-leaves-no-traceback", Section: "Log: Structured events",
		Needs: []Need{NeedOutput}, Run: logHungUp,
	},
	{
		Name: "log/tells-who-did-what-from-where", Section: "Log: with user id, ip, a hash of the session id",
		Type: feature.JWT, ASVS: []string{"16.2.5", "16.3.1"}, Needs: []Need{NeedOutput}, Run: logEvents,
	},
	{
		Name: "log/line-breaks-forge-no-line", Section: "Log: control characters escaped",
		Type: feature.JWT, ASVS: []string{"16.4.1"}, Needs: []Need{NeedOutput, NeedBoot}, Run: logInjection,
	},
	{
		// The last of all: it searches what every case before it has made the app log.
		Name: "log/no-password-token-or-address-in-any-log", Section: "Log: never a password, token, code or e-mail in clear",
		ASVS: []string{"16.2.5"}, Needs: []Need{NeedOutput}, Turn: Last, Run: logSecrets,
	},
}

func logEvents(t *T) {
	acc, s := t.member()
	t.login(acc.email, "wrong "+acc.password).want(http.StatusUnauthorized)
	t.change(s, acc.password, newPassword).want(http.StatusNoContent)
	t.logOut(s.access).want(http.StatusNoContent)
	for range perAccountAndIP {
		t.login(acc.email, "wrong")
	}
	t.logs("auth.throttled")
	log := t.target.Output()
	for _, event := range []string{"auth.register.ok", "auth.login.ok", "auth.login.failed", "auth.password.changed", "auth.logout", "auth.throttled"} {
		if !strings.Contains(log, event) {
			t.Errorf("the log has no %s", event)
		}
	}
	logged := regexp.MustCompile(`auth\.login\.ok user_id=(\d+) ip="([^"]+)" session="([0-9a-f]{16})"`)
	if found := logged.FindAllStringSubmatch(log, -1); len(found) == 0 {
		t.Errorf("auth.login.ok has no user_id, ip and hash of the session")
	}
	if !strings.Contains(log, fmt.Sprintf("auth.login.failed user_id=%d ", acc.id)) {
		t.Errorf("auth.login.failed does not say whose account was meant")
	}
	if strings.Contains(strings.ReplaceAll(log, "/sessions/"+s.id(), ""), s.id()) {
		t.Errorf("the log names the session by its id")
	}
}

func logInjection(t *T) {
	const forged = "auth.login.ok user_id=4711"
	// On one that has not seen a foreign proxy yet: it is logged once.
	app := t.boot(nil)
	for _, text := range []string{"x\r\n" + forged, "x\n" + forged, "x\u2028" + forged, "x\x1b[2K" + forged, "x\u0085" + forged} {
		app.send(loginForm(text, text)).want(401, 422, 429)
		app.send(post("/register", map[string]any{"email": text, "username": text, "password": "a horse " + text})).expect("a name of several lines", http.StatusUnprocessableEntity)
		app.send(forgot(text)).expect("an address of several lines", http.StatusUnprocessableEntity)
		app.refresh(text).expect("a token of several lines", http.StatusUnauthorized, http.StatusUnprocessableEntity)
		app.reset(text, newPassword).want(400, 422)
		app.send(forwarded(loginForm("nobody", "wrong"), strings.NewReplacer("\r", " ", "\n", " ", "\x1b", " ", "\u0085", " ").Replace(text))).want(401, 429)
	}
	app.send(get("/me%0d%0a" + strings.ReplaceAll(forged, " ", "%20"))).want(http.StatusNotFound)
	for line := range strings.Lines(app.target.Output()) {
		if strings.HasPrefix(line, forged) || strings.ContainsAny(line, "\x1b\u0085\u2028") {
			t.Errorf("a line of the log is forged: %q", line)
		}
	}
}

func logSecrets(t *T) {
	_, s := t.member()
	t.renew(s)
	lines, searched := t.target.secrets.found()
	if searched < 4 {
		t.Errorf("only %d passwords, tokens and addresses were looked for", searched)
	}
	for _, line := range lines {
		t.Errorf("the log holds a password, a token or an address: %s", masked(line))
	}
}

func logHungUp(t *T) {
	before := len(t.target.Output())
	host := strings.TrimPrefix(t.target.URL, "http://")
	for _, path := range []string{"/login", "/register", "/refresh"} {
		connection, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatalf("%v", err)
		}
		fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", t.path(http.MethodPost, path), host)
		_ = connection.Close()
	}
	t.member() // by then the app has seen the others go
	for _, word := range []string{"Traceback", "goroutine ", "panic"} {
		if strings.Contains(t.target.Output()[before:], word) {
			t.Errorf("a client that hangs up leaves a %q in the log", word)
		}
	}
}
