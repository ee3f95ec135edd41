package conformance

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

var sessionCases = []Case{
	{
		Name: "logout/ends-the-session-of-the-token", Section: "Sessions: POST /logout",
		ASVS: []string{"7.4.1", "7.4.4"}, Run: logoutEnds,
	},
	{
		Name: "logout/again-is-401", Section: "Sessions: POST /logout",
		ASVS: []string{"7.4.1"}, Run: logoutAgain,
	},
	{
		Name: "logout/needs-a-token", Section: "Sessions: POST /logout",
		ASVS: []string{"7.2.1"}, Run: logoutNeedsToken,
	},
	{
		Name: "logout/ten-at-once-end-one-session", Section: "Sessions: POST /logout",
		ASVS: []string{"7.4.1"}, Run: logoutTogether,
	},
	{
		Name: "logout/acts-on-every-replica-at-once", Section: "Access token: logout, disabling and password change act at once",
		ASVS: []string{"7.4.1"}, Needs: []Need{NeedBoot}, Run: logoutEverywhere,
	},
	{
		Name: "sessions/have-exactly-their-fields", Section: "Sessions: GET /sessions",
		Type: feature.JWT, ASVS: []string{"7.5.2"}, Run: sessionsFields,
	},
	{
		Name: "sessions/the-newest-comes-first", Section: "Sessions: GET /sessions",
		Needs: []Need{NeedDB}, Run: sessionsOrder,
	},
	{
		Name: "sessions/only-live-ones-are-listed", Section: "Sessions: GET /sessions",
		ASVS: []string{"7.5.2"}, Needs: []Need{NeedDB}, Run: sessionsLive,
	},
	{
		Name: "sessions/only-own-ones-are-listed", Section: "Sessions: GET /sessions",
		ASVS: []string{"7.5.2"}, Run: sessionsOwn,
	},
	{
		Name: "sessions/a-refresh-is-being-seen", Section: "Sessions: GET /sessions",
		ASVS: []string{"7.5.2"}, Needs: []Need{NeedDB}, Run: sessionsSeen,
	},
	{
		Name: "sessions/any-user-agent-can-sign-in", Section: "Sessions: GET /sessions",
		Type: feature.JWT, Run: sessionsUserAgent,
	},
	{
		Name: "sessions/delete-ends-one", Section: "Sessions: DELETE /sessions/{id}, /sessions",
		ASVS: []string{"7.5.2", "6.5.6"}, Run: sessionsDelete,
	},
	{
		Name: "sessions/delete-ends-the-current-one", Section: "Sessions: DELETE /sessions/{id}, /sessions",
		ASVS: []string{"7.5.2", "6.5.6"}, Run: sessionsDeleteCurrent,
	},
	{
		Name: "sessions/delete-of-another's-is-404", Section: "Sessions: another's → 404",
		ASVS: []string{"7.5.2"}, RFC: []string{"RFC 9110 15.5.5"}, Run: sessionsDeleteForeign,
	},
	{
		Name: "sessions/delete-of-anything-else-is-404", Section: "Sessions: DELETE /sessions/{id}, /sessions",
		Run: sessionsDeleteHostile,
	},
	{
		Name: "sessions/delete-all-but-this-one", Section: "Sessions: all but this one → 204",
		ASVS: []string{"7.5.2", "6.5.6"}, Run: sessionsDeleteOthers,
	},
	{
		Name: "sessions/delete-acts-on-every-replica-at-once", Section: "Sessions: DELETE /sessions/{id}, /sessions",
		ASVS: []string{"7.4.1", "6.5.6"}, Needs: []Need{NeedBoot}, Run: sessionsDeleteEverywhere,
	},
	{
		Name: "sessions/need-a-token", Section: "Sessions: GET /sessions",
		ASVS: []string{"7.2.1"}, Run: sessionsNeedToken,
	},
	{
		Name: "sessions/ends-are-logged", Section: "Log: Structured events",
		ASVS: []string{"16.3.1", "16.2.5"}, Needs: []Need{NeedOutput}, Run: sessionsLogged,
	},
}

// done expects 204 without a body.
func (a *answer) done(what string) {
	a.expect(what, http.StatusNoContent)
	if len(a.body) > 0 {
		a.errorf("%s: the 204 has a body", what)
	}
	if a.status == http.StatusNoContent && a.header.Get("Cache-Control") != "no-store" {
		a.errorf("%s: the 204 may be stored", what)
	}
}

func logoutEnds(t *T) {
	acc, s := t.member()
	other := t.signIn(acc)
	t.logOut(s.access).done("logout")
	t.dead("the session that was logged out", s)
	if t.target.DB != nil && t.sessionRows(s) != "0" {
		t.Errorf("the session that was logged out still has its row")
	}
	t.alive("another session of the same user", other)
}

func logoutAgain(t *T) {
	_, s := t.member()
	t.logOut(s.access).want(http.StatusNoContent)
	t.challenged("logout with the token of an ended session", t.logOut(s.access))
}

func logoutNeedsToken(t *T) {
	_, s := t.member()
	t.challenged("no token", t.send(post("/logout", nil)))
	for _, token := range []string{"", "x", s.access + "x", s.refresh, s.id()} {
		t.challenged("logout with "+quoted(masked(token)), t.logOut(token))
	}
	t.challenged("the token in the body", t.send(post("/logout", map[string]string{"access_token": s.access, "refresh_token": s.refresh})))
	t.alive("the session", s)
}

func logoutTogether(t *T) {
	_, s := t.member()
	ended := 0
	for _, a := range t.together(slices.Repeat([]call{post("/logout", nil).as(s.access)}, 10)) {
		if a.err != nil {
			t.Fatalf("one of 10 at once got no answer: %v", a.err)
		}
		a.expect("one of 10 logouts at once", http.StatusNoContent, http.StatusUnauthorized)
		if a.status == http.StatusNoContent {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("%d of 10 logouts at once say that they ended the session", ended)
	}
	t.dead("the session", s)
}

func logoutEverywhere(t *T) {
	replica := t.boot(nil)
	_, s := t.member()
	s = replica.renew(s)
	t.me(s.access).want(http.StatusOK)
	replica.logOut(s.access).done("logout on the other replica")
	t.dead("the session that the other replica has ended", s)
}

var sessionFields = []string{"id", "created_at", "last_seen_at", "ip", "user_agent", "method", "current"}

// sessions lists the sessions of the bearer of token.
func (t *T) sessions(token string) []map[string]any {
	return t.sessionList(t.send(get("/sessions").as(token)))
}

func (t *T) sessionList(a *answer) []map[string]any {
	a.want(http.StatusOK)
	var list []map[string]any
	if err := json.Unmarshal(a.body, &list); err != nil {
		a.fatalf("the body is not a list of objects: %v", err)
	}
	for _, one := range list {
		if !slices.Equal(t.only(one, sessionFields), slices.Sorted(slices.Values(sessionFields))) {
			a.fatalf("a session has the fields %v, want %v", sortedKeys(one), sessionFields)
		}
	}
	return list
}

// listed are the ids of a list in its order.
func listed(list []map[string]any) []string {
	var ids []string
	for _, one := range list {
		id, _ := one["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

func ids(all ...session) []string {
	var list []string
	for _, s := range all {
		list = append(list, s.id())
	}
	return list
}

func deleteSession(id string) call {
	return call{method: http.MethodDelete, path: "/sessions/" + id}
}

func deleteSessions() call { return call{method: http.MethodDelete, path: "/sessions"} }

func sessionsFields(t *T) {
	acc := t.register()
	phone, laptop := t.fresh(), t.fresh()
	const agent = "Conformance/1.0 (laptop; \"quoted\")"
	first := phone.signIn(acc)
	second := t.session(laptop.send(loginForm(acc.email, acc.password).with("User-Agent", agent)).want(http.StatusOK))
	list := laptop.sessions(second.access)
	if !slices.Equal(listed(list), ids(second, first)) {
		t.Fatalf("two sign-ins are listed as %v, want the two session ids, the newer first", listed(list))
	}
	for i, one := range list {
		if one["method"] != "password" || one["current"] != (i == 0) {
			t.Errorf("session %d: method %v, current %v", i, one["method"], one["current"])
		}
		for _, name := range []string{"created_at", "last_seen_at"} {
			text, _ := one[name].(string)
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil || time.Since(at).Abs() > time.Minute {
				t.Errorf("%s is %v, want the time of now with its zone", name, one[name])
			}
		}
	}
	if list[0]["user_agent"] != agent {
		t.Errorf("user_agent is %q, want %q", list[0]["user_agent"], agent)
	}
	t.wantAddresses(list)
}

// wantAddresses expects the address of the client for each session. Where the suite
// has addresses to choose from, the sessions come from different ones.
func (t *T) wantAddresses(list []map[string]any) {
	var all []netip.Addr
	for _, one := range list {
		text, _ := one["ip"].(string)
		ip, err := netip.ParseAddr(text)
		if err != nil {
			t.Fatalf("ip is %v, want an address", one["ip"])
		}
		all = append(all, ip)
	}
	if t.source.address != "" && (all[0] == all[1] || !all[0].IsLoopback()) {
		t.Errorf("two loopback addresses are listed as %v", all)
	}
}

func sessionsOrder(t *T) {
	acc, first := t.member()
	second, third := t.signIn(acc), t.signIn(acc)
	t.age(first, "created_at", time.Hour)
	t.age(second, "created_at", 3*time.Hour)
	t.age(third, "created_at", 2*time.Hour)
	if have := listed(t.sessions(third.access)); !slices.Equal(have, ids(first, third, second)) {
		t.Errorf("sessions of 1, 3 and 2 hours ago are not listed newest first")
	}
}

func sessionsLive(t *T) {
	acc, s := t.member()
	idle, old, loggedOut := t.signIn(acc), t.signIn(acc), t.signIn(acc)
	t.age(idle, "expires_at", 2*time.Second)
	t.age(old, "created_at", 90*24*time.Hour+time.Minute)
	t.logOut(loggedOut.access).want(http.StatusNoContent)
	if have := listed(t.sessions(s.access)); !slices.Equal(have, ids(s)) {
		t.Errorf("%d sessions are listed, want the one that is not over", len(have))
	}
}

func sessionsOwn(t *T) {
	_, s := t.member()
	t.member()
	if have := listed(t.sessions(s.access)); !slices.Equal(have, ids(s)) {
		t.Errorf("%d sessions are listed, want the user's only one", len(have))
	}
}

func sessionsSeen(t *T) {
	_, s := t.member()
	t.age(s, "last_seen_at", time.Hour)
	seen := func() time.Duration {
		text, _ := t.sessions(s.access)[0]["last_seen_at"].(string)
		at, _ := time.Parse(time.RFC3339Nano, text)
		return time.Since(at)
	}
	if ago := seen(); ago < 59*time.Minute || ago > 61*time.Minute {
		t.Errorf("last_seen_at was %v ago, want an hour", ago)
	}
	t.renew(s)
	if ago := seen(); ago.Abs() > time.Minute {
		t.Errorf("after a refresh last_seen_at was %v ago", ago)
	}
}

func sessionsUserAgent(t *T) {
	acc := t.register()
	for _, agent := range []string{
		"", strings.Repeat("long ", 2000), "caf\xe9 \xff\xfe", "žluťoučký kůň", "<script>alert(1)</script>", "a\tb", `"'\;--`,
	} {
		s := t.session(t.send(loginForm(acc.email, acc.password).with("User-Agent", agent)).want(http.StatusOK))
		if have := listed(t.sessions(s.access)); !slices.Contains(have, s.id()) {
			t.Errorf("the session of the agent %s is not listed", quoted(agent))
		}
	}
}

func sessionsDelete(t *T) {
	acc, s := t.member()
	other, third := t.signIn(acc), t.signIn(acc)
	t.send(deleteSession(other.id()).as(s.access)).done("delete of another session")
	t.dead("the deleted session", other)
	t.send(deleteSession(other.id()).as(s.access)).expect("delete of a session that has ended", http.StatusNotFound)
	if have := listed(t.sessions(s.access)); !slices.Equal(have, ids(third, s)) {
		t.Errorf("after one of three was deleted, %d are listed", len(have))
	}
	t.alive("the third session", third)
	t.alive("the current session", s)
}

func sessionsDeleteCurrent(t *T) {
	acc, s := t.member()
	other := t.signIn(acc)
	t.send(deleteSession(s.id()).as(s.access)).done("delete of the current session")
	t.dead("the deleted session", s)
	t.alive("the other session", other)
}

func sessionsDeleteForeign(t *T) {
	_, s := t.member()
	_, theirs := t.member()
	a := t.send(deleteSession(theirs.id()).as(s.access)).expect("another user's session", http.StatusNotFound)
	unknown := t.send(deleteSession(strings.Repeat("A", 22)).as(s.access)).expect("an unknown session", http.StatusNotFound)
	if string(a.body) != string(unknown.body) {
		a.errorf("another user's session and one that does not exist are told apart")
	}
	t.alive("the other user's session", theirs)
	t.alive("the own session", s)
}

func sessionsDeleteHostile(t *T) {
	acc, s := t.member()
	other := t.signIn(acc)
	id := s.id()
	for _, hostile := range []string{
		"", "%2f", "%00", id + "%00", "%00" + id, "..", ".", "%2e%2e", "..%2f..", "%5c", "%20", id + "%20", "%20" + id, id + "%0a", id + "=", id + ".",
		id[:21], id[:21] + "%25", id[:21] + "_", id + "A", "%25", "_", "*", "%2a", "null", "0", "-1", "1", "current", "me", "%ff", "%ed%a0%80", "%c0%af",
		"%f0%9f%94%91", "%27%20OR%20%271%27=%271", "%22", "%7b%7d", "%5b%5d", "%", "%zz", "%u0000", strings.Repeat("s", 4000), strings.Repeat("%00", 1000),
		id + ";x=1", id + "," + id, url.PathEscape(s.access[:100]),
	} {
		t.rawDelete(hostile, s.access).expect("the id "+quoted(hostile), http.StatusNotFound)
	}
	t.alive("the session", s)
	t.alive("another session of the same user", other)
}

// rawDelete sends an id as it stands, also one that is no valid escape.
func (t *T) rawDelete(id, token string) *answer {
	c := deleteSession(id).as(token)
	if _, err := url.PathUnescape(id); err != nil {
		c = deleteSession(strings.ReplaceAll(id, "%", "%25")).as(token)
	}
	return t.send(c)
}

func sessionsDeleteOthers(t *T) {
	acc, s := t.member()
	second, third := t.signIn(acc), t.signIn(acc)
	_, stranger := t.member()
	t.send(deleteSessions().as(s.access)).done("delete of all others")
	t.dead("the second session", second)
	t.dead("the third session", third)
	if have := listed(t.sessions(s.access)); !slices.Equal(have, ids(s)) {
		t.Errorf("after all others were deleted, %d are listed", len(have))
	}
	t.send(deleteSessions().as(s.access)).done("delete of all others where there are none")
	t.alive("the current session", s)
	t.alive("a stranger's session", stranger)
}

func sessionsDeleteEverywhere(t *T) {
	replica := t.boot(nil)
	acc, s := t.member()
	second, third := replica.signIn(acc), replica.signIn(acc)
	replica.me(second.access).want(http.StatusOK)
	t.send(deleteSession(second.id()).as(s.access)).done("delete of one")
	replica.dead("the deleted session, on the other replica,", second)
	t.send(deleteSessions().as(s.access)).done("delete of all others")
	replica.dead("the session that was one of all others, on the other replica,", third)
}

func sessionsNeedToken(t *T) {
	_, s := t.member()
	_, ended := t.member()
	t.logOut(ended.access).want(http.StatusNoContent)
	for what, c := range map[string]call{"the list": get("/sessions"), "delete of one": deleteSession(s.id()), "delete of all others": deleteSessions()} {
		t.challenged(what+" without a token", t.send(c))
		t.challenged(what+" with garbage", t.send(c.as("garbage")))
		t.challenged(what+" with a refresh token", t.send(c.as(s.refresh)))
		t.challenged(what+" with the token of an ended session", t.send(c.as(ended.access)))
	}
	t.alive("the session", s)
}

// events waits until the log holds the last of a case's events, which may come after
// the answer, and returns all since a mark. What the server itself logs, such as the
// paths of requests, is left out.
func (t *T) events(since int, last string) string {
	return t.eventsUntil(since, func(said string) bool { return strings.Contains(said, last) })
}

func (t *T) eventsUntil(since int, enough func(said string) bool) string {
	var all strings.Builder
	for range 100 {
		all.Reset()
		for line := range strings.Lines(t.target.Output()[since:]) {
			if strings.Contains(line, " auth.") {
				all.WriteString(line)
			}
		}
		if enough(all.String()) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return all.String()
}

func sessionsLogged(t *T) {
	acc, s := t.member()
	second, third := t.signIn(acc), t.signIn(acc)
	before := len(t.target.Output())
	t.send(deleteSession(second.id()).as(s.access)).want(http.StatusNoContent)
	t.send(deleteSessions().as(s.access)).want(http.StatusNoContent)
	t.logOut(s.access).want(http.StatusNoContent)
	said := t.events(before, "auth.logout")
	for event, times := range map[string]int{"auth.session.ended": 2, "auth.logout": 1} {
		if have := strings.Count(said, event); have != times {
			t.Errorf("%s stands %d times in the log, want %d:\n%s", event, have, times, said)
		}
	}
	for what, id := range map[string]string{"a deleted session's": second.id(), "another's": third.id(), "the current session's": s.id()} {
		if strings.Contains(said, id) {
			t.Errorf("the log holds %s id", what)
		}
	}
}
