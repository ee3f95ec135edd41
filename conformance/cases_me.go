package conformance

import (
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

var meCases = []Case{
	{
		Name: "me/is-answered-by-a-process-that-has-just-begun", Section: "Sessions: GET /me",
		Needs: []Need{NeedBoot}, Run: meFirst,
	},
	{
		Name: "me/answers-the-user", Section: "Sessions: GET /me",
		Type: feature.JWT, Run: meAnswersUser,
	},
	{
		Name: "me/without-a-token-is-401-with-challenge", Section: "Errors: 401 carries WWW-Authenticate: Bearer",
		Type: feature.JWT, ASVS: []string{"7.2.1"}, RFC: []string{"RFC 6750 3", "RFC 9110 11.6.1"}, Run: meNeedsToken,
	},
	{
		Name: "me/reads-the-authorization-header", Section: "Sessions: GET /me",
		Type: feature.JWT, RFC: []string{"RFC 6750 2.1", "RFC 9110 11.1"}, Run: meReadsHeader,
	},
	{
		Name: "me/reads-no-other-place", Section: "Sessions: GET /me",
		Type: feature.JWT, ASVS: []string{"14.2.1", "7.2.1"}, RFC: []string{"RFC 6750 2.2", "RFC 6750 2.3"}, Run: meReadsNoOtherPlace,
	},
	{
		Name: "me/garbage-in-the-header-is-401", Section: "Errors: 401 carries WWW-Authenticate: Bearer",
		Type: feature.JWT, ASVS: []string{"7.2.1", "16.5.3"}, RFC: []string{"RFC 6750 3"}, Run: meGarbage,
	},
	{
		Name: "me/a-deleted-session-ends-at-once", Section: "Access token: get_current_user reads user and session in one statement",
		ASVS: []string{"7.4.1"}, Needs: []Need{NeedDB}, Run: meDeletedSession,
	},
	{
		Name: "me/a-disabled-user-is-out-at-once", Section: "Access token: logout, disabling and password change act at once",
		ASVS: []string{"7.4.2", "8.3.2", "6.3.4"}, Needs: []Need{NeedDB}, Run: meDisabledUser,
	},
	{
		Name: "me/a-deleted-user-is-out-at-once", Section: "Access token: logout, disabling and password change act at once",
		Type: feature.JWT, ASVS: []string{"7.4.2"}, Needs: []Need{NeedDB}, Run: meDeletedUser,
	},
	{
		Name: "me/an-idle-session-ends", Section: "Settings: REFRESH_TOKEN_EXPIRE_DAYS=30 (idle)",
		ASVS: []string{"7.3.1"}, Needs: []Need{NeedDB}, Run: meIdleSession,
	},
	{
		Name: "me/an-old-session-ends", Section: "Settings: SESSION_MAX_DAYS=90 (absolute)",
		ASVS: []string{"7.3.2"}, Needs: []Need{NeedDB}, Run: meOldSession,
	},
}

func meAnswersUser(t *T) {
	acc, s := t.member()
	a := t.me(s.access).want(http.StatusOK)
	wantUser(a, a.exactly(t.meFields()...), acc)
	anonymous := newAccount()
	t.send(post("/register", map[string]string{"email": anonymous.email, "password": anonymous.password})).want(201)
	a = t.me(t.signIn(anonymous).access).want(http.StatusOK)
	if fields := a.exactly(t.meFields()...); fields["username"] != nil {
		a.errorf("username is %v, want null", fields["username"])
	}
}

func meNeedsToken(t *T) {
	_, s := t.member()
	t.me(s.access).want(http.StatusOK)
	a := t.send(get("/me")).want(http.StatusUnauthorized)
	if challenge := a.header.Get("WWW-Authenticate"); challenge != "Bearer" {
		a.errorf("WWW-Authenticate is %q, want Bearer", challenge)
	}
	a.detail()
}

func meReadsHeader(t *T) {
	_, s := t.member()
	for _, value := range []string{"Bearer " + s.access, "bearer " + s.access, "BEARER " + s.access} {
		t.send(get("/me").with("Authorization", value)).expect(masked(value), 200)
	}
}

func meReadsNoOtherPlace(t *T) {
	_, s := t.member()
	t.send(get("/me?access_token="+s.access)).expect("the token in the query", 401)
	for _, name := range []string{"access_token", "session", "token", "Authorization"} {
		t.send(get("/me").with("Cookie", name+"="+s.access)).expect("the token in a cookie", 401)
		t.send(get("/me").with("Cookie", name+"="+s.id())).expect("the session id in a cookie", 401)
	}
	t.send(get("/me").with("X-Authorization", "Bearer "+s.access)).expect("another header", 401)
	body := postForm("/me", "access_token", s.access)
	body.method = http.MethodGet
	t.send(body).expect("the token in a body", 401)
}

func meGarbage(t *T) {
	_, s := t.member()
	parts := strings.Split(s.access, ".")
	for _, value := range []string{
		"", "Bearer", "Bearer ", "Bearer  ", "Bearer x", "Bearer .", "Bearer ..", "Bearer ...", "Bearer a.b", "Bearer a.b.c",
		"Bearer null", "Bearer undefined", "Bearer eyJ.eyJ.x", "Bearer \u00e9\u00e9.\u00e9.\u00e9", "Bearer \xff\xfe\xfd",
		"Basic dXNlcjpwYXNz", "Digest username=x", s.access, "Token " + s.access, "Bearer: " + s.access,
		"Bearer " + s.access + "." + parts[2], "Bearer ." + s.access, "Bearer " + s.access + ".",
		"Bearer " + parts[0] + "." + parts[1], "Bearer " + parts[0] + "." + parts[1] + ".", "Bearer " + parts[1] + "." + parts[0] + "." + parts[2],
		"Bearer " + s.access + "," + s.access, "Bearer " + s.access + " " + s.access, "Bearer \"" + s.access + "\"",
		"Bearer " + strings.Repeat("a", 5000), "Bearer " + s.access + strings.Repeat("A", 4096),
		"Bearer " + strings.Repeat(".", 4000), "Bearer " + s.id(), "Bearer " + s.refresh,
	} {
		a := t.send(get("/me").with("Authorization", value)).expect("Authorization "+quoted(masked(value)), 401)
		if a.status == 401 && a.header.Get("WWW-Authenticate") != "Bearer" {
			a.errorf("401 without the challenge")
		}
	}
}

func meDeletedSession(t *T) {
	acc, s := t.member()
	other := t.signIn(acc)
	t.me(s.access).want(http.StatusOK)
	t.exec("DELETE FROM auth_sessions WHERE id = ?", s.id())
	t.me(s.access).expect("after the session's row was deleted", 401)
	t.me(other.access).expect("another session of the same user", 200)
}

func meDisabledUser(t *T) {
	acc, s := t.member()
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, acc.id)
	t.me(s.access).expect("after the user was disabled", 401)
	if t.made() == feature.JWT {
		t.login(acc.email, acc.password).expect("login of a disabled user", 401)
	}
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", true, acc.id)
	t.me(s.access).expect("after the user was enabled again", 200)
}

func meDeletedUser(t *T) {
	acc, s := t.member()
	t.exec("DELETE FROM auth_sessions WHERE id = ?", s.id())
	t.exec("DELETE FROM users WHERE id = ?", acc.id)
	t.me(s.access).expect("after the user's row was deleted", 401)
	t.login(acc.email, acc.password).expect("login of a deleted user", 401)
}

func meIdleSession(t *T) {
	_, s := t.member()
	set := func(at time.Time) {
		t.exec("UPDATE auth_sessions SET expires_at = ? WHERE id = ?", t.target.Dialect.stamp(at), s.id())
	}
	set(time.Now().Add(-2 * time.Second))
	t.me(s.access).expect("after the idle end", 401)
	set(time.Now().Add(time.Hour))
	t.me(s.access).expect("before the idle end", 200)
}

func meOldSession(t *T) {
	_, s := t.member()
	const maxDays = 90 * 24 * time.Hour
	set := func(age time.Duration) {
		at := t.target.Dialect.stamp(time.Now().Add(-age))
		t.exec("UPDATE auth_sessions SET created_at = ? WHERE id = ?", at, s.id())
	}
	set(maxDays + time.Minute)
	t.me(s.access).expect("90 days and a minute after the sign-in", 401)
	set(maxDays - time.Minute)
	t.me(s.access).expect("a minute before 90 days", 200)
}

func meFirst(t *T) {
	acc, s := t.member()
	a := t.boot(nil).me(s.access).want(http.StatusOK)
	if a.object()["email"] != acc.email {
		a.errorf("the user is another one")
	}
}
