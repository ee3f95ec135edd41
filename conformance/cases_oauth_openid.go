package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthOpenIDCases = []Case{
	{
		Name: "oauth/a-forged-id-token-is-refused", Section: "oauth: Google's id_token fully verified",
		Type: feature.OAuth, ASVS: []string{"6.8.2", "9.1.1", "9.1.2", "9.1.3", "9.2.1", "10.5.1", "10.5.4"},
		RFC: []string{"OpenID Connect Core 3.1.3.7", "RFC 8725 3.1"}, Run: openIDForged,
	},
	{
		Name: "oauth/an-id-token-of-another-sign-in-is-refused", Section: "oauth: Google's id_token fully verified",
		Type: feature.OAuth, ASVS: []string{"10.5.1"}, RFC: []string{"OpenID Connect Core 3.1.3.7"}, Run: openIDNonce,
	},
	{
		Name: "oauth/without-an-id-token-nobody-is-signed-in", Section: "oauth: Google's id_token fully verified",
		Type: feature.OAuth, ASVS: []string{"6.8.2"}, RFC: []string{"OpenID Connect Core 3.1.3.3"}, Run: openIDMissing,
	},
	{
		Name: "oauth/aud-may-be-a-list-and-azp-says-for-whom", Section: "oauth: (JWKS, iss, aud, azp, exp, nonce, leeway 0 on exp)",
		Type: feature.OAuth, ASVS: []string{"10.5.4"}, RFC: []string{"OpenID Connect Core 3.1.3.7"}, Run: openIDAudience,
	},
	{
		Name: "oauth/keys-rotate", Section: "oauth: (JWKS, iss, aud, azp, exp, nonce, leeway 0 on exp)",
		Type: feature.OAuth, RFC: []string{"OpenID Connect Core 10.1.1"}, Run: openIDRotation,
	},
	{
		Name: "oauth/userinfo-is-asked-for-what-the-id-token-lacks", Section: "oauth: From each: e-mail, name (discord: username), avatar",
		Type: feature.OAuth, RFC: []string{"OpenID Connect Core 5.3"}, Run: openIDUserinfo,
	},
	{
		Name: "oauth/userinfo-of-somebody-else-is-refused", Section: "oauth: The identity is (provider, subject)",
		Type: feature.OAuth, ASVS: []string{"10.5.2"}, RFC: []string{"OpenID Connect Core 5.3.2"}, Run: openIDUserinfoOfAnother,
	},
	{
		Name: "oauth/microsoft-has-a-claim-of-its-own-for-verified-addresses", Section: "oauth: on its verified flag",
		Type: feature.OAuth, Provider: feature.OIDC, ASVS: []string{"6.8.1"}, Run: openIDMicrosoft,
	},
	{
		Name: "oauth/discovery-is-checked", Section: "oauth: each OpenID issuer its own provider",
		Type: feature.OAuth, ASVS: []string{"10.5.3"}, RFC: []string{"OpenID Connect Discovery 4.3"}, Needs: []Need{NeedBoot}, Run: openIDDiscovery,
	},
	{
		Name: "oauth/discovery-leads-to-no-internal-address", Section: "oauth: answers garbage",
		Type: feature.OAuth, ASVS: []string{"9.1.3"}, Needs: []Need{NeedBoot}, Run: openIDInternal,
	},
	{
		Name: "oauth/a-client-proves-itself-as-discovery-says", Section: "oauth: for OpenID",
		Type: feature.OAuth, Provider: feature.OIDC, RFC: []string{"RFC 6749 2.3.1", "OpenID Connect Core 9"},
		Needs: []Need{NeedBoot}, Run: openIDClientAuth,
	},
}

// forgeries are id_tokens that must be refused.
func (t *T) forgeries(p *standin.Provider) map[string]standin.Forgery {
	wrong, err := p.WrongKey()
	if err != nil {
		t.Fatalf("%v", err)
	}
	own, err := p.OwnKey()
	if err != nil {
		t.Fatalf("%v", err)
	}
	now := time.Now().Unix()
	all := map[string]standin.Forgery{
		"another key under the name of the provider's": wrong,
		"a key of its own in the header":               own,
		"alg none":                                     standin.AlgNone,
		"no signature":                                 standin.Unsigned,
		"a damaged signature":                          standin.Damaged,
		"another issuer":                               standin.Claim("iss", "https://evil.example"),
		"the issuer with a slash more":                 standin.Claim("iss", p.URL+"/"),
		"no issuer":                                    standin.Without("iss"),
		"another audience":                             standin.Claim("aud", "another-client"),
		"a longer audience":                            standin.Claim("aud", p.ClientID+"x"),
		"an empty list of audiences":                   standin.Claim("aud", []string{}),
		"no audience":                                  standin.Without("aud"),
		"another azp":                                  standin.Claim("azp", "another-client"),
		"two audiences and no azp": func(token *standin.IDToken) {
			token.Claims["aud"] = []string{p.ClientID, "another-client"}
			delete(token.Claims, "azp")
		},
		"two audiences and another azp": func(token *standin.IDToken) {
			token.Claims["aud"], token.Claims["azp"] = []string{p.ClientID, "another-client"}, "another-client"
		},
		"an end of two seconds ago": func(token *standin.IDToken) { token.Claims["exp"] = time.Now().Unix() - 2 },
		"an end in 1970":            standin.Claim("exp", 0),
		"no end":                    standin.Without("exp"),
		"an end that is a text":     standin.Claim("exp", "tomorrow"),
		"issued in an hour":         standin.Claim("iat", now+3600),
		"no time of issue":          standin.Without("iat"),
		"not before an hour":        standin.Claim("nbf", now+3600),
		"no subject":                standin.Without("sub"),
		"an empty subject":          standin.Claim("sub", ""),
		"a subject that is a list":  standin.Claim("sub", []string{"1"}),
		"no nonce":                  standin.Without("nonce"),
		"an empty nonce":            standin.Claim("nonce", ""),
		"another nonce":             standin.Claim("nonce", newVerifier()[:43]),
		"a nonce that is a list":    func(token *standin.IDToken) { token.Claims["nonce"] = []any{token.Claims["nonce"]} },
		"an unknown critical header": func(token *standin.IDToken) {
			token.Header["crit"], token.Header["x"] = []string{"x"}, true
		},
		"alg in another case": func(token *standin.IDToken) { token.Header["alg"] = "rs256" },
		"no alg":              func(token *standin.IDToken) { delete(token.Header, "alg") },
		"an unknown kid":      func(token *standin.IDToken) { token.Header["kid"] = "unknown" },
	}
	for i, forge := range p.HS256() {
		all["HS256 with secret "+string(rune('a'+i))] = forge
	}
	return all
}

func openIDForged(t *T) {
	for _, p := range t.openIDs() {
		for what, forge := range t.forgeries(p) {
			t.wantForgery(what, p, forge)
		}
		t.browser().enter(p, person(p)) // the stand-in is itself again
	}
}

// wantForgery expects that a sign-in by such an id_token comes to nothing.
func (t *T) wantForgery(what string, p *standin.Provider, forge standin.Forgery) {
	account, b := person(p), t.browser()
	mark := t.mark()
	mend := p.Forge(forge)
	a := b.signIn(p, account)
	mend()
	a.refused(p.Name+": "+what, http.StatusBadGateway, unclear)
	b.wantNothing(what, account)
	t.wantReason(what, mark, "id_token", "subject", "unavailable")
}

// mark is where the log stands.
func (t *T) mark() int {
	if t.target.Output == nil {
		return 0
	}
	return len(t.target.Output())
}

// wantReason expects an event that says why a sign-in failed.
func (t *T) wantReason(what string, mark int, reasons ...string) {
	t.wantEvent("auth.oauth.failed", what, mark, reasons...)
}

func (t *T) wantEvent(event, what string, mark int, reasons ...string) {
	if t.target.Output == nil {
		return
	}
	given := func(said string) bool {
		return strings.Contains(said, event) && slices.ContainsFunc(reasons, func(reason string) bool {
			return strings.Contains(said, `reason="`+reason) || strings.Contains(said, "reason="+reason)
		})
	}
	if said := t.eventsUntil(mark, given); !given(said) {
		t.Errorf("%s: the log has no %s with the reason %v:\n%s", what, event, reasons, said)
	}
}

// wantLogged expects an event.
func (t *T) wantLogged(event string, mark int) {
	if t.target.Output == nil {
		return
	}
	if said := t.events(mark, event); !strings.Contains(said, event) {
		t.Errorf("the log has no %s:\n%s", event, said)
	}
}

// wantOf expects an event that names the user.
func (t *T) wantOf(event string, id int64, mark int) {
	if t.target.Output == nil {
		return
	}
	want := fmt.Sprintf("%s user_id=%d ", event, id)
	if said := t.events(mark, want); !strings.Contains(said, want) {
		t.Errorf("the log has no %s of the user:\n%s", event, said)
	}
}

func openIDNonce(t *T) {
	for _, p := range t.openIDs() {
		// A whole answer of one's other attempt.
		b, account := t.browser(), person(p)
		other := b.begin(p).address.Query().Get("nonce")
		path := b.begin(p).choose(account)
		mend := p.Forge(standin.Claim("nonce", other))
		a := b.comeBack(path)
		mend()
		a.refused("the nonce of another attempt", http.StatusBadGateway, unclear)
		b.wantNothing("the nonce of another attempt", account)
	}
}

func openIDMissing(t *T) {
	for _, p := range t.openIDs() {
		for what, change := range map[string]func(map[string]any){
			"no id_token":               func(answer map[string]any) { delete(answer, "id_token") },
			"an empty id_token":         func(answer map[string]any) { answer["id_token"] = "" },
			"an id_token of two parts":  func(answer map[string]any) { answer["id_token"] = "e30.e30" },
			"an id_token that is null":  func(answer map[string]any) { answer["id_token"] = nil },
			"an id_token that is a map": func(answer map[string]any) { answer["id_token"] = map[string]any{"sub": "1"} },
			"an encrypted id_token":     func(answer map[string]any) { answer["id_token"] = "e30.e30.e30.e30.e30" },
			"a huge id_token":           func(answer map[string]any) { answer["id_token"] = strings.Repeat("e30.", 50_000) },
		} {
			account, b := person(p), t.browser()
			mend := p.Change(standin.Token, change)
			a := b.signIn(p, account)
			mend()
			a.refused(what, http.StatusBadGateway, unclear)
			b.wantNothing(what, account)
		}
	}
}

func openIDAudience(t *T) {
	for _, p := range t.openIDs() {
		for what, forge := range map[string]standin.Forgery{
			"a list of one audience":        standin.Claim("aud", []string{p.ClientID}),
			"one audience and no azp":       standin.Without("azp"),
			"two audiences and the own azp": standin.Claim("aud", []string{"another-client", p.ClientID}),
			"an end in a minute":            standin.Claim("exp", time.Now().Add(time.Minute).Unix()),
			"issued in half a minute":       standin.Claim("iat", time.Now().Add(30*time.Second).Unix()),
			"claims that nobody knows":      standin.Claim("x", map[string]any{"y": []int{1}}),
		} {
			mend := p.Forge(forge)
			a := t.browser().signIn(p, person(p))
			mend()
			a.expect(p.Name+" with "+what, http.StatusSeeOther)
		}
	}
}

func openIDRotation(t *T) {
	for _, p := range t.openIDs() {
		account := person(p)
		t.browser().enter(p, account)
		for range 3 {
			if err := p.Rotate(); err != nil {
				t.Fatalf("%v", err)
			}
			t.browser().signIn(p, account).expect("a sign-in after a rotation of the keys", http.StatusSeeOther)
		}
		before := len(p.Requests(standin.Keys))
		for range 5 {
			t.browser().enter(p, account)
		}
		if n := len(p.Requests(standin.Keys)) - before; n > 2 {
			t.Errorf("5 sign-ins with known keys read the keys %d times", n)
		}
	}
}

// thin leaves to userinfo what some providers leave to it.
var thin = standin.Without("email", "email_verified", "name", "picture", "preferred_username")

func openIDUserinfo(t *T) {
	for _, p := range t.openIDs() {
		account := person(p)
		mend := p.Forge(thin)
		b := t.browser()
		a := b.signIn(p, account)
		mend()
		a.expect("an id_token without an e-mail", http.StatusSeeOther)
		user := b.user()
		if user["email"] != account.Email || user["name"] != account.Name || user["avatar_url"] != account.Picture || user["is_verified"] != true {
			t.Errorf("by userinfo of %s the user is %v", p.Name, user)
		}
		unverified := person(p)
		unverified.Verified = false
		p.Put(unverified)
		mend = p.Forge(thin)
		b = t.browser()
		a = b.signIn(p, unverified)
		mend()
		a.refused("an address that userinfo says is not verified", http.StatusForbidden, noEmail)
		b.outside("an unverified address of userinfo")
	}
}

func openIDUserinfoOfAnother(t *T) {
	for _, p := range t.openIDs() {
		victim := person(p)
		for what, change := range map[string]func(map[string]any){
			"another subject":        func(answer map[string]any) { answer["sub"], answer["email"] = victim.Subject, victim.Email },
			"no subject":             func(answer map[string]any) { delete(answer, "sub") },
			"an empty subject":       func(answer map[string]any) { answer["sub"] = "" },
			"a subject that is null": func(answer map[string]any) { answer["sub"] = nil },
		} {
			account, b := person(p), t.browser()
			mark := t.mark()
			mends := []func(){p.Forge(thin), p.Change(standin.User, change)}
			a := b.signIn(p, account)
			for _, mend := range mends {
				mend()
			}
			a.refused("userinfo with "+what, http.StatusBadGateway, unclear)
			b.wantNothing("userinfo with "+what, account)
			t.wantReason("userinfo with "+what, mark, "subject", "id_token")
		}
	}
}

// openIDMicrosoft signs in by id_tokens without email_verified.
func openIDMicrosoft(t *T) {
	p := t.target.Providers.OIDC
	for what, xms := range map[string]any{"true": true, `"1"`: "1", "false": false, `"0"`: "0", "null": nil, "a list": []bool{true}} {
		status := http.StatusForbidden
		if what == "true" || what == `"1"` {
			status = http.StatusSeeOther
		}
		mend := p.Forge(func(token *standin.IDToken) {
			delete(token.Claims, "email_verified")
			token.Claims["xms_edov"] = xms
		})
		a := t.browser().signIn(p, person(p))
		mend()
		a.expect("xms_edov "+what, status)
	}
}

// elsewhere is another process of the app, that signs in at stand-ins of its own.
func (t *T) elsewhere(change func(*standin.Providers) (env map[string]string)) *T {
	own, err := standin.Start(t, standin.Options{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(own.Close)
	t.target.allowCallbacks(own)
	more := change(own)
	env := Provided(t.target.Set, own)
	for name, value := range more {
		env[name] = value
	}
	app := t.boot(env)
	app.target.Providers = own
	return app
}

func openIDDiscovery(t *T) {
	for what, change := range map[string]func(p *standin.Provider, answer map[string]any){
		"another issuer":            func(_ *standin.Provider, answer map[string]any) { answer["issuer"] = "https://evil.example" },
		"the issuer with a slash":   func(p *standin.Provider, answer map[string]any) { answer["issuer"] = p.URL + "/" },
		"no issuer":                 func(_ *standin.Provider, answer map[string]any) { delete(answer, "issuer") },
		"no token endpoint":         func(_ *standin.Provider, answer map[string]any) { delete(answer, "token_endpoint") },
		"no authorization endpoint": func(_ *standin.Provider, answer map[string]any) { delete(answer, "authorization_endpoint") },
		"a token endpoint of http elsewhere": func(_ *standin.Provider, answer map[string]any) {
			answer["token_endpoint"] = "http://evil.example/token"
		},
		"an authorization endpoint that is a script": func(_ *standin.Provider, answer map[string]any) {
			answer["authorization_endpoint"] = "javascript:alert(1)"
		},
	} {
		t.eachDiscovery(what, change)
	}
}

// eachDiscovery expects that no sign-in begins while discovery says such a thing, and
// that one does afterwards.
func (t *T) eachDiscovery(what string, change func(*standin.Provider, map[string]any)) {
	if len(t.openIDs()) == 0 {
		return
	}
	var mends []func()
	app := t.elsewhere(func(own *standin.Providers) map[string]string {
		for _, p := range []*standin.Provider{own.Google, own.OIDC} {
			mends = append(mends, p.Change(standin.Discovery, func(answer map[string]any) { change(p, answer) }))
		}
		return nil
	})
	for _, p := range app.openIDs() {
		b := app.browser()
		b.visit(loginPath(p)).expect(p.Name+" whose discovery has "+what, http.StatusBadGateway)
		if len(b.attempts()) > 0 {
			t.Errorf("discovery with %s leaves a cookie", what)
		}
	}
	for _, mend := range mends {
		mend()
	}
	for _, p := range app.openIDs() {
		app.browser().signIn(p, person(p)).expect("afterwards", http.StatusSeeOther)
	}
}

// bait is what a server that nobody is to talk to would answer.
const bait = `{"keys":[],"access_token":"x","token_type":"bearer","sub":"1","id":1}`

func openIDInternal(t *T) {
	if len(t.openIDs()) == 0 {
		return
	}
	for _, name := range []string{"jwks_uri", "token_endpoint", "userinfo_endpoint"} {
		caught := t.trap([]byte(bait))
		app := t.elsewhere(func(own *standin.Providers) map[string]string {
			for _, p := range []*standin.Provider{own.Google, own.OIDC} {
				p.Forge(thin)
				p.Change(standin.Discovery, func(answer map[string]any) { answer[name] = caught.url + "/" + name })
			}
			return nil
		})
		for _, p := range app.openIDs() {
			b, account := app.browser(), person(p)
			a := b.visit(loginPath(p)).expect("a "+name+" on another port", http.StatusFound, http.StatusBadGateway)
			if a.status == http.StatusFound {
				b.comeBack(b.sent(p, a).choose(account)).refused("a "+name+" on another port", http.StatusBadGateway, unclear)
			}
			b.wantNothing("a "+name+" on another port", account)
		}
		caught.wantNoCalls(t, name)
	}
}

func openIDClientAuth(t *T) {
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		app := t.elsewhere(func(own *standin.Providers) map[string]string {
			own.OIDC.AuthMethods = []string{method}
			own.OIDC.ClientID, own.OIDC.ClientSecret = "client:1 & more", "standin+secret/ 100% = :&\"é"
			return nil
		})
		p := app.target.Providers.OIDC
		app.browser().signIn(p, person(p)).expect(method+" with a secret of many characters", http.StatusSeeOther)
		if n := len(p.Requests(standin.Token)); n != 1 {
			t.Errorf("with %s the token endpoint was asked %d times", method, n)
		}
	}
}
