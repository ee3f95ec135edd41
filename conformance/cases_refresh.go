package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"fastman/internal/feature"
)

var refreshCases = []Case{
	{
		Name: "refresh/answers-new-tokens-of-the-same-session", Section: "Sessions: POST /refresh",
		ASVS: []string{"7.2.2"}, RFC: []string{"RFC 6749 6"}, Run: refreshRotates,
	},
	{
		Name: "refresh/needs-no-access-token", Section: "Sessions: POST /refresh",
		RFC: []string{"RFC 6749 6"}, Run: refreshAlone,
	},
	{
		Name: "refresh/moves-the-counter-and-the-idle-end", Section: "Refresh token: Each use moves the counter by one",
		ASVS: []string{"7.3.1"}, Needs: []Need{NeedDB}, Run: refreshMoves,
	},
	{
		Name: "refresh/nothing-usable-is-stored", Section: "Refresh token: nothing usable is stored",
		ASVS: []string{"7.2.3"}, Needs: []Need{NeedDB}, Run: refreshStored,
	},
	{
		Name: "refresh/the-one-before-is-answered-with-the-newest", Section: "Refresh token: The one before is answered with the newest again within 10 s",
		Run: refreshAgain,
	},
	{
		Name: "refresh/the-grace-is-10-s", Section: "Refresh token: The one before is answered with the newest again within 10 s",
		RFC: []string{"RFC 9700 4.14.2"}, Needs: []Need{NeedDB}, Run: refreshGrace,
	},
	{
		Name: "refresh/two-generations-back-ends-the-session", Section: "Refresh token: older or later ends the session",
		RFC: []string{"RFC 9700 4.14.2"}, Needs: []Need{NeedDB}, Run: refreshOlder,
	},
	{
		Name: "refresh/a-later-counter-ends-the-session", Section: "Refresh token: older or later ends the session",
		Needs: []Need{NeedSecret, NeedDB}, Run: refreshLater,
	},
	{
		Name: "refresh/a-reuse-is-logged", Section: "Refresh token: logs auth.refresh.reused",
		ASVS: []string{"16.3.1"}, RFC: []string{"RFC 9700 4.14.2"}, Needs: []Need{NeedOutput}, Run: refreshReuseLogged,
	},
	{
		Name: "refresh/fifty-at-once-rotate-once", Section: "Refresh token: 50 concurrent refreshes: all 200, one rotation",
		Run: refreshTogether,
	},
	{
		Name: "refresh/fifty-at-once-on-two-replicas-rotate-once", Section: "Refresh token: 50 concurrent refreshes: all 200, one rotation",
		Needs: []Need{NeedBoot}, Run: refreshTogetherOnTwo,
	},
	{
		Name: "refresh/replicas-see-each-other's-rotations", Section: "Refresh token: Each use moves the counter by one",
		RFC: []string{"RFC 9700 4.14.2"}, Needs: []Need{NeedBoot, NeedDB}, Run: refreshOnTwo,
	},
	{
		Name: "refresh/a-logout-among-fifty-wins", Section: "Access token: logout, disabling and password change act at once",
		ASVS: []string{"7.4.1"}, Run: refreshAgainstLogout,
	},
	{
		Name: "refresh/a-disabled-user-gets-nothing", Section: "Access token: logout, disabling and password change act at once",
		ASVS: []string{"7.4.2", "6.3.4"}, Needs: []Need{NeedDB}, Run: refreshDisabled,
	},
	{
		Name: "refresh/an-idle-session-is-over", Section: "Settings: REFRESH_TOKEN_EXPIRE_DAYS=30 (idle)",
		ASVS: []string{"7.3.1"}, Needs: []Need{NeedDB}, Run: refreshIdle,
	},
	{
		Name: "refresh/no-refresh-outlives-the-absolute-end", Section: "Settings: SESSION_MAX_DAYS=90 (absolute)",
		ASVS: []string{"7.3.2"}, Needs: []Need{NeedDB}, Run: refreshAbsolute,
	},
	{
		Name: "refresh/a-hundred-failures-per-ip", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		ASVS: []string{"6.3.1"}, RFC: []string{"RFC 6585 4"}, Run: refreshThrottled,
	},
	{
		Name: "refresh/failures-at-once-do-not-pass-the-bound", Section: "Throttle: Rows, one atomic upsert each",
		ASVS: []string{"6.3.1"}, Run: refreshThrottledTogether,
	},
	{
		Name: "refresh/makes-no-login-recent", Section: "Files: require_recent_login (10 min; 403 reauth_required)",
		ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB}, Run: refreshIsNoLogin,
	},
}

func refreshRotates(t *T) {
	_, s := t.member()
	a := t.refresh(s.refresh).want(http.StatusOK)
	fields := a.exactly("access_token", "token_type", "expires_in", "refresh_token")
	next := t.session(a)
	if fields["token_type"] != "bearer" {
		a.errorf("token_type is %v, want bearer", fields["token_type"])
	}
	lifetime := strconv.FormatInt(next.seconds("exp")-next.seconds("iat"), 10)
	if fields["expires_in"] != json.Number(lifetime) {
		a.errorf("expires_in is %v, want %s: exp - iat", fields["expires_in"], lifetime)
	}
	if next.id() != s.id() || next.claims["sub"] != s.claims["sub"] {
		a.errorf("the new access token is of another session or user")
	}
	if next.access == s.access || next.claims["jti"] == s.claims["jti"] || next.refresh == s.refresh {
		a.errorf("a token is the one of before")
	}
	if id, counter, _, err := splitRefresh(next.refresh); err != nil || id != s.id() || counter != 1 {
		a.errorf("the new refresh token is not <sid>.1.<HMAC> (%v)", err)
	}
	t.alive("the refreshed session", next)
}

func refreshAlone(t *T) {
	_, s := t.member()
	for _, value := range []string{"Bearer " + s.access + "x", "Bearer", "Basic dXNlcjpwYXNz"} {
		a := t.send(refreshWith(s.refresh).with("Authorization", value)).expect("beside a worthless Authorization header", http.StatusOK)
		if a.status == http.StatusOK {
			s = t.session(a)
		}
	}
}

func refreshMoves(t *T) {
	_, s := t.member()
	t.age(s, "expires_at", -time.Hour)
	for _, column := range []string{"last_seen_at", "refreshed_at"} {
		t.age(s, column, time.Hour)
	}
	t.renew(s)
	now := t.target.Dialect.stamp(time.Now().Add(-time.Minute))
	idle := t.target.Dialect.stamp(time.Now().Add(30*24*time.Hour - time.Minute))
	beyond := t.target.Dialect.stamp(time.Now().Add(30*24*time.Hour + time.Minute))
	for what, condition := range map[string][]any{
		"the counter is 1":             {"refresh_counter = ?", 1},
		"last_seen_at is now":          {"last_seen_at > ?", now},
		"refreshed_at is now":          {"refreshed_at > ?", now},
		"the idle end is 30 days away": {"expires_at > ?", idle},
		"and no further":               {"expires_at < ?", beyond},
	} {
		row := t.row("SELECT COUNT(*) FROM auth_sessions WHERE "+condition[0].(string)+" AND id = ?", condition[1], s.id())
		if row[0] != "1" {
			t.Errorf("after a refresh it is not true that %s", what)
		}
	}
}

func refreshStored(t *T) {
	_, s := t.member()
	next := t.renew(s)
	row := strings.Join(t.row("SELECT * FROM auth_sessions WHERE id = ?", s.id()), "\n")
	for what, token := range map[string]string{
		"the first refresh token": s.refresh, "the second refresh token": next.refresh, "the access token": next.access,
	} {
		if strings.Contains(row, token[strings.LastIndexByte(token, '.')+1:]) {
			t.Errorf("%s stands in the session's row", what)
		}
	}
}

func refreshAgain(t *T) {
	_, first := t.member()
	second := t.renew(first)
	for range 3 {
		if again := t.renew(first); again.refresh != second.refresh {
			t.Errorf("the refresh token of before is answered with another one than the newest")
		}
	}
	third := t.renew(second)
	again := t.renew(second)
	if again.refresh != third.refresh {
		t.Errorf("after the second rotation, the token of before is answered with another one than the newest")
	}
	t.me(again.access).expect("the access token that was given along", http.StatusOK)
	t.alive("the newest", third)
}

func refreshGrace(t *T) {
	acc, first := t.member()
	other := t.signIn(acc)
	second := t.renew(first)
	t.age(first, "refreshed_at", 7*time.Second)
	if again := t.renew(first); again.refresh != second.refresh {
		t.Errorf("7 s after the rotation, the token of before is answered with another one than the newest")
	}
	t.age(first, "refreshed_at", 11*time.Second)
	t.refresh(first.refresh).expect("the token of before, 11 s after the rotation", http.StatusUnauthorized)
	t.ended("the session whose token was reused", second)
	t.alive("another session of the same user", other)
}

// ended expects that a session is gone, row and tokens.
func (t *T) ended(what string, s session) {
	if rows := t.sessionRows(s); rows != "0" {
		t.Errorf("%s still has its row", what)
	}
	t.dead(what, s)
}

func refreshOlder(t *T) {
	_, first := t.member()
	second := t.renew(first)
	third := t.renew(second)
	t.refresh(first.refresh).expect("the first token after two rotations, at once", http.StatusUnauthorized)
	t.ended("the session whose token was reused", third)
	t.dead("the generation between", second)
}

func refreshLater(t *T) {
	for _, ahead := range []int{1, 2, 1000} {
		_, s := t.member()
		s = t.renew(s)
		forged := refreshToken(t.target.Secret, s.id(), 1+ahead, t.salt(s))
		t.refresh(forged).expect("a counter that is "+strconv.Itoa(ahead)+" ahead", http.StatusUnauthorized)
		t.ended("the session with a counter "+strconv.Itoa(ahead)+" ahead", s)
	}
}

// salt reads what the refresh tokens of a session are signed with beside the key.
func (t *T) salt(s session) []byte {
	salt, err := b64.DecodeString(t.row("SELECT salt FROM auth_sessions WHERE id = ?", s.id())[0])
	if err != nil {
		t.Fatalf("the session's salt: %v", err)
	}
	return salt
}

func refreshReuseLogged(t *T) {
	acc, first := t.member()
	t.renew(t.renew(first))
	before := len(t.target.Output())
	t.refresh(first.refresh).want(http.StatusUnauthorized)
	user := `user_id="` + strconv.FormatInt(acc.id, 10) + `"`
	bare := strings.ReplaceAll(user, `"`, "")
	said := t.events(before, "auth.refresh.reused")
	for line := range strings.Lines(said) {
		if strings.Contains(line, "auth.refresh.reused") && (strings.Contains(line, user) || strings.Contains(line, bare)) {
			return
		}
	}
	t.Errorf("the log has no auth.refresh.reused of the user:\n%s", said)
}

func refreshTogether(t *T) {
	_, s := t.member()
	t.rotatesOnce(t.together(slices.Repeat([]call{refreshWith(s.refresh)}, 50)))
}

func refreshTogetherOnTwo(t *T) {
	replica := t.boot(nil)
	for range 3 {
		_, s := t.member()
		calls := slices.Repeat([]call{refreshWith(s.refresh)}, 25)
		there := make(chan []*answer)
		go func() { there <- replica.together(calls) }()
		here := t.together(calls)
		t.rotatesOnce(append(here, <-there...))
	}
}

// rotatesOnce expects that all answers to one refresh token carry the same next one,
// the first of its session.
func (t *T) rotatesOnce(answers []*answer) {
	var newest session
	for _, a := range answers {
		if a.err != nil {
			t.Fatalf("one of %d at once got no answer: %v", len(answers), a.err)
		}
		next := t.session(a.want(http.StatusOK))
		if refreshCounter(next) != 1 {
			a.fatalf("one of %d at once made rotation %d", len(answers), refreshCounter(next))
		}
		if newest.refresh != "" && next.refresh != newest.refresh {
			a.fatalf("%d at once were given different refresh tokens", len(answers))
		}
		newest = next
		t.me(next.access).expect("each access token that was given", http.StatusOK)
	}
	if t.target.DB != nil {
		if row := t.row("SELECT refresh_counter FROM auth_sessions WHERE id = ?", newest.id()); row[0] != "1" {
			t.Errorf("%d at once moved the counter to %s", len(answers), row[0])
		}
	}
	t.alive("the session", newest)
}

func refreshOnTwo(t *T) {
	replica := t.boot(nil)
	_, first := t.member()
	second := replica.renew(first)
	if again := t.renew(first); again.refresh != second.refresh {
		t.Errorf("the other replica answers the token of before with another one than the newest")
	}
	third := t.renew(second)
	replica.me(third.access).expect("the access token of the other replica", http.StatusOK)
	fourth := replica.renew(third)
	t.age(first, "refreshed_at", 11*time.Second)
	t.refresh(third.refresh).expect("reuse where the rotation was not made", http.StatusUnauthorized)
	replica.ended("the session, on the other replica,", fourth)
}

func refreshAgainstLogout(t *T) {
	for range 3 {
		app := t.fresh() // or the refusals of three rounds would pass the bound
		_, s := app.member()
		calls := slices.Repeat([]call{refreshWith(s.refresh)}, 49)
		calls = slices.Insert(calls, 20, post("/logout", nil).as(s.access))
		for i, a := range app.together(calls) {
			switch {
			case a.err != nil:
				t.Fatalf("one of 50 at once got no answer: %v", a.err)
			case i == 20:
				a.expect("the logout", http.StatusNoContent)
			case a.expect("a refresh beside a logout", http.StatusOK, http.StatusUnauthorized).status == http.StatusOK:
				t.me(t.session(a).access).expect("what a refresh gave before the logout", http.StatusUnauthorized)
			}
		}
		app.dead("the session", s)
	}
}

func refreshDisabled(t *T) {
	acc, s := t.member()
	former := s
	s = t.renew(s)
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, acc.id)
	t.refresh(former.refresh).expect("a disabled user, by the token before", http.StatusUnauthorized)
	t.refresh(s.refresh).expect("a disabled user", http.StatusUnauthorized)
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", true, acc.id)
	t.alive("a user who is enabled again", s)
}

func refreshIdle(t *T) {
	_, s := t.member()
	t.age(s, "expires_at", 2*time.Second)
	t.refresh(s.refresh).expect("after the idle end", http.StatusUnauthorized)
	_, s = t.member()
	t.age(s, "expires_at", -time.Minute)
	t.refresh(s.refresh).expect("a minute before the idle end", http.StatusOK)
}

func refreshAbsolute(t *T) {
	const maxDays = 90 * 24 * time.Hour
	_, s := t.member()
	t.age(s, "created_at", maxDays-time.Minute)
	former := s
	s = t.renew(s)
	t.age(s, "created_at", maxDays+time.Minute)
	t.refresh(former.refresh).expect("the token before, past the absolute end", http.StatusUnauthorized)
	t.dead("90 days and a minute after the sign-in", s)
}

// wrongRefresh is a refresh token whose form is right, of a session that is not.
const wrongRefresh = "AAAAAAAAAAAAAAAAAAAAAA.0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func refreshThrottled(t *T) {
	_, s := t.member()
	for i := range 100 {
		t.refresh(wrongRefresh).expect("failure "+strconv.Itoa(i+1), http.StatusUnauthorized)
		if i%20 == 0 {
			s = t.renew(s) // which is no failure
		}
	}
	a := t.refresh(wrongRefresh).want(http.StatusTooManyRequests)
	a.exactly("detail")
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 15*60 {
		a.errorf("Retry-After is %q, want seconds, at most the 15 minutes of the window", a.header.Get("Retry-After"))
	}
	t.refresh(s.refresh).expect("a good token from the same address", http.StatusOK)
	t.fresh().refresh(wrongRefresh).expect("a wrong token from another address", http.StatusUnauthorized)
}

func refreshThrottledTogether(t *T) {
	counts := map[int]int{}
	for _, a := range t.together(slices.Repeat([]call{refreshWith(wrongRefresh)}, 130)) {
		if a.err != nil {
			t.Fatalf("one of 130 at once got no answer: %v", a.err)
		}
		a.expect("one of 130 failures at once", http.StatusUnauthorized, http.StatusTooManyRequests)
		counts[a.status]++
	}
	if want := map[int]int{401: 100, 429: 30}; !maps.Equal(counts, want) {
		t.Errorf("130 failures at once are answered %v, want %v", counts, want)
	}
}

func refreshIsNoLogin(t *T) {
	_, s := t.member()
	t.old(s.id())
	t.send(t.sensitive().as(t.renew(s).access)).refused("an old sign-in that was refreshed", http.StatusForbidden, "reauth_required")
}

// sensitive is a call that takes a recent sign-in.
func (t *T) sensitive() call {
	switch t.made() {
	case feature.Passkey:
		return post("/passkey/recovery/codes", nil)
	case feature.OAuth:
		return linkCall(t.first())
	}
	return post("/password/set", map[string]any{"new_password": newPassword})
}
