package conformance

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"net/http"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

// What a token of Keycloak must be to be believed. Forged ones are signed by the realm's
// own key wherever that is possible, so that only the point in question can be why they
// are refused.
var keycloakCases = []Case{
	{
		Name: "keycloak/a-token-of-the-realm-is-somebody", Section: "keycloak: Alone: GET /me answers {id, email, username, name, roles}",
		Type: feature.Keycloak, ASVS: []string{"10.3.2", "10.3.3", "14.3.2"}, RFC: []string{"RFC 6750 2.1"}, Run: keycloakMe,
	},
	{
		Name: "keycloak/without-a-token-is-401-with-challenge", Section: "keycloak: 401 for anything else",
		Type: feature.Keycloak, ASVS: []string{"7.2.1", "14.3.2"}, RFC: []string{"RFC 6750 3"}, Run: keycloakNoToken,
	},
	{
		Name: "keycloak/a-tampered-token-is-refused", Section: "keycloak: Checked: signature",
		Type: feature.Keycloak, ASVS: []string{"6.8.2", "9.1.1"}, RFC: []string{"RFC 7515 5.2", "RFC 8725 3.3"}, Run: keycloakTampered,
	},
	{
		Name: "keycloak/none-and-hmac-are-refused", Section: "keycloak: alg, iss, exp without leeway",
		Type: feature.Keycloak, ASVS: []string{"6.8.2", "9.1.2"}, RFC: []string{"RFC 8725 2.1", "RFC 8725 3.1"}, Run: keycloakSymmetric,
	},
	{
		Name: "keycloak/other-algorithms-of-the-key-are-refused", Section: "keycloak: alg, iss, exp without leeway",
		Type: feature.Keycloak, ASVS: []string{"9.1.2"}, RFC: []string{"RFC 8725 3.1", "RFC 7517 4.4"}, Run: keycloakOtherAlgorithms,
	},
	{
		Name: "keycloak/a-foreign-key-is-refused", Section: "keycloak: Checked: signature",
		Type: feature.Keycloak, ASVS: []string{"6.8.2", "9.1.1", "9.1.3"}, RFC: []string{"RFC 7515 4.1.4"}, Run: keycloakForeignKey,
	},
	{
		Name: "keycloak/a-key-in-the-header-is-not-believed-or-asked-for", Section: "keycloak: Checked: signature",
		Type: feature.Keycloak, ASVS: []string{"9.1.3"}, RFC: []string{"RFC 8725 3.10", "RFC 7515 4.1.2", "RFC 7515 4.1.3"}, Run: keycloakEmbedded,
	},
	{
		Name: "keycloak/another-realms-token-is-refused", Section: "keycloak: alg, iss, exp without leeway",
		Type: feature.Keycloak, ASVS: []string{"6.8.1", "6.8.2"}, RFC: []string{"RFC 8725 3.8", "RFC 7519 4.1.1"}, Run: keycloakIssuer,
	},
	{
		Name: "keycloak/a-token-for-another-client-is-refused", Section: "keycloak: aud contains the client id",
		Type: feature.Keycloak, ASVS: []string{"9.2.3", "10.3.1"}, RFC: []string{"RFC 8725 3.9", "RFC 7519 4.1.3"}, Run: keycloakAudience,
	},
	{
		Name: "keycloak/an-id-token-or-refresh-token-is-refused", Section: "keycloak: typ Bearer",
		Type: feature.Keycloak, ASVS: []string{"9.2.2"}, RFC: []string{"RFC 8725 3.12"}, Run: keycloakType,
	},
	{
		Name: "keycloak/times-are-kept", Section: "keycloak: alg, iss, exp without leeway",
		Type: feature.Keycloak, ASVS: []string{"9.2.1"}, RFC: []string{"RFC 7519 4.1.4", "RFC 7519 4.1.5", "RFC 7519 4.1.6"}, Run: keycloakTimes,
	},
	{
		Name: "keycloak/a-subject-is-a-text-of-255-characters", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, ASVS: []string{"10.3.3"}, RFC: []string{"RFC 7519 4.1.2", "OpenID Connect Core 2"}, Run: keycloakSubject,
	},
	{
		Name: "keycloak/odd-tokens-are-401-and-break-nothing", Section: "keycloak: 401 for anything else",
		Type: feature.Keycloak, ASVS: []string{"9.1.1", "16.5.1", "16.5.3"}, RFC: []string{"RFC 7515 7.1", "RFC 4648 3.5", "RFC 7519 7.2"}, Run: keycloakOdd,
	},
	{
		Name: "keycloak/nothing-but-the-header-is-read", Section: "keycloak: Never open",
		Type: feature.Keycloak, ASVS: []string{"7.2.1", "14.2.1"}, RFC: []string{"RFC 6750 2.2", "RFC 6750 2.3"}, Run: keycloakOtherPlaces,
	},
	{
		Name: "keycloak/only-routes-that-ask-are-protected", Section: "keycloak: Only routes that ask are protected",
		Type: feature.Keycloak, Run: keycloakOpen,
	},
	{
		Name: "keycloak/a-missing-role-is-403", Section: "keycloak: 403 for a missing role",
		Type: feature.Keycloak, ASVS: []string{"10.3.2"}, RFC: []string{"RFC 9110 15.5.4"}, Needs: []Need{NeedGuarded}, Run: keycloakRoles,
	},
	{
		Name: "keycloak/malformed-roles-are-none", Section: "keycloak: 403 for a missing role",
		Type: feature.Keycloak, ASVS: []string{"10.3.2", "16.5.3"}, Needs: []Need{NeedGuarded}, Run: keycloakMalformedRoles,
	},
	{
		Name: "keycloak/openapi-signs-in-through-the-realm-with-pkce", Section: "keycloak: Swagger's Authorize",
		Type: feature.Keycloak, RFC: []string{"RFC 7636 4.3"}, Run: keycloakOpenAPI,
	},
}

const (
	noToken  = "Not authenticated"
	badToken = "Could not validate credentials"
)

// denied expects 401, with the challenge and the one text, for each token, and 200
// for the token of which they are changes.
func (t *T) denied(good token, tokens map[string]string) {
	t.me(t.sealed(good)).expect("the token before it was changed", http.StatusOK)
	for _, what := range sortedKeys(tokens) {
		t.me(tokens[what]).denied(what, badToken)
	}
}

func (a *answer) denied(what, detail string) {
	a.refused(what, http.StatusUnauthorized, detail)
	if a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") != "Bearer" {
		a.errorf("%s: 401 without the challenge", what)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		a.errorf("%s: Cache-Control is %q", what, a.header.Get("Cache-Control"))
	}
}

// sealedAll signs changes of a token by the realm's key.
func (t *T) sealedAll(changes map[string]token) map[string]string {
	all := map[string]string{}
	for what, k := range changes {
		all[what] = t.sealed(k)
	}
	return all
}

// tokensOnly is whether there are no users here, only tokens.
func (t *T) tokensOnly() bool { return t.target.Set.Equal(feature.NewSet(feature.Keycloak)) }

func keycloakMe(t *T) {
	r := t.target.Realm
	t.me(t.issued(r, r.ClientID, somebody).access).expect("a token as the realm gives it", http.StatusOK)
	k := t.as(t.ssoToken(developer))
	a := t.me(t.sealed(k)).want(http.StatusOK)
	if a.header.Get("Cache-Control") != "no-store" {
		a.errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
	}
	want := map[string]any{"email": k.claims["email"], "name": k.claims["name"]}
	var fields map[string]any
	if t.tokensOnly() {
		fields = a.exactly("id", "email", "username", "name", "roles")
		want["id"], want["username"] = k.claims["sub"], k.claims["preferred_username"]
	} else {
		fields = a.exactly(append(slices.Clone(userFields), "roles")...)
		want["username"], want["is_verified"], want["oauth_provider"] = nil, true, "keycloak"
	}
	for name, value := range want {
		if fields[name] != value {
			a.errorf("%s is %v, want %v", name, fields[name], value)
		}
	}
	roles := stringsOf(fields["roles"])
	if !slices.IsSorted(roles) || len(slices.Compact(slices.Clone(roles))) != len(roles) || !slices.Contains(roles, "admin") || !slices.Contains(roles, "editor") {
		a.errorf("roles are %v: want those of the realm and of the client, sorted, each once", roles)
	}
	if slices.Contains(roles, "view-profile") {
		a.errorf("roles are %v: those of another client are among them", roles)
	}
	if t.tokensOnly() {
		thin := k.without("email").without("preferred_username").without("name").without("realm_access").without("resource_access")
		a = t.me(t.sealed(thin)).want(http.StatusOK)
		if fields = a.object(); fields["email"] != nil || fields["username"] != nil || fields["name"] != nil || len(stringsOf(fields["roles"])) != 0 {
			a.errorf("what the token does not say is not null")
		}
	}
}

func stringsOf(value any) []string {
	list, _ := value.([]any)
	texts := []string{}
	for _, element := range list {
		text, _ := element.(string)
		texts = append(texts, text)
	}
	return texts
}

func keycloakNoToken(t *T) {
	k := t.arrival()
	t.me(t.sealed(k)).want(http.StatusOK)
	t.send(get("/me")).denied("no token", noToken)
	for _, header := range []string{"Basic YTpi", "Digest x", t.sealed(k), "Token " + t.sealed(k), "Bearer"} {
		a := t.send(get("/me").with("Authorization", header)).expect("the header "+masked(header), http.StatusUnauthorized)
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			a.errorf("401 without the challenge")
		}
	}
	for _, text := range []string{"garbage", "a.b.c", "..", "e30.e30.e30", "null", "undefined", "true", "[object Object]", strings.Repeat("a.", 500)} {
		t.me(text).denied("the token "+quoted(text[:min(len(text), 20)]), badToken)
	}
}

func keycloakTampered(t *T) {
	k := t.arrival()
	compact := t.sealed(k)
	parts := strings.Split(compact, ".")
	join := func(header, claims []byte, signature string) string {
		return b64.EncodeToString(header) + "." + b64.EncodeToString(claims) + "." + signature
	}
	head, body := encodeToken(k.header), encodeToken(k.claims)
	signature, _ := b64.DecodeString(parts[2])
	forged := map[string]string{
		"another subject":                 join(head, encodeToken(k.claim("sub", subject()).claims), parts[2]),
		"another e-mail address":          join(head, encodeToken(k.claim("email", "root@example.com").claims), parts[2]),
		"a role more":                     join(head, encodeToken(k.claim("realm_access", map[string]any{"roles": []string{"admin"}}).claims), parts[2]),
		"a space more in the claims":      join(head, append(bytes.Clone(body), ' '), parts[2]),
		"a field more in the header":      join(encodeToken(k.head("x", 1).header), body, parts[2]),
		"no signature":                    join(head, body, ""),
		"no signature and no dot":         parts[0] + "." + parts[1],
		"another token's signature":       join(head, body, strings.Split(t.sealed(t.as(k)), ".")[2]),
		"a signature of zeros":            join(head, body, b64.EncodeToString(make([]byte, len(signature)))),
		"half a signature":                join(head, body, b64.EncodeToString(signature[:len(signature)/2])),
		"a byte more in the signature":    join(head, body, b64.EncodeToString(append(bytes.Clone(signature), 0))),
		"a zero in front of the signture": join(head, body, b64.EncodeToString(append([]byte{0}, signature...))),
	}
	for _, i := range []int{0, len(signature) / 2, len(signature) - 1} {
		flipped := bytes.Clone(signature)
		flipped[i] ^= 1
		forged["a bit of the signature at "+string(encode(i))] = join(head, body, b64.EncodeToString(flipped))
	}
	t.denied(k, forged)
}

func keycloakSymmetric(t *T) {
	k := t.arrival()
	key := t.target.Realm.Key()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatalf("the realm's public key: %v", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk := rs256(key).jwk
	jwk["kid"] = k.header["kid"]
	forged := map[string]string{}
	for what, secret := range map[string][]byte{
		"the public key in PEM": text, "the public key in PEM, trimmed": bytes.TrimSpace(text), "the public key in DER": der,
		"the public key as Keycloak shows it": []byte(base64.StdEncoding.EncodeToString(der)), "the modulus": key.N.Bytes(),
		"the JWK": encode(jwk), "the JWK's n": []byte(b64.EncodeToString(key.N.Bytes())), "nothing": nil,
		"the client's secret": []byte(t.target.Realm.ClientSecret), "the key's name": []byte(k.header["kid"].(string)),
	} {
		for alg, h := range map[string]func() hash.Hash{"HS256": hashes["HS256"], "HS384": hashes["HS384"], "HS512": hashes["HS512"]} {
			forged[alg+" by "+what] = k.head("alg", alg).signedBy(h, secret)
		}
	}
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", nil, 0, []string{"none"}, "RS256 ", "rs256"} {
		named := k.head("alg", alg)
		forged["alg "+string(encode(alg))+", not signed"] = unsigned(named)
		forged["alg "+string(encode(alg))+", signed"] = t.sealed(named)
	}
	forged["no alg"] = t.sealed(k.headWithout("alg"))
	forged["no alg, not signed"] = unsigned(k.headWithout("alg"))
	t.denied(k, forged)
}

func keycloakOtherAlgorithms(t *T) {
	k := t.arrival()
	forged := map[string]string{
		"PS256 by a key for RS256": k.head("alg", "PS256").signedWith(ps256(t.target.Realm.Key())),
		"RS256 that says PS256":    t.sealed(k.head("alg", "PS256")),
		"PS256 that says RS256":    k.signedWith(ps256(t.target.Realm.Key())),
	}
	for _, alg := range []string{"RS384", "RS512", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "RSA1_5", "RS1"} {
		forged[alg] = t.sealed(k.head("alg", alg))
	}
	for _, crit := range []any{[]string{"exp"}, []string{"b64"}, []string{}, "x"} {
		forged["crit "+string(encode(crit))] = t.sealed(k.head("crit", crit).head("b64", false))
	}
	t.denied(k, forged)
}

func keycloakForeignKey(t *T) {
	k := t.arrival()
	forged := map[string]string{}
	for _, pair := range keyPairs(t) {
		named := k.head("alg", pair.alg)
		forged[pair.alg+" by a foreign key under the realm's name"] = named.signedWith(pair)
		forged[pair.alg+" by a foreign key under a name of its own"] = named.head("kid", "mine").signedWith(pair)
	}
	for _, kid := range []any{"", nil, 1, true, []any{k.header["kid"]}, map[string]any{}, strings.Repeat("k", 2000), "../../dev/null", "' OR 1=1 --", "\u0000"} {
		forged["kid "+quoted(string(encode(kid))[:min(30, len(encode(kid)))])] = t.sealed(k.head("kid", kid))
	}
	forged["no kid"] = t.sealed(k.headWithout("kid"))
	t.denied(k, forged)
}

func keycloakEmbedded(t *T) {
	k := t.arrival()
	pairs := keyPairs(t)
	var keys []any
	for _, pair := range pairs {
		keys = append(keys, pair.jwk)
	}
	caught := t.trap(encode(map[string]any{"keys": keys}))
	forged := map[string]string{}
	for _, pair := range pairs {
		chain := []string{base64.StdEncoding.EncodeToString(pair.certificate(t))}
		for _, kid := range []any{k.header["kid"], "mine"} {
			named := k.head("alg", pair.alg).head("kid", kid)
			what := ", kid " + string(encode(kid))
			forged[pair.alg+" with its jwk"+what] = named.head("jwk", pair.jwk).signedWith(pair)
			forged[pair.alg+" with its x5c"+what] = named.head("x5c", chain).signedWith(pair)
			forged[pair.alg+" with a jku"+what] = named.head("jku", caught.url+"/keys").head("x5u", caught.url+"/keys").signedWith(pair)
		}
		forged[pair.alg+" of a server with keys"] = k.head("alg", pair.alg).head("kid", "mine").claim("iss", caught.url+"/realms/"+t.target.Realm.Name).signedWith(pair)
	}
	t.denied(k, forged)
	time.Sleep(behindAnswer)
	caught.wantNoCalls(t, "an address in a token")
}

func keycloakIssuer(t *T) {
	r, k := t.target.Realm, t.arrival()
	issuer := r.issuer()
	forged := map[string]string{"a token of another realm": t.issued(r.Other, r.Other.ClientID, developer).access}
	for what, iss := range map[string]any{
		"the other realm": r.Other.issuer(), "the server": r.URL, "a slash behind": issuer + "/", "no scheme": strings.TrimPrefix(issuer, "http://"),
		"https": strings.Replace(issuer, "http://", "https://", 1), "localhost": strings.Replace(issuer, "127.0.0.1", "localhost", 1),
		"capitals": strings.ToUpper(issuer), "a path more": issuer + "/x", "a query": issuer + "?x", "a fragment": issuer + "#x", "a space": issuer + " ",
		"another host": "https://evil.example/realms/" + r.Name, "a host that begins so": strings.Replace(issuer, "127.0.0.1", "127.0.0.1.evil.example", 1),
		"escapes": strings.Replace(issuer, "/realms/", "/%72ealms/", 1), "the app": "fastman:app", "nothing": "", "null": nil, "a list": []string{issuer},
		"a number": 1, "an object": map[string]any{"iss": issuer},
	} {
		forged["iss: "+what] = t.sealed(k.claim("iss", iss))
	}
	forged["no iss"] = t.sealed(k.without("iss"))
	t.denied(k, forged)
}

func keycloakAudience(t *T) {
	r, k := t.target.Realm, t.arrival()
	other := t.issued(r, "other", somebody).access
	if _, claims, err := parseToken(other); err != nil || claims["azp"] != "other" {
		t.Fatalf("the other client's token is of %v: %v", claims["azp"], err)
	}
	forged := map[string]string{"a token as the realm gives it to another client": other, "no aud": t.sealed(k.without("aud"))}
	for _, aud := range []any{
		"account", []string{"account", "other"}, []string{}, "", nil, 1, true, []any{nil}, []any{1}, []any{[]string{r.ClientID}}, map[string]any{r.ClientID: true},
		strings.ToUpper(r.ClientID), r.ClientID + " ", r.ClientID + "2", "x" + r.ClientID, "account," + r.ClientID, r.ClientID + " account", r.ClientID[:1],
	} {
		forged["aud "+string(encode(aud))] = t.sealed(k.claim("aud", aud))
		forged["aud "+string(encode(aud))+" with our azp"] = t.sealed(k.claim("aud", aud).claim("azp", r.ClientID).claim("client_id", r.ClientID))
	}
	t.denied(k, forged)
	t.accepted(t.sealedAll(map[string]token{
		"aud is the client alone":  k.claim("aud", r.ClientID),
		"aud is the last of three": k.claim("aud", []string{"account", "other", r.ClientID}),
		"azp is another client":    k.claim("azp", "other"),
		"no azp":                   k.without("azp"),
	}))
}

func keycloakType(t *T) {
	r, k := t.target.Realm, t.arrival()
	tokens := t.issued(r, r.ClientID, somebody)
	forged := map[string]string{
		"the realm's id_token": tokens.id, "the realm's refresh token": tokens.refresh, "no typ": t.sealed(k.without("typ")),
	}
	for _, typ := range []any{"ID", "Refresh", "Offline", "Logout", "Serialized-ID", "bearer", "BEARER", "Bearer ", "JWT", "at+jwt", "", nil, 1, []string{"Bearer"}} {
		forged["typ "+string(encode(typ))] = t.sealed(k.claim("typ", typ))
	}
	forged["typ in the header alone"] = t.sealed(k.without("typ").head("typ", "Bearer"))
	t.denied(k, forged)
}

// secondsFrom is now and so many seconds.
func secondsFrom(d time.Duration) int64 { return time.Now().Add(d).Unix() }

func keycloakTimes(t *T) {
	k := t.arrival()
	now := secondsFrom(0)
	changes := map[string]token{
		"expired by 5 s": k.claim("exp", now-5), "expired by 1 s": k.claim("exp", now-1), "expires now": k.claim("exp", now),
		"no exp": k.without("exp"), "no iat": k.without("iat"),
		"not valid for 2 min":   k.claim("nbf", secondsFrom(2*time.Minute)),
		"not valid for an hour": k.claim("nbf", secondsFrom(time.Hour)),
		"issued in 2 min":       k.claim("iat", secondsFrom(2*time.Minute)),
	}
	later := string(encode(secondsFrom(time.Hour)))
	for _, value := range []any{nil, true, later, []any{secondsFrom(time.Hour)}, map[string]any{}, 0, -1} {
		changes["exp "+string(encode(value))] = k.claim("exp", value)
	}
	for _, value := range []any{true, later, []any{now}, map[string]any{}} {
		changes["iat "+string(encode(value))], changes["nbf "+string(encode(value))] = k.claim("iat", value), k.claim("nbf", value)
	}
	forged := t.sealedAll(changes)
	for _, number := range []string{"NaN", "Infinity", "1e999", "-1e999"} {
		claims := strings.Replace(string(encodeToken(k.claim("exp", "@").claims)), `"@"`, number, 1)
		forged["exp "+number] = sealedParts(t, encodeToken(k.header), []byte(claims))
	}
	t.denied(k, forged)
	t.inTime(func() *answer {
		return t.me(t.sealed(k.claim("exp", secondsFrom(3*time.Second)))).expect("two seconds before the end", http.StatusOK)
	})
	t.accepted(t.sealedAll(map[string]token{
		"a clock that is 30 s behind": k.claim("iat", secondsFrom(30*time.Second)).claim("nbf", secondsFrom(30*time.Second)),
		"valid since an hour":         k.claim("iat", secondsFrom(-time.Hour)).claim("nbf", secondsFrom(-time.Hour)),
		"no nbf":                      k.without("nbf"),
	}))
}

// sealedParts signs parts as they stand by the realm's key.
func sealedParts(t *T, header, claims []byte) string {
	input := b64.EncodeToString(header) + "." + b64.EncodeToString(claims)
	return input + "." + b64.EncodeToString(rs256(t.target.Realm.Key()).sign([]byte(input)))
}

func keycloakSubject(t *T) {
	k := t.arrival()
	changes := map[string]token{"no sub": k.without("sub"), "256 characters": k.claim("sub", strings.Repeat("s", 256))}
	for _, sub := range []any{"", nil, 1, true, []string{"x"}, map[string]any{}} {
		changes["sub "+string(encode(sub))] = k.claim("sub", sub)
	}
	t.denied(k, t.sealedAll(changes))
	long := t.as(k).claim("sub", strings.Repeat("s", 241)+unique()[:14])
	t.me(t.sealed(long)).expect("a sub of 255 characters", http.StatusOK)
}

func keycloakOdd(t *T) {
	k := t.arrival()
	header, claims := encodeToken(k.header), encodeToken(k.claims)
	parts := strings.Split(t.sealed(k), ".")
	forged := map[string]string{
		"claims are a list":    sealedParts(t, header, []byte("[]")),
		"claims are a text":    sealedParts(t, header, []byte(`"x"`)),
		"claims are null":      sealedParts(t, header, []byte("null")),
		"claims are a number":  sealedParts(t, header, []byte("1")),
		"claims are cut off":   sealedParts(t, header, claims[:len(claims)-2]),
		"claims are no UTF-8":  sealedParts(t, header, append([]byte("\xff\xfe"), claims...)),
		"claims are empty":     sealedParts(t, header, nil),
		"claims are nested":    sealedParts(t, header, []byte(`{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`)),
		"the header is a list": sealedParts(t, []byte("[]"), claims),
		"the header is null":   sealedParts(t, []byte("null"), claims),
		"a fourth part":        strings.Join(parts, ".") + ".x",
		"five parts":           strings.Join(parts, ".") + ".x.x",
		"as JSON": b64.EncodeToString(encode(map[string]any{
			"payload": parts[1], "protected": parts[0], "signature": parts[2],
		})),
		"deflated":      t.sealed(k.head("zip", "DEF")) + "x",
		"of wide signs": "é" + t.sealed(k),
	}
	for i := range parts {
		changed := slices.Clone(parts)
		changed[i] += "="
		forged["padding in part "+string(encode(i))] = strings.Join(changed, ".")
	}
	delete(forged, "of wide signs") // no header value of every client
	t.denied(k, forged)
	// A server may refuse so long a header before the app sees it.
	t.me(t.sealed(k.claim("padding", strings.Repeat("x", 16<<10)))).want(http.StatusUnauthorized, http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge)
}

func keycloakOtherPlaces(t *T) {
	k := t.arrival()
	compact := t.sealed(k)
	t.me(compact).want(http.StatusOK)
	email, _ := k.claims["email"].(string)
	person := encode(map[string]any{
		"user": map[string]any{"sub": k.claims["sub"], "email": email, "roles": []string{"admin"}}, "sub": k.claims["sub"], "id": 1, "email": email,
		"token": compact, "access_token": compact, "claims": k.claims, "request": map[string]any{},
	})
	sub, _ := k.claims["sub"].(string)
	for what, c := range map[string]call{
		"a token in the query":           get("/me?access_token=" + compact),
		"a token in other fields":        get("/me?token=" + compact + "&authorization=Bearer%20" + compact),
		"a person in the query":          get("/me?sub=" + sub + "&id=1&user=" + sub + "&email=" + email + "&preferred_username=admin&roles=admin&is_superuser=true"),
		"a person in the body":           {http.MethodGet, "/me", map[string]string{"Content-Type": "application/json"}, person, false},
		"a token in a form":              {http.MethodGet, "/me", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte("access_token=" + compact), false},
		"a token in cookies":             get("/me").with("Cookie", "access_token="+compact+"; token="+compact+"; KEYCLOAK_IDENTITY="+compact+"; Authorization=Bearer "+compact),
		"a token in other headers":       get("/me").with("X-Access-Token", compact).with("X-Forwarded-Access-Token", compact).with("Proxy-Authorization", "Bearer "+compact),
		"a person in headers of proxies": get("/me").with("X-Forwarded-User", sub).with("X-Forwarded-Email", email).with("Remote-User", sub).with("X-Auth-Request-User", sub).with("X-Userinfo", b64.EncodeToString(encode(k.claims))),
	} {
		t.send(c).denied(what, noToken)
	}
}

func keycloakOpen(t *T) {
	k := t.arrival()
	t.me(t.sealed(k)).want(http.StatusOK)
	for _, path := range []string{"//health", "//docs", "//openapi.json", "//redoc", "//nothing-here"} {
		for _, token := range []string{"", "garbage", t.sealed(k.claim("exp", 1))} {
			c := get(path)
			if token != "" {
				c = c.as(token)
			}
			t.send(c).expect(path+" is not guarded", http.StatusOK, http.StatusNotFound)
		}
	}
	preflight := call{method: http.MethodOptions, path: "/me"}.with("Origin", "https://spa.example").with("Access-Control-Request-Method", "GET").with("Access-Control-Request-Headers", "authorization")
	t.send(preflight).expect("a preflight", http.StatusOK, http.StatusNoContent, http.StatusBadRequest, http.StatusMethodNotAllowed)
	t.send(post("/me", nil)).expect("POST /me", http.StatusMethodNotAllowed)
}

// byRoles are the routes of the app's own that ask for roles.
func (t *T) byRoles(compact string, realm, client int, what string) {
	t.send(get(t.target.Guarded.Admins).as(compact)).expect(what+" on a route for admin", realm)
	t.send(get(t.target.Guarded.Editors).as(compact)).expect(what+" on a route for the client's editor", client)
}

func keycloakRoles(t *T) {
	r := t.target.Realm
	t.byRoles(t.issued(r, r.ClientID, developer).access, http.StatusOK, http.StatusOK, "who has both roles")
	a := t.send(get(t.target.Guarded.Admins).as(t.issued(r, r.ClientID, somebody).access))
	a.refused("who has no role", http.StatusForbidden, "Forbidden")
	for _, path := range []string{t.target.Guarded.Admins, t.target.Guarded.Editors} {
		t.send(get(path)).denied("nobody on "+path, noToken)
		t.send(get(path).as("garbage")).denied("garbage on "+path, badToken)
	}
	k := t.arrival()
	realm := func(roles ...string) any { return map[string]any{"roles": roles} }
	of := func(client string, roles ...string) any { return map[string]any{client: realm(roles...)} }
	t.byRoles(t.sealed(k.claim("realm_access", realm("admin"))), http.StatusOK, http.StatusForbidden, "an admin of the realm")
	t.byRoles(t.sealed(k.claim("resource_access", of(r.ClientID, "editor"))), http.StatusForbidden, http.StatusOK, "an editor of the client")
	t.byRoles(t.sealed(k.claim("resource_access", of(r.ClientID, "admin")).claim("realm_access", realm("editor"))), http.StatusForbidden, http.StatusForbidden, "roles in each other's place")
	t.byRoles(t.sealed(k.claim("resource_access", of("other", "editor", "admin"))), http.StatusForbidden, http.StatusForbidden, "roles of another client")
	t.byRoles(t.sealed(k.claim("realm_access", realm("Admin", "ADMIN", "admin ", "administrator", "adm", "", "*"))), http.StatusForbidden, http.StatusForbidden, "names like the role's")
	t.byRoles(t.sealed(k.claim("roles", []string{"admin", "editor"}).claim("groups", []string{"admin"}).claim("scope", "admin editor")), http.StatusForbidden, http.StatusForbidden, "roles in other claims")
}

func keycloakMalformedRoles(t *T) {
	k := t.arrival()
	client := t.target.Realm.ClientID
	for _, roles := range []any{
		nil, "admin", 1, true, []string{"admin", "editor"}, map[string]any{}, map[string]any{"roles": nil}, map[string]any{"roles": "admin"}, map[string]any{"roles": "editor"},
		map[string]any{"roles": map[string]any{"admin": true, "editor": true}}, map[string]any{"roles": []any{[]string{"admin", "editor"}, 1, nil, map[string]any{}}},
		map[string]any{"Roles": []string{"admin", "editor"}},
	} {
		what := "roles " + string(encode(roles))
		compact := t.sealed(k.claim("realm_access", roles).claim("resource_access", map[string]any{client: roles}))
		t.byRoles(compact, http.StatusForbidden, http.StatusForbidden, what)
		a := t.me(compact).expect(what+": /me", http.StatusOK)
		if a.status == http.StatusOK && len(stringsOf(a.object()["roles"])) != 0 {
			a.errorf("%s: /me has roles", what)
		}
		t.byRoles(t.sealed(k.claim("resource_access", roles)), http.StatusForbidden, http.StatusForbidden, "resource_access "+string(encode(roles)))
	}
	t.byRoles(t.sealed(k.claim("realm_access", map[string]any{"roles": []any{1, "admin"}})), http.StatusForbidden, http.StatusForbidden, "a role beside a number")
}

func keycloakOpenAPI(t *T) {
	a := t.send(get("//openapi.json"))
	if a.status == http.StatusNotFound {
		t.skip("needs an app that publishes /openapi.json")
	}
	var described struct {
		Components struct {
			SecuritySchemes map[string]struct {
				Type  string
				Flows map[string]struct{ AuthorizationURL, TokenURL string }
			}
		}
	}
	if err := json.Unmarshal(a.body, &described); err != nil {
		a.fatalf("openapi.json: %v", err)
	}
	for _, scheme := range described.Components.SecuritySchemes {
		flow, found := scheme.Flows["authorizationCode"]
		if found && scheme.Type == "oauth2" && flow.AuthorizationURL == t.target.Realm.endpoint("auth") && flow.TokenURL == t.target.Realm.endpoint("token") {
			page := t.send(get("//docs"))
			docs := string(page.body)
			if page.status != http.StatusNotFound && (!strings.Contains(docs, "usePkceWithAuthorizationCodeGrant") || !strings.Contains(docs, `"`+t.target.Realm.ClientID+`"`)) {
				t.Errorf("/docs does not sign in with PKCE, or not as the client")
			}
			return
		}
	}
	t.Errorf("openapi.json has no authorization code flow with the addresses of the realm")
}
