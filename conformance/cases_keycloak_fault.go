package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// A Keycloak that is down, hangs or talks nonsense, and one whose keys change. It is
// played by a stand-in that no other case uses.
var keycloakFaultCases = []Case{
	{
		Name: "keycloak/verifying-asks-nobody", Section: "keycloak: JWKS cached at most 5 min",
		Type: feature.Keycloak, Needs: []Need{NeedBoot, NeedStandinRealm}, Run: keycloakOffline,
	},
	{
		Name: "keycloak/down-at-start-is-503-and-recovers", Section: "keycloak: Keycloak down at start",
		Type: feature.Keycloak, ASVS: []string{"16.5.3"}, RFC: []string{"RFC 9110 15.6.4", "RFC 9110 10.2.3"},
		Needs: []Need{NeedBoot, NeedStandinRealm}, Run: keycloakDownAtStart,
	},
	{
		Name: "keycloak/garbage-for-keys-is-503-and-recovers", Section: "keycloak: Never open",
		Type: feature.Keycloak, ASVS: []string{"16.5.3"}, RFC: []string{"RFC 7517 5"}, Needs: []Need{NeedBoot, NeedStandinRealm}, Turn: Early, Run: keycloakGarbage,
	},
	{
		Name: "keycloak/twenty-on-one-that-hangs-block-no-other-route", Section: "keycloak: One that hangs (10 s) blocks neither other routes nor the start",
		Type: feature.Keycloak, ASVS: []string{"16.5.3"}, Needs: []Need{NeedBoot, NeedStandinRealm}, Turn: Early, Run: keycloakHangs,
	},
	{
		Name: "keycloak/new-keys-are-fetched-once-in-ten-seconds", Section: "keycloak: refetched for an unknown kid at most once in 10 s",
		Type: feature.Keycloak, ASVS: []string{"9.1.3"}, RFC: []string{"RFC 7517 4.5"}, Needs: []Need{NeedBoot, NeedStandinRealm}, Turn: Early, Run: keycloakRotation,
	},
	{
		Name: "keycloak/down-later-serves-what-it-knows", Section: "keycloak: JWKS cached at most 5 min",
		Type: feature.Keycloak, ASVS: []string{"9.1.3", "16.5.3"}, Needs: []Need{NeedBoot, NeedStandinRealm}, Run: keycloakDownLater,
	},
	{
		Name: "keycloak/keys-serve-what-they-are-for", Section: "keycloak: alg, iss, exp without leeway",
		Type: feature.Keycloak, ASVS: []string{"9.1.2", "9.1.3"}, RFC: []string{"RFC 7517 4.2", "RFC 7517 4.4", "RFC 8725 3.1"},
		Needs: []Need{NeedBoot, NeedStandinRealm}, Run: keycloakKeyUse,
	},
	{
		Name: "keycloak/a-private-authority-is-trusted-by-its-file-alone", Section: "keycloak: KEYCLOAK_CA_FILE for a private CA",
		Type: feature.Keycloak, ASVS: []string{"6.7.1"}, Needs: []Need{NeedBoot, NeedStandinRealm}, Run: keycloakAuthority,
	},
}

const (
	unavailable = "Sign-in with Keycloak is not available"
	retryAfter  = "10" // seconds
	// failureRests is how long a failed fetch is not repeated, and what a test waits more.
	failureRests = 1300 * time.Millisecond
	// onceIn is how often an unknown kid may make the app ask.
	onceIn = 10 * time.Second
)

// unavailable expects the answer of an app that has no keys. Any other ends the case.
func (a *answer) unavailable(what string) {
	if a.status != http.StatusServiceUnavailable {
		a.fatalf("%s: status %d, want 503", what, a.status)
	}
	a.refused(what, http.StatusServiceUnavailable, unavailable)
	if a.header.Get("Retry-After") != retryAfter {
		a.errorf("%s: Retry-After is %q, want %s", what, a.header.Get("Retry-After"), retryAfter)
	}
}

// recovers expects that a token serves before long.
func (t *T) recovers(what, compact string) {
	var a *answer
	within(5*time.Second, func() bool {
		a = t.me(compact)
		return a.status == http.StatusOK
	})
	a.expect(what, http.StatusOK)
}

// withKeys is an app with a realm of its own, whose keys it has.
func (t *T) withKeys(prepare func(*standin.Realm)) (app *T, own *standin.Realm, k token) {
	app, own = t.ownRealm(standin.Options{}, "", prepare)
	k = app.arrival()
	app.recovers("a token after the start", app.sealed(k))
	return app, own, k
}

func keycloakOffline(t *T) {
	app, own, k := t.withKeys(nil)
	before, all := own.Fetches(), len(own.Requests(standin.Discovery))
	for i := range 50 {
		app.me(app.sealed(k.claim("jti", fmt.Sprint("id", i)))).want(http.StatusOK)
		app.me(app.sealed(k.claim("aud", "other"))).want(http.StatusUnauthorized)
	}
	if n := own.Fetches() - before; n > 0 || len(own.Requests(standin.Discovery)) > all {
		t.Errorf("100 tokens make the app ask the realm %d times", n)
	}
	if n := len(own.Requests(standin.User)); n > 0 {
		t.Errorf("the app has asked the realm for %d users", n)
	}
}

// blindToken is one of a realm that cannot be asked.
func (t *T) blindToken() token {
	r := t.target.Realm
	return token{map[string]any{"alg": "RS256", "kid": "x", "typ": "JWT"}, map[string]any{
		"iss": r.issuer(), "aud": r.ClientID, "typ": "Bearer", "sub": subject(), "iat": secondsFrom(0), "exp": secondsFrom(time.Minute),
	}}
}

func keycloakDownAtStart(t *T) {
	app, own := t.ownRealm(standin.Options{}, "", (*standin.Realm).Close)
	k := app.blindToken()
	for range 3 {
		app.me(app.sealed(k)).unavailable("a token while Keycloak is down")
		app.send(get("//health")).expect("/health meanwhile", http.StatusOK, http.StatusNotFound)
		app.send(get("/me")).denied("no token meanwhile", noToken)
	}
	if app.target.Output != nil {
		app.logs("auth.keycloak.unavailable")
	}
	if err := own.Restart(); err != nil {
		t.Fatalf("%v", err)
	}
	app.recovers("a token once Keycloak is up", app.sealed(app.arrival()))
	app.me(app.sealed(app.arrival().claim("aud", "other"))).denied("a token for another client then", badToken)
	if app.target.Output == nil {
		return
	}
	app.logs("auth.keycloak.available")
	if n := strings.Count(app.target.Output(), "auth.keycloak.unavailable"); n != 1 {
		t.Errorf("one outage is logged %d times", n)
	}
}

func keycloakGarbage(t *T) {
	json, html := "application/json", "text/html"
	caught, flood := t.trap([]byte(`{"keys":[]}`)), &standin.Flood{Bytes: 100 << 20}
	faults := map[string]http.HandlerFunc{
		"500": standin.Status(http.StatusInternalServerError), "404": standin.Status(http.StatusNotFound), "204": standin.Status(http.StatusNoContent),
		"HTML": standin.Body(html, "<!doctype html><title>Sorry</title>"), "half a JSON": standin.Body(json, `{"keys":[{"kty":"RSA"`),
		"null": standin.Body(json, "null"), "a list": standin.Body(json, "[]"), "no keys": standin.Body(json, `{"keys":[]}`), "keys that are a text": standin.Body(json, `{"keys":"x"}`),
		"keys that are none": standin.Body(json, `{"keys":[1,null,"x",[],{},{"kty":"RSA","kid":"x","n":"!","e":"!"},{"kty":"oct","kid":"y","k":"c2VjcmV0"}]}`),
		"deep JSON":          standin.Body(json, deep), "100 MB": flood.ServeHTTP,
		"a hang-up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a redirect": standin.Redirect(caught.url + "/keys"),
	}
	names := sortedKeys(faults)
	mend := func() {}
	app, own := t.ownRealm(standin.Options{}, "", func(own *standin.Realm) { mend = own.Break(standin.Keys, faults[names[0]]) })
	compact := app.sealed(app.arrival())
	for i, what := range names {
		if i > 0 {
			mend()
			mend = own.Break(standin.Keys, faults[what])
			time.Sleep(failureRests)
		}
		before := own.Fetches()
		app.me(compact).unavailable("keys: " + what)
		if i > 0 && own.Fetches() == before {
			t.Errorf("keys: %s: the realm is not asked again, %v after a failure", what, failureRests)
		}
	}
	mend()
	app.recovers("a token afterwards", compact)
	caught.wantNoCalls(t, "a redirect")
	if n := flood.Sent(); n > sockets {
		t.Errorf("%d MB of 100 were taken", n>>20)
	}
}

// quickly is within what any route may take while others wait.
const quickly = time.Second

func keycloakHangs(t *T) {
	var hanging *standin.Hanging
	start := time.Now()
	app, own := t.ownRealm(standin.Options{}, "", func(own *standin.Realm) { hanging = own.Hang(standin.Keys) })
	defer hanging.Release()
	if took := time.Since(start); took > hung {
		t.Errorf("with a Keycloak that hangs the start takes %v", took.Round(time.Second))
	}
	ours := ""
	if app.target.Set.Has(feature.JWT) {
		_, s := app.member()
		ours = s.access
	}
	compact := app.sealed(app.arrival())
	crowd := make([]call, twentyHangs)
	for i := range crowd {
		crowd[i] = me(compact)
	}
	var answers []*answer
	var all sync.WaitGroup
	all.Go(func() { answers = app.fresh().together(crowd) })
	time.Sleep(500 * time.Millisecond) // until they hang
	for range 30 {
		app.send(get("//health")).expect("/health meanwhile", http.StatusOK, http.StatusNotFound).within(quickly)
		app.send(get("/me")).expect("no token meanwhile", http.StatusUnauthorized).within(quickly)
		app.me("garbage").expect("garbage meanwhile", http.StatusUnauthorized).within(quickly)
		if ours != "" {
			app.me(ours).expect("a session of the app's own meanwhile", http.StatusOK).within(quickly)
		}
	}
	if n := hanging.Waiting(); n > 1 {
		t.Errorf("%d fetches of the keys hang at once, want one", n)
	}
	all.Wait()
	for _, a := range answers {
		if a.err != nil {
			t.Fatalf("one of 20 got no answer: %v", a.err)
		}
		a.unavailable("one of 20 while Keycloak hangs")
		a.within(hung)
	}
	hanging.Release()
	app.recovers("a token afterwards", compact)
	app.hangsLater(own, compact)
}

func (a *answer) within(limit time.Duration) {
	if a.took > limit {
		a.errorf("the answer takes %v", a.took.Round(10*time.Millisecond))
	}
}

// hangsLater lets the realm hang for an app that has its keys: only who comes with
// another key waits.
func (t *T) hangsLater(own *standin.Realm, compact string) {
	hanging := own.Hang(standin.Keys)
	defer hanging.Release()
	ctx, hangUp := context.WithCancel(t)
	defer hangUp()
	unknown := t.sealed(t.arrival().head("kid", "unknown"))
	for range twentyHangs {
		go t.try(ctx, me(unknown))
	}
	time.Sleep(500 * time.Millisecond)
	for range 30 {
		t.me(compact).expect("a token of a known key while others wait", http.StatusOK).within(quickly)
	}
	if n := hanging.Waiting(); n != 1 {
		t.Errorf("20 tokens of an unknown key make %d fetches, want one", n)
	}
}

func keycloakRotation(t *T) {
	app, own, k := t.withKeys(nil)
	old, before := app.sealed(k), own.Fetches()
	fetched := func(want int, what string) {
		if n := own.Fetches() - before; n != want {
			t.Errorf("%s: the keys were fetched %d times, want %d", what, n, want)
		}
	}
	if err := own.Rotate(); err != nil {
		t.Fatalf("%v", err)
	}
	mend := own.Change(standin.Keys, func(map[string]any) { time.Sleep(time.Second) })
	kid, _ := own.Key()
	compact := app.sealed(k.head("kid", kid))
	crowd := make([]call, 20)
	for i := range crowd {
		crowd[i] = me(compact)
	}
	asked := time.Now()
	for _, a := range app.together(crowd) {
		if a.err != nil {
			t.Fatalf("one of 20 got no answer: %v", a.err)
		}
		a.expect("one of 20 tokens of the new key", http.StatusOK)
	}
	mend()
	fetched(1, "20 tokens of a new key at once")
	app.me(old).denied("a token of the withdrawn key", badToken)
	for i := range 20 {
		app.me(app.sealed(k.head("kid", fmt.Sprint("unknown-", i)))).denied("a token of an unknown key", badToken)
	}
	fetched(1, "20 unknown keys within ten seconds")
	time.Sleep(time.Until(asked.Add(onceIn + time.Second)))
	for i := range 20 {
		app.me(app.sealed(k.head("kid", fmt.Sprint("unknown-", i)))).denied("a token of an unknown key", badToken)
	}
	fetched(2, "20 unknown keys ten seconds later")
	app.me(compact).expect("the new key afterwards", http.StatusOK)
}

func keycloakDownLater(t *T) {
	app, own, k := t.withKeys(nil)
	old := app.sealed(k)
	own.Close()
	app.me(old).expect("a token of a known key while Keycloak is down", http.StatusOK)
	app.me(app.sealed(k.claim("aud", "other"))).denied("a token for another client meanwhile", badToken)
	if err := own.Rotate(); err != nil {
		t.Fatalf("%v", err)
	}
	if err := own.Restart(); err != nil {
		t.Fatalf("%v", err)
	}
	kid, _ := own.Key()
	app.me(app.sealed(k.head("kid", kid))).expect("the first token of a Keycloak that came back with new keys", http.StatusOK)
	app.me(old).denied("a token of its former key", badToken)
}

func keycloakKeyUse(t *T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("an EC key: %v", err)
	}
	foreign := keyPairs(t)
	ec, ps, ed := es256(t, curve), foreign[1], foreign[3]
	name := func(pair keyPair, kid string, more ...string) map[string]any {
		jwk := map[string]any{"kid": kid}
		for field, value := range pair.jwk {
			if field != "kid" {
				jwk[field] = value
			}
		}
		for pair := range slices.Chunk(more, 2) {
			jwk[pair[0]] = pair[1]
		}
		return jwk
	}
	offered := []any{
		name(ec, "ec"), name(ps, "ps"), name(ed, "ed"), name(ps, "enc", "use", "enc"), name(ps, "rs384", "alg", "RS384"), name(ec, "ec as rsa", "alg", "RS256"),
		map[string]any{"kty": "oct", "kid": "oct", "alg": "HS256", "use": "sig", "k": b64.EncodeToString([]byte("a key that everybody knows"))},
	}
	app, own, k := t.withKeys(func(own *standin.Realm) {
		own.Change(standin.Keys, func(answer map[string]any) {
			for _, jwk := range answer["keys"].([]map[string]string) {
				offered = append(offered, jwk)
			}
			answer["keys"] = offered
		})
	})
	app.me(k.head("alg", "ES256").head("kid", "ec").signedWith(ec)).expect("ES256 by a key of the realm", http.StatusOK)
	app.me(k.head("alg", "PS256").head("kid", "ps").signedWith(ps)).expect("PS256 by a key of the realm", http.StatusOK)
	kid, sign, err := own.EncryptionKey()
	if err != nil {
		t.Fatalf("%v", err)
	}
	encrypts := keyPair{alg: "RS256", sign: func(input []byte) []byte { return sign(string(input)) }}
	rsa := keyPair{alg: "RS256", sign: foreign[0].sign}
	app.denied(k, map[string]string{
		"a key for encrypting":              k.head("kid", kid).signedWith(encrypts),
		"PS256 by a key said to encrypt":    k.head("alg", "PS256").head("kid", "enc").signedWith(ps),
		"ES256 by a key said to be RSA's":   k.head("alg", "ES256").head("kid", "ec as rsa").signedWith(ec),
		"EdDSA":                             k.head("alg", "EdDSA").head("kid", "ed").signedWith(ed),
		"HS256 by a key of the realm":       k.head("alg", "HS256").head("kid", "oct").signedBy(hashes["HS256"], []byte("a key that everybody knows")),
		"RS256 under the name of an EC key": k.head("kid", "ec").signedWith(rsa),
		"PS256 by a key for RS384":          k.head("alg", "PS256").head("kid", "rs384").signedWith(ps),
	})
}

func keycloakAuthority(t *T) {
	pem := t.temporary()
	app, _ := t.ownRealm(standin.Options{TLS: true}, "/auth", func(own *standin.Realm) {
		if err := os.WriteFile(pem, own.CertPEM, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}, "KEYCLOAK_CA_FILE", pem)
	app.recovers("a token of a realm with a certificate of a private authority, below /auth", app.sealed(app.arrival()))
	blind, _ := t.ownRealm(standin.Options{TLS: true}, "", nil)
	blind.me(blind.sealed(blind.blindToken())).unavailable("a realm whose certificate nobody vouches for")
	empty := t.temporary()
	for what, file := range map[string]string{"a file that is not there": empty + ".not", "an empty file": empty} {
		t.refuses("KEYCLOAK_CA_FILE: "+what, map[string]string{"KEYCLOAK_CA_FILE": file}, "KEYCLOAK_CA_FILE holds no certificate")
	}
}

// temporary is an empty file for as long as the case runs.
func (t *T) temporary() string {
	file, err := os.CreateTemp("", "fastman-conformance-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	_ = file.Close()
	t.defers(func() { _ = os.Remove(file.Name()) })
	return file.Name()
}
