package conformance

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthCallbackCases = []Case{
	{
		Name: "oauth/callback-signs-in-with-each-provider", Section: "oauth: GET /callback, /callback/{provider}",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, RFC: []string{"RFC 6749 4.1.2"}, Run: callbackSignsIn,
	},
	{
		Name: "oauth/the-code-is-exchanged-by-the-book", Section: "oauth: state, PKCE S256 verifier and, for OpenID, nonce: our own, 256 random bits each",
		Type: feature.OAuth, ASVS: []string{"10.2.1"}, RFC: []string{"RFC 6749 4.1.3", "RFC 7636 4.5"}, Run: callbackExchange,
	},
	{
		Name: "oauth/signing-in-again-is-the-same-user", Section: "oauth: The identity is (provider, subject)",
		Type: feature.OAuth, ASVS: []string{"7.2.4", "10.5.2"}, Run: callbackAgain,
	},
	{
		Name: "oauth/two-tabs-both-work", Section: "oauth: bound to the browser by a cookie of that attempt (two tabs work)",
		Type: feature.OAuth, ASVS: []string{"10.1.2"}, Run: callbackTabs,
	},
	{
		Name: "oauth/a-state-that-is-none-is-refused", Section: "oauth: state, PKCE S256 verifier and, for OpenID, nonce: our own, 256 random bits each",
		Type: feature.OAuth, ASVS: []string{"7.6.2", "10.1.2", "10.2.1"}, RFC: []string{"RFC 6749 10.12", "RFC 9700 4.7.1"}, Run: callbackForgedState,
	},
	{
		Name: "oauth/a-state-serves-once", Section: "oauth: rows taken by one DELETE…RETURNING, 10 min",
		Type: feature.OAuth, ASVS: []string{"10.1.2", "10.2.1"}, RFC: []string{"RFC 9700 4.7.1"}, Run: callbackReplayed,
	},
	{
		Name: "oauth/of-ten-callbacks-at-once-one-signs-in", Section: "oauth: rows taken by one DELETE…RETURNING, 10 min",
		Type: feature.OAuth, ASVS: []string{"10.1.2"}, Run: callbackTogether,
	},
	{
		Name: "oauth/an-old-state-is-refused", Section: "oauth: rows taken by one DELETE…RETURNING, 10 min",
		Type: feature.OAuth, ASVS: []string{"10.1.2"}, Needs: []Need{NeedDB}, Run: callbackExpired,
	},
	{
		Name: "oauth/another-browsers-state-is-refused-and-stays", Section: "oauth: bound to the browser by a cookie of that attempt (two tabs work)",
		Type: feature.OAuth, ASVS: []string{"7.6.2", "10.1.2", "10.2.1"}, RFC: []string{"RFC 6749 10.12", "RFC 9700 4.7.1"}, Run: callbackForeign,
	},
	{
		Name: "oauth/a-code-of-another-sign-in-is-refused", Section: "oauth: state, PKCE S256 verifier and, for OpenID, nonce: our own, 256 random bits each",
		Type: feature.OAuth, ASVS: []string{"10.2.1"}, RFC: []string{"RFC 9700 4.5.3.1"}, Run: callbackInjected,
	},
	{
		Name: "oauth/a-code-needs-the-verifier-of-its-attempt", Section: "oauth: state, PKCE S256 verifier and, for OpenID, nonce: our own, 256 random bits each",
		Type: feature.OAuth, ASVS: []string{"10.2.1"}, RFC: []string{"RFC 7636 4.6"}, Needs: []Need{NeedDB}, Run: callbackVerifier,
	},
	{
		Name: "oauth/providers-are-not-mixed-up", Section: "oauth: GET /callback, /callback/{provider}",
		Type: feature.OAuth, ASVS: []string{"10.2.2"}, RFC: []string{"RFC 9700 4.4.2.2"}, Run: callbackMixUp,
	},
	{
		Name: "oauth/iss-is-compared", Section: "oauth: iss in the callback compared where the provider promises it",
		Type: feature.OAuth, Provider: feature.OIDC, ASVS: []string{"10.2.2"}, RFC: []string{"RFC 9207 2.4", "RFC 9700 4.4.2.1"}, Run: callbackIss,
	},
	{
		Name: "oauth/who-cancels-is-told-so", Section: "oauth: The user's refusal",
		Type: feature.OAuth, ASVS: []string{"7.6.2"}, RFC: []string{"RFC 6749 4.1.2.1"}, Run: callbackDenied,
	},
	{
		Name: "oauth/a-providers-error-is-not-repeated", Section: "oauth: The user's refusal",
		Type: feature.OAuth, ASVS: []string{"16.5.1"}, RFC: []string{"RFC 6749 4.1.2.1"}, Run: callbackErrors,
	},
	{
		Name: "oauth/a-callback-without-a-code-is-refused", Section: "oauth: GET /callback, /callback/{provider}",
		Type: feature.OAuth, ASVS: []string{"7.6.2"}, RFC: []string{"RFC 6749 4.1.2"}, Run: callbackNoCode,
	},
	{
		Name: "oauth/hostile-callbacks-are-400", Section: "oauth: GET /callback, /callback/{provider}",
		Type: feature.OAuth, ASVS: []string{"7.6.2", "16.5.1"}, RFC: []string{"RFC 6749 10.14"}, Run: callbackHostile,
	},
	{
		Name: "oauth/a-planted-session-is-not-taken-over", Section: "Cookie session: New at every sign-in",
		Type: feature.OAuth, ASVS: []string{"7.2.4"}, Run: callbackFixation,
	},
	{
		Name: "oauth/attempts-end-on-every-replica-at-once", Section: "oauth: rows taken by one DELETE…RETURNING, 10 min",
		Type: feature.OAuth, ASVS: []string{"10.1.2"}, Needs: []Need{NeedBoot}, Run: callbackReplicas,
	},
}

const (
	badState = "Invalid or expired state"
	unclear  = "The provider did not answer as expected"
	refusal  = "The provider refused the sign-in"
)

func callbackSignsIn(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		b, mark := t.browser(), t.mark()
		a := b.signIn(p, account).want(http.StatusSeeOther)
		t.wantLogged("auth.oauth.ok", mark)
		if !t.leadsHome(a.header.Get("Location")) || a.header.Get("Cache-Control") != "no-store" {
			a.errorf("the callback sends the browser to %q, Cache-Control: %s", a.header.Get("Location"), a.header.Get("Cache-Control"))
		}
		user := b.me().want(http.StatusOK).exactly(t.meFields()...)
		for name, want := range map[string]any{
			"email": account.Email, "username": nil, "name": shownName(p, account), "avatar_url": avatar(p, account),
			"is_active": true, "is_superuser": false, "is_verified": true, "oauth_provider": p.Name,
		} {
			if user[name] != want {
				t.Errorf("from %s, %s is %v, want %v", p.Name, name, user[name], want)
			}
		}
		if list := t.sessionList(b.visit("/sessions")); len(list) != 1 || list[0]["method"] != p.Name || list[0]["current"] != true {
			t.Errorf("the sessions after a sign-in with %s are %v", p.Name, list)
		}
		if len(b.attempts()) > 0 {
			t.Errorf("the cookie of the attempt stays")
		}
		if t.target.DB != nil {
			if rows := t.identityRows(number(user["id"])); len(rows) != 1 || rows[0][0] != storedProvider(p) || rows[0][1] != account.Subject || rows[0][2] != account.Email {
				t.Errorf("the identity is stored as %v", rows)
			}
		}
	}
}

func shownName(p *standin.Provider, account standin.Account) string {
	if p.Name == string(feature.Discord) {
		return account.Username
	}
	return account.Name
}

func avatar(p *standin.Provider, account standin.Account) string {
	if p.Name == string(feature.Discord) {
		return "https://cdn.discordapp.com/avatars/" + account.Subject + "/" + account.Picture + ".png"
	}
	return account.Picture
}

func callbackExchange(t *T) {
	for _, p := range t.providers() {
		b := t.browser()
		at := b.begin(p)
		path := at.choose(person(p))
		before := len(p.Requests(standin.Token))
		b.comeBack(path).want(http.StatusSeeOther)
		asked := p.Requests(standin.Token)[before:]
		if len(asked) != 1 {
			t.Fatalf("%s was asked for tokens %d times, want once", p.Name, len(asked))
		}
		form := asked[0].Form
		if form.Get("code") != queryOf(path).Get("code") || form.Get("redirect_uri") != at.address.Query().Get("redirect_uri") ||
			sha256Text(form.Get("code_verifier")) != at.address.Query().Get("code_challenge") || len(form.Get("code_verifier")) < 43 {
			t.Errorf("%s was asked for tokens with %v", p.Name, sortedKeys(form))
		}
		// Either way is fine where discovery offers both; both at once is not.
		if basic := asked[0].Password != ""; basic == form.Has("client_secret") || basic && !openID(p) {
			t.Errorf("the client's secret goes to %s by Basic: %v, in the form: %v", p.Name, basic, form.Has("client_secret"))
		}
	}
}

func callbackAgain(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		first, second := t.browser().enter(p, account), t.browser().enter(p, account)
		if first.userID() != second.userID() || first.cookie(sessionCookie) == second.cookie(sessionCookie) {
			t.Errorf("signing in with %s again is another user, or the same cookie", p.Name)
		}
		if n := len(t.sessionList(first.visit("/sessions"))); n != 2 {
			t.Errorf("after two sign-ins there are %d sessions", n)
		}
		before := second.cookie(sessionCookie)
		second.enter(p, account)
		if n := len(t.sessionList(first.visit("/sessions"))); n != 2 {
			t.Errorf("a sign-in over one's own session leaves %d sessions, want 2: the one of before ends", n)
		}
		stale := t.browser()
		stale.setCookie(sessionCookie, before)
		stale.outside("the cookie was replaced")
	}
}

func callbackTabs(t *T) {
	for _, p := range t.providers() {
		b, account := t.browser(), person(p)
		left, right := b.begin(p, "next", "/left"), b.begin(p, "next", "/right")
		leftPath, rightPath := left.choose(account), right.choose(account)
		for want, path := range map[string]string{"/right": rightPath, "/left": leftPath} {
			if have := b.comeBack(path).want(http.StatusSeeOther).header.Get("Location"); have != want {
				t.Errorf("a tab of %s ends at %q, want %q", p.Name, have, want)
			}
		}
		b.me().want(http.StatusOK)
	}
}

func callbackForgedState(t *T) {
	for _, p := range t.providers() {
		b, account := t.browser(), person(p)
		at := b.begin(p)
		path := at.choose(account)
		state := at.state()
		for what, changed := range map[string]string{
			"no state":           changeQuery(path, "state", ""),
			"another state":      changeQuery(path, "state", newVerifier()[:43]),
			"a shorter state":    changeQuery(path, "state", state[:42]),
			"a longer state":     changeQuery(path, "state", state+"A"),
			"a padded state":     changeQuery(path, "state", state+"="),
			"the row's id":       changeQuery(path, "state", challengeID(state)),
			"another case":       changeQuery(path, "state", strings.ToUpper(state)),
			"two states":         path + "&state=" + state,
			"the cookie's value": changeQuery(path, "state", b.cookie(at.cookieName())),
			"neither":            t.callbackPath(p),
		} {
			b.comeBack(changed).refused(p.Name+" with "+what, http.StatusBadRequest, badState)
		}
		b.wantNothing("forged states", account)
		b.comeBack(path).expect("the real one afterwards", http.StatusSeeOther)
	}
}

func callbackReplayed(t *T) {
	for _, p := range t.providers() {
		b := t.browser()
		at := b.begin(p)
		cookie := b.cookie(at.cookieName())
		path := at.choose(person(p))
		b.comeBack(path).want(http.StatusSeeOther)
		before := len(p.Requests(standin.Token))
		b.comeBack(path).refused("the callback again", http.StatusBadRequest, badState)
		b.setCookie(at.cookieName(), cookie)
		b.comeBack(path).refused("the callback again, with the cookie of before", http.StatusBadRequest, badState)
		other := t.browser()
		other.setCookie(at.cookieName(), cookie)
		other.comeBack(path).refused("the callback in another browser", http.StatusBadRequest, badState)
		b.me().expect("the session meanwhile", http.StatusOK)
		if len(p.Requests(standin.Token)) != before {
			t.Errorf("%s is asked again for a state that was used", p.Name)
		}
	}
}

func callbackTogether(t *T) {
	p := t.first()
	b, account := t.browser(), person(p)
	path := b.begin(p).choose(account)
	cookies := b.cookies()
	var calls []call
	for range 10 {
		calls = append(calls, get(path).with("Cookie", cookies))
	}
	counts := map[int]int{}
	for _, a := range t.together(calls) {
		counts[a.status]++
	}
	if counts[http.StatusSeeOther] != 1 || counts[http.StatusBadRequest] != 9 {
		t.Errorf("ten callbacks of one attempt at once: %v, want one 303 and nine 400", counts)
	}
}

func callbackExpired(t *T) {
	for _, p := range t.providers() {
		b, account := t.browser(), person(p)
		at := b.begin(p)
		path := at.choose(account)
		t.exec("UPDATE auth_challenges SET expires_at = ? WHERE id = ?", t.target.Dialect.stamp(time.Now().Add(-time.Second)), challengeID(at.state()))
		b.comeBack(path).refused("an attempt of more than ten minutes", http.StatusBadRequest, badState)
		b.wantNothing("an old attempt", account)
	}
}

func callbackForeign(t *T) {
	for _, p := range t.providers() {
		b, account := t.browser(), person(p)
		at := b.begin(p)
		path := at.choose(account)
		victim := t.browser()
		victim.comeBack(path).refused("a state of another browser", http.StatusBadRequest, badState)
		victim.begin(p)
		victim.comeBack(path).refused("the same, with an attempt of one's own", http.StatusBadRequest, badState)
		own := victim.cookie(victim.attempts()[0])
		victim.setCookie(at.cookieName(), own)
		victim.comeBack(path).refused("the same, with one's own value as its cookie", http.StatusBadRequest, badState)
		victim.setCookie(at.cookieName(), sha256Text(b.cookie(at.cookieName())))
		victim.comeBack(path).refused("the same, with the hash as its cookie", http.StatusBadRequest, badState)
		victim.wantNothing("a foreign state", account)
		b.comeBack(path).expect("its own browser afterwards", http.StatusSeeOther)
	}
}

func callbackInjected(t *T) {
	for _, p := range t.providers() {
		attacker, victim := t.browser(), t.browser()
		theirs := person(p)
		stolen := queryOf(attacker.begin(p).choose(theirs)).Get("code")
		at := victim.begin(p)
		path := at.choose(person(p))
		victim.comeBack(changeQuery(path, "code", stolen)).refused("the code of another sign-in", http.StatusBadGateway, refusal)
		victim.wantNothing("an injected code", theirs)
		victim.comeBack(path).refused("the real code afterwards, whose attempt is used up", http.StatusBadRequest, badState)
	}
}

// callbackVerifier puts another verifier into the row of an attempt, as one that an
// attacker has begun would have, and none.
func callbackVerifier(t *T) {
	for _, p := range t.providers() {
		for what, verifier := range map[string]string{"another verifier": newVerifier(), "no verifier": ""} {
			b, account := t.browser(), person(p)
			at := b.begin(p)
			path := at.choose(account)
			data, _ := t.attemptRow(at)
			t.exec("UPDATE auth_challenges SET data = REPLACE(data, ?, ?) WHERE id = ?", data.Verifier, verifier, challengeID(at.state()))
			b.comeBack(path).refused(p.Name+" with "+what, http.StatusBadGateway, refusal)
			b.wantNothing(what, account)
		}
	}
}

func callbackMixUp(t *T) {
	all := t.providers()
	for _, honest := range all {
		for _, other := range feature.Providers {
			if string(other) == honest.Name {
				continue
			}
			b, account := t.browser(), person(honest)
			path := b.begin(honest).choose(account)
			_, query, _ := strings.Cut(path, "?")
			stand := t.target.Providers.Named(string(other))
			before := len(stand.Requests(standin.Token))
			a := b.comeBack("/callback/" + string(other) + "?" + query)
			if t.target.Set.HasProvider(other) {
				a.refused("the state of "+honest.Name+" at the callback of "+string(other), http.StatusBadRequest, badState)
			} else {
				a.expect("the callback of "+string(other), http.StatusNotFound)
			}
			b.wantNothing("a mix-up", account)
			if len(stand.Requests(standin.Token)) != before {
				t.Errorf("a code of %s is sent to %s", honest.Name, other)
			}
		}
	}
}

func callbackIss(t *T) {
	p := t.target.Providers.OIDC
	for what, iss := range map[string]string{
		"no iss": "", "another iss": "https://evil.example", "the iss of another provider": t.target.Providers.Google.URL,
		"a slash more": p.URL + "/", "another case": strings.ToUpper(p.URL), "only the origin": origin(p),
	} {
		b, account := t.browser(), person(p)
		path := b.begin(p).choose(account)
		before := len(p.Requests(standin.Token))
		b.comeBack(changeQuery(path, "iss", iss)).refused(what, http.StatusBadRequest, badState)
		b.wantNothing(what, account)
		if len(p.Requests(standin.Token)) != before {
			t.Errorf("with %s the code is sent on", what)
		}
	}
}

func callbackDenied(t *T) {
	for _, p := range t.providers() {
		b := t.browser()
		at := b.begin(p)
		path := at.cancel()
		b.comeBack(changeQuery(path, "state", newVerifier()[:43])).refused("a refusal with a forged state", http.StatusBadRequest, badState)
		a := b.comeBack(path).refused("a refusal", http.StatusForbidden, "Sign-in was cancelled")
		if len(b.attempts()) > 0 {
			a.errorf("the cookie of the attempt stays")
		}
		b.comeBack(path).refused("the refusal again", http.StatusBadRequest, badState)
		b.outside("a refusal")
	}
}

func callbackErrors(t *T) {
	for _, p := range t.providers() {
		for _, code := range []string{"server_error", "temporarily_unavailable", "invalid_scope", "ACCESS_DENIED", "<script>", strings.Repeat("x", 3000), "a\r\nb"} {
			b := t.browser()
			path := changeQuery(b.begin(p).cancel(), "error", code, "error_description", marked+"<script>", "error_uri", "https://evil.example/"+marked)
			a := b.comeBack(path).refused("error="+quoted(code), http.StatusBadGateway, refusal)
			if strings.Contains(string(a.body), marked) {
				a.errorf("the answer repeats what the provider says")
			}
		}
		b := t.browser()
		path := b.begin(p).choose(person(p))
		b.comeBack(path+"&error=server_error").expect("an error beside a code", http.StatusBadGateway)
		b.outside("an error beside a code")
	}
}

func callbackNoCode(t *T) {
	for _, p := range t.providers() {
		for what, change := range map[string]func(path string) string{
			"no code":         func(path string) string { return changeQuery(path, "code", "") },
			"an empty code":   func(path string) string { return changeQuery(path, "code", "") + "&code=" },
			"two codes":       func(path string) string { return path + "&code=x" },
			"a code too long": func(path string) string { return changeQuery(path, "code", strings.Repeat("x", 2049)) },
		} {
			b := t.browser()
			path := b.begin(p).choose(person(p))
			before := len(p.Requests(standin.Token))
			b.comeBack(change(path)).refused(what, http.StatusBadRequest, "Invalid callback")
			if len(p.Requests(standin.Token)) != before {
				t.Errorf("with %s %s is asked for tokens", what, p.Name)
			}
			b.outside(what)
		}
	}
}

func callbackHostile(t *T) {
	p := t.first()
	for _, text := range []string{"%00", "%ff", "%ed%a0%80", "%0d%0aSet-Cookie:a=b", "'%20OR%201=1", "%F0%9F%94%91", "%", "%zz", "[]", strings.Repeat("%00", 500), strings.Repeat("x", 5000), "$ne"} {
		for _, query := range []string{"state=" + text, "state=" + text + "&code=" + text, "error=" + text, "state[]=" + text, "=" + text, text} {
			b := t.browser()
			b.begin(p)
			a := b.comeBack("/callback?"+query).expect("the query "+quoted(query), http.StatusBadRequest)
			if strings.Contains(string(a.body), "OR 1=1") {
				a.errorf("the answer repeats the query")
			}
		}
		b := t.browser()
		path := b.begin(p).choose(person(p))
		code := queryOf(path).Get("code")
		b.comeBack(strings.Replace(path, "code="+url.QueryEscape(code), "code="+text, 1)).expect("the code "+quoted(text), http.StatusBadRequest, http.StatusBadGateway)
		b = t.browser()
		at := b.begin(p)
		b.setCookie(at.cookieName(), strings.Trim(strings.Repeat("x", 4000), " "))
		b.comeBack(at.choose(person(p))).refused("a long cookie", http.StatusBadRequest, badState)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		b := t.browser()
		path := b.begin(p).choose(person(p))
		c := get(path)
		c.method = method
		b.send(c).expect(method+" of the callback", http.StatusMethodNotAllowed, http.StatusNotFound)
		b.outside(method + " of the callback")
	}
}

func callbackFixation(t *T) {
	for _, p := range t.providers() {
		attacker := t.browser().enter(p, person(p))
		planted := attacker.cookie(sessionCookie)
		for what, value := range map[string]string{"a session of the attacker": planted, "a value of the attacker": newVerifier()[:43]} {
			victim := t.browser()
			victim.setCookie(sessionCookie, value)
			account := person(p)
			victim.enter(p, account)
			if victim.cookie(sessionCookie) == value || victim.user()["email"] != account.Email {
				t.Errorf("a sign-in with %s goes on with %s in the cookie", p.Name, what)
			}
			knower := t.browser()
			knower.setCookie(sessionCookie, value)
			if a := knower.me(); a.status == http.StatusOK && a.object()["email"] == account.Email {
				a.errorf("%s leads to the victim's account", what)
			}
		}
	}
}

func callbackReplicas(t *T) {
	replica := t.boot(nil)
	for _, p := range t.providers() {
		b, account := t.browser(), person(p)
		path := b.begin(p).choose(account)
		there := b.on(replica)
		there.comeBack(path).want(http.StatusSeeOther)
		b.comeBack(path).refused("the same callback on another replica", http.StatusBadRequest, badState)
		back := there.on(t)
		back.me().expect("the session on the other replica", http.StatusOK)
	}
}
