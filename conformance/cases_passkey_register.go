package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

var passkeyRegisterCases = []Case{
	{
		Name: "passkey/register-options-are-those-of-webauthn", Section: "passkey: POST /passkey/register/options",
		Type: feature.Passkey, ASVS: []string{"6.7.2", "11.5.1"}, RFC: []string{"WebAuthn L3 5.4", "WebAuthn L3 13.4.3"}, Run: passkeyRegisterOptions,
	},
	{
		Name: "passkey/nothing-but-the-challenge-is-stored", Section: "passkey: Nothing but the challenge is stored before verify",
		Type: feature.Passkey, Needs: []Need{NeedDB}, Run: passkeyChallengeRow,
	},
	{
		Name: "passkey/makes-an-account-and-signs-in", Section: "passkey: POST /passkey/register/verify",
		Type: feature.Passkey, ASVS: []string{"16.3.1"}, RFC: []string{"WebAuthn L3 7.1"}, Run: passkeyMakesAccount,
	},
	{
		Name: "passkey/every-offered-algorithm-registers-and-signs-in", Section: "passkey: POST /passkey/register/options",
		Type: feature.Passkey, RFC: []string{"RFC 9053 2", "RFC 8812 2"}, Run: passkeyAlgorithms,
	},
	{
		Name: "passkey/security-keys-may-attest-themselves", Section: "passkey: attestation none",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 8.2"}, Run: passkeySelfAttested,
	},
	{
		Name: "passkey/usernames-keep-the-rules-of-register", Section: "passkey: POST /passkey/register/options",
		Type: feature.Passkey, Run: passkeyUsernames,
	},
	{
		Name: "passkey/addresses-keep-the-rules-of-register", Section: "passkey: POST /passkey/register/options",
		Type: feature.Passkey, Run: passkeyAddresses,
	},
	{
		Name: "passkey/forged-attestations-are-400", Section: "passkey: residentKey and userVerification required and checked",
		Type: feature.Passkey, ASVS: []string{"6.5.7", "16.5.1"}, RFC: []string{"WebAuthn L3 7.1"}, Run: passkeyForgedAttestations,
	},
	{
		Name: "passkey/keys-that-are-none-open-nothing", Section: "passkey: Anything malformed: 400 or 422",
		Type: feature.Passkey, ASVS: []string{"16.5.1"}, RFC: []string{"RFC 9053 7", "WebAuthn L3 7.1"}, Run: passkeyBadKeys,
	},
	{
		Name: "passkey/cbor-that-grows-is-refused-at-once", Section: "passkey: Anything malformed: 400 or 422",
		Type: feature.Passkey, ASVS: []string{"16.5.1"}, RFC: []string{"RFC 8949 10"}, Run: passkeyBombs,
	},
	{
		Name: "passkey/an-attestation-serves-once", Section: "passkey: one atomic take",
		Type: feature.Passkey, ASVS: []string{"6.7.2"}, RFC: []string{"WebAuthn L3 13.4.3"}, Run: passkeyAttestationOnce,
	},
	{
		Name: "passkey/a-challenge-is-of-one-address-and-one-ceremony", Section: "passkey: bound to ceremony and to the user or e-mail",
		Type: feature.Passkey, ASVS: []string{"6.7.2"}, RFC: []string{"WebAuthn L3 13.4.3"}, Run: passkeyChallengeBound,
	},
	{
		Name: "passkey/an-old-challenge-registers-nothing", Section: "passkey: 5 min",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 13.4.3"}, Needs: []Need{NeedDB}, Run: passkeyChallengeOld,
	},
	{
		Name: "passkey/somebodys-address-cannot-be-registered", Section: "passkey: No account is entered by registering",
		Type: feature.Passkey, ASVS: []string{"6.3.8", "7.5.1"}, Run: passkeyForeignAddress,
	},
	{
		Name: "passkey/the-owner-is-told-once-an-hour", Section: "passkey: the owner gets a mail",
		Type: feature.Passkey, ASVS: []string{"6.3.5"}, Needs: []Need{NeedMail}, Run: passkeyOwnerTold,
	},
	{
		Name: "passkey/two-at-once-make-one-account", Section: "passkey: one atomic take",
		Type: feature.Passkey, ASVS: []string{"6.7.2"}, Run: passkeyTwoAtOnce,
	},
	{
		Name: "passkey/an-id-that-is-taken-registers-nothing", Section: "passkey: POST /passkey/register/verify",
		Type: feature.Passkey, ASVS: []string{"6.7.1"}, RFC: []string{"WebAuthn L3 7.1"}, Run: passkeyTakenID,
	},
	{
		Name: "passkey/ids-may-be-long", Section: "passkey: POST /passkey/register/verify",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 7.1"}, Run: passkeyLongID,
	},
	{
		Name: "passkey/options-of-one-replica-serve-on-another", Section: "passkey: options from replica A verify on replica B",
		Type: feature.Passkey, ASVS: []string{"6.7.2"}, Needs: []Need{NeedBoot}, Run: passkeyReplicas,
	},
}

func passkeyRegisterOptions(t *T) {
	acc := newAccount()
	a := t.send(registerOptions(acc.email)).want(http.StatusOK)
	if a.header.Get("Cache-Control") != "no-store" {
		a.errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
	}
	fields := a.exactly("rp", "user", "challenge", "pubKeyCredParams", "timeout", "excludeCredentials", "authenticatorSelection", "attestation")
	user := dig(fields, "user")
	for what, pair := range map[string][2]any{
		"rp":                     {fields["rp"], map[string]any{"id": relyingParty, "name": relyingPartyName}},
		"user":                   {user, map[string]any{"id": user["id"], "name": acc.email, "displayName": acc.email}},
		"pubKeyCredParams":       {fields["pubKeyCredParams"], []any{offered(algEdDSA), offered(algES256), offered(algRS256)}},
		"timeout":                {fields["timeout"], 300_000},
		"excludeCredentials":     {fields["excludeCredentials"], []any{}},
		"attestation":            {fields["attestation"], "none"},
		"authenticatorSelection": {fields["authenticatorSelection"], map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "required"}},
	} {
		if have, want := string(encode(pair[0])), string(encode(pair[1])); have != want {
			a.errorf("%s is %s, want %s", what, have, want)
		}
	}
	first := t.offer(registerOptions(acc.email))
	second := t.offer(registerOptions(acc.email))
	for what, pair := range map[string][2]string{"challenge": {first.challenge, second.challenge}, "user.id": {first.handle, second.handle}} {
		if bytes, err := b64.DecodeString(pair[0]); err != nil || len(bytes) != 32 || pair[0] == pair[1] {
			t.Errorf("%s is %q and then %q, want 32 bytes in base64url, new each time", what, pair[0], pair[1])
		}
	}
	named := t.offer(post("/passkey/register/options", map[string]any{"email": acc.email, "username": acc.username}))
	if have := dig(named.fields, "user"); have["name"] != acc.email || have["displayName"] != acc.username {
		t.Errorf("with a username user is %v", have)
	}
}

func offered(alg int) map[string]any { return map[string]any{"type": "public-key", "alg": alg} }

func passkeyChallengeRow(t *T) {
	acc := newAccount()
	o := t.offer(registerOptions(acc.email))
	row := t.row("SELECT purpose, COALESCE(user_id, 0), email_key, COALESCE(browser_hash, '') FROM auth_challenges WHERE id = ?", challengeID(o.challenge))
	if strings.Join(row, " ") != "passkey_register 0 "+identityKey(acc.email)+" " {
		t.Errorf("the row of a registration is %q", row)
	}
	t.wantLife(o, 5*time.Minute)
	t.wantNowhere("a challenge", o.challenge)
	if n := t.row("SELECT COUNT(*) FROM users WHERE email_key = ?", identityKey(acc.email))[0]; n != "0" {
		t.Errorf("options make a user")
	}
	o = t.offer(signInOptions())
	if purpose := t.row("SELECT purpose FROM auth_challenges WHERE id = ?", challengeID(o.challenge))[0]; purpose != "passkey_authenticate" {
		t.Errorf("the purpose of a sign-in's challenge is %q", purpose)
	}
	t.wantLife(o, 5*time.Minute)
	t.wantNowhere("a challenge", o.challenge)
}

// wantLife expects that a challenge ends so long from now.
func (t *T) wantLife(o offer, life time.Duration) {
	soon, late := t.target.Dialect.stamp(time.Now().Add(life-time.Minute)), t.target.Dialect.stamp(time.Now().Add(life+time.Minute))
	if rows := t.query("SELECT 1 FROM auth_challenges WHERE id = ? AND expires_at > ? AND expires_at < ?", challengeID(o.challenge), soon, late); len(rows) != 1 {
		t.Errorf("a challenge does not end in %v", life)
	}
}

func passkeyMakesAccount(t *T) {
	acc, mark := newAccount(), t.mark()
	k := newPasskey(algES256)
	o := t.offer(post("/passkey/register/options", map[string]any{"email": acc.email, "username": acc.username}))
	a := t.send(registerVerify(acc.email, k.create(o.challenge, o.handle))).want(http.StatusCreated)
	fields := a.exactly("status", "credential_id", "access_token", "token_type", "expires_in", "refresh_token")
	if fields["status"] != "ok" || fields["credential_id"] != k.name() || fields["token_type"] != "bearer" || fields["expires_in"] != json.Number("3600") {
		a.errorf("the answer says %v, %v, %v, %v", fields["status"], fields["credential_id"], fields["token_type"], fields["expires_in"])
	}
	s := t.session(a)
	user := t.me(s.access).want(http.StatusOK)
	wantUser(user, user.object(), acc)
	if same := t.send(get("/passkey/me").as(s.access)).want(http.StatusOK); !slices.Equal(sortedKeys(same.object()), sortedKeys(user.object())) || same.object()["email"] != acc.email {
		same.errorf("/passkey/me is not /me")
	}
	if list := t.sessions(s.access); len(list) != 1 || list[0]["method"] != "passkey" {
		t.Errorf("the sessions after a registration are %v", list)
	}
	t.alive("the session", s)
	if t.target.DB != nil {
		row := t.row("SELECT user_id, sign_count, transports, aaguid, device_name FROM passkey_credentials WHERE id = ?", k.name())
		if want := []string{fmt.Sprint(user.object()["id"]), "0", row[2], "00000000-0000-0000-0000-000000000000", "Passkey"}; strings.Join(row, "|") != strings.Join(want, "|") {
			t.Errorf("the credential is stored as %q", row)
		}
		if handle := t.row("SELECT webauthn_handle FROM users WHERE email = ?", acc.email)[0]; handle != o.handle {
			t.Errorf("webauthn_handle is %q, want the user.id of the options, %q", handle, o.handle)
		}
	}
	for _, event := range []string{"auth.register.ok", "auth.passkey.added"} {
		t.wantOf(event, number(user.object()["id"]), mark)
	}
}

func passkeyAlgorithms(t *T) {
	for _, alg := range []int{algES256, algEdDSA, algRS256} {
		for _, k := range []*passkey{newPasskey(alg), newSecurityKey(alg)} {
			acc, _ := t.pioneerWith(k)
			for range 2 {
				if email := t.me(t.present(k).access).want(http.StatusOK).object()["email"]; email != acc.email {
					t.Errorf("the passkey with algorithm %d signs in as somebody else", alg)
				}
			}
		}
	}
}

func passkeySelfAttested(t *T) {
	for _, alg := range []int{algES256, algEdDSA, algRS256} {
		k := newSecurityKey(alg)
		t.send(t.enrolling(newAccount().email, k, attestedBy("packed"))).expect("a packed attestation by the key itself", http.StatusCreated)
		t.present(k)
	}
	for _, format := range []string{"fido-u2f", "apple", "android-key", "tpm", "android-safetynet", "compound", "unheard-of", ""} {
		t.send(t.enrolling(newAccount().email, newPasskey(algES256), attestedBy(format))).
			expect("an attestation of the format "+quoted(format), http.StatusCreated, http.StatusBadRequest)
	}
}

func attestedBy(format string) spoil { return func(c *ceremony) { c.format = format } }

func passkeyUsernames(t *T) {
	asking := func(username any) call {
		return post("/passkey/register/options", map[string]any{"email": newAccount().email, "username": username})
	}
	for _, username := range []any{"", "ab", "a b", "a@example.com", strings.Repeat("x", 101), "x\u0000y", 7, []string{"x"}} {
		a := t.send(asking(username)).expect("the username "+quoted(string(encode(username))), http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			a.wantLocated("body", "username")
		}
	}
	t.send(asking(nil)).expect("no username", http.StatusOK)
	taken, _ := t.pioneer()
	for _, username := range []string{taken.username, strings.ToUpper(taken.username)} {
		t.send(asking(username)).expect("a username that is taken", http.StatusConflict)
	}
	// Taken between the two requests.
	acc, late := newAccount(), newPasskey(algES256)
	ask := post("/passkey/register/options", map[string]any{"email": acc.email, "username": acc.username})
	o := t.offer(ask)
	rival := newAccount()
	rival.username = acc.username
	p := t.offer(post("/passkey/register/options", map[string]any{"email": rival.email, "username": rival.username}))
	t.send(registerVerify(rival.email, newPasskey(algES256).create(p.challenge, p.handle))).want(http.StatusCreated)
	t.send(registerVerify(acc.email, late.create(o.challenge, o.handle))).expect("a username that was taken meanwhile", http.StatusConflict)
	t.notEntered("its passkey", late)
}

func passkeyAddresses(t *T) {
	for _, email := range []any{"", "plain", "a@", "a b@example.com", "a@example.com\u0000", "a@example..com", strings.Repeat("a", 321) + "@example.com", nil, 7, []string{"x@example.com"}} {
		a := t.send(post("/passkey/register/options", map[string]any{"email": email})).expect("the address "+quoted(string(encode(email))), http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			a.wantLocated("body", "email")
		}
	}
	t.send(post("/passkey/register/options", map[string]any{})).expect("no address", http.StatusUnprocessableEntity).wantLocated("body", "email")
	acc, k := newAccount(), newPasskey(algES256)
	o := t.offer(registerOptions(strings.ToUpper(acc.email)))
	t.send(registerVerify(acc.email, k.create(o.challenge, o.handle))).expect("the same address in small letters", http.StatusCreated)
}

// clientSpoils are wrong in clientDataJSON alone, in either ceremony.
func clientSpoils() map[string]spoil {
	set := func(name string, value any) spoil { return func(c *ceremony) { c.client[name] = value } }
	without := func(name string) spoil { return func(c *ceremony) { delete(c.client, name) } }
	raw := func(change func(string) string) spoil {
		return func(c *ceremony) { c.clientRaw = func(json []byte) []byte { return []byte(change(string(json))) } }
	}
	all := map[string]spoil{
		"no type": without("type"), "no challenge": without("challenge"), "no origin": without("origin"),
		"the type null": set("type", nil), "the type of a payment": set("type", "payment.get"), "another case of the type": set("type", "WEBAUTHN.CREATE"),
		"another challenge": set("challenge", newVerifier()[:43]), "an empty challenge": set("challenge", ""), "a challenge that is a number": set("challenge", 7),
		"an embedding page": set("crossOrigin", true), "the page around it": set("topOrigin", "https://evil.example"),
		"client data that is no JSON": raw(func(string) string { return "x" }), "client data that is a list": raw(func(s string) string { return "[" + s + "]" }),
		"empty client data": raw(func(string) string { return "" }), "client data that is null": raw(func(string) string { return "null" }),
		"broken UTF-8 in client data": raw(func(s string) string { return strings.Replace(s, "https", "\xff\xfe", 1) }),
		"deep client data":            raw(func(string) string { return strings.Repeat("[", 20_000) }),
	}
	for _, origin := range []string{
		"https://evil.example", "http://app.example", "https://app.example:444", "https://app.example/", "https://app.example/path", "https://app.example.evil.example",
		"https://sub.app.example", "https://APP.example", "https://evil-app.example", "app.example", "null", "", "https://app.example https://evil.example",
		"https://evil.example@app.example", "android:apk-key-hash:AAAA", " https://app.example", "https://www.app.example/",
	} {
		all["the origin "+quoted(origin)] = set("origin", origin)
	}
	return all
}

// signedSpoils are wrong in what the authenticator signs, in either ceremony.
func signedSpoils() map[string]spoil {
	all := map[string]spoil{
		"user not present":   func(c *ceremony) { c.flags &^= userPresent },
		"user not verified":  func(c *ceremony) { c.flags &^= userVerified },
		"neither":            func(c *ceremony) { c.flags &^= userPresent | userVerified },
		"no flag at all":     func(c *ceremony) { c.flags = 0 },
		"backed up, but not": func(c *ceremony) { c.flags = c.flags&^backupEligible | backedUp },
		"extensions missing": func(c *ceremony) { c.flags |= extended },
		"a byte too many":    func(c *ceremony) { c.data = func(d []byte) []byte { return append(d, 0) } },
		"36 bytes":           func(c *ceremony) { c.data = func(d []byte) []byte { return d[:36] } },
		"no bytes":           func(c *ceremony) { c.data = func([]byte) []byte { return nil } },
	}
	for _, rp := range []string{"evil.example", "www.app.example", "example", "https://app.example", "APP.EXAMPLE", "", "localhost"} {
		all["the hash of the party "+quoted(rp)] = func(c *ceremony) { c.rp = rp }
	}
	return all
}

// attestationSpoils are wrong in a registration alone.
func attestationSpoils() map[string]spoil {
	object := func(change func(cborMap) cborMap) spoil { return func(c *ceremony) { c.statement = change } }
	response := func(name string, value any) spoil {
		return func(c *ceremony) { c.sent = func(_, r map[string]any) { r[name] = value } }
	}
	data := func(change func([]byte) []byte) spoil { return func(c *ceremony) { c.data = change } }
	return map[string]spoil{
		"a sign-in's type":            func(c *ceremony) { c.client["type"] = "webauthn.get" },
		"no attested data announced":  func(c *ceremony) { c.flags &^= attested },
		"no attested data":            data(func(d []byte) []byte { return d[:37] }),
		"half the model":              data(func(d []byte) []byte { return d[:45] }),
		"an id past the end":          data(func(d []byte) []byte { d[53], d[54] = 0xff, 0xff; return d }),
		"no id":                       data(func(d []byte) []byte { d[53], d[54] = 0, 0; return append(d[:55], d[55+32:]...) }),
		"half the key":                data(func(d []byte) []byte { return d[:len(d)-20] }),
		"no key":                      data(func(d []byte) []byte { return d[:55+32] }),
		"another id in the data":      data(func(d []byte) []byte { d[60] ^= 1; return d }),
		"a key that is no CBOR":       data(func(d []byte) []byte { return append(d[:55+32], 0xff, 0xff, 0xff) }),
		"no authenticator data":       object(func(m cborMap) cborMap { return m[:2] }),
		"text as authenticator data":  object(func(m cborMap) cborMap { return append(m[:2:2], pair{"authData", "x"}) }),
		"no members":                  object(func(cborMap) cborMap { return cborMap{} }),
		"an empty attestation":        response("attestationObject", ""),
		"an attestation of no CBOR":   response("attestationObject", "_____w"),
		"an attestation of one int":   response("attestationObject", "AA"),
		"an endless attestation":      response("attestationObject", b64.EncodeToString([]byte(strings.Repeat("\x81", 20_000)))),
		"a huge announced length":     response("attestationObject", b64.EncodeToString([]byte{0xa3, 0x63, 'f', 'm', 't', 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})),
		"an attestation of no base64": response("attestationObject", "!!!"),
		"rawId of another credential": func(c *ceremony) { c.sent = func(k, _ map[string]any) { k["rawId"] = newPasskey(algES256).name() } },
		"id of another credential": func(c *ceremony) {
			c.sent = func(k, _ map[string]any) { k["id"], k["rawId"] = "AAAA", "AAAA" }
		},
	}
}

func passkeyForgedAttestations(t *T) {
	spoils := clientSpoils()
	maps.Copy(spoils, signedSpoils())
	maps.Copy(spoils, attestationSpoils())
	acc := newAccount()
	from := t
	for i, what := range sortedKeys(spoils) {
		if i%50 == 49 {
			from = t.fresh() // before the bound per address
		}
		a := from.send(from.enrolling(acc.email, newPasskey(algES256), spoils[what]))
		a.refused(what, http.StatusBadRequest, notRegistered).quiet(what)
	}
	for _, alg := range []int{algES384, algPS256, algRS1, -47, 0, -65536, 7} {
		k := newPasskey(alg)
		from.send(from.enrolling(acc.email, k)).refused("an algorithm that was not offered", http.StatusBadRequest, notRegistered)
	}
	k := newPasskey(algES256)
	from.send(from.enrolling(acc.email, k)).expect("a right one for the same address afterwards", http.StatusCreated)
	t.present(k)
}

// inside are words that only somebody who looks behind the answers may read.
var inside = regexp.MustCompile(`(?i)traceback|exception|sqlalchemy|sqlite|psycopg|select |insert |integrityerror|goroutine|\.py|\.go:|webauthn|cbor|panic|base64`)

// quiet expects an answer of a client's fault that tells nothing of the inside.
func (a *answer) quiet(what string) {
	if a.status < 400 || a.status >= 500 {
		a.errorf("%s: status %d", what, a.status)
	}
	if found := inside.FindString(string(a.body)); found != "" {
		a.errorf("%s: the answer mentions %q", what, found)
	}
	if a.header.Get("WWW-Authenticate") != "" && a.status != http.StatusUnauthorized {
		a.errorf("%s: carries a challenge", what)
	}
}

// passkeyBadKeys registers what is no public key, or one that anybody could sign for.
func passkeyBadKeys(t *T) {
	good, modulus := newPasskey(algES256).cose, anRSAKey().N.Bytes()
	changed := func(at int, value any) cborMap {
		m := append(cborMap{}, good...)
		m[at].value = value
		return m
	}
	rsaKey := func(modulus, exponent any) cborMap {
		return cborMap{{1, 3}, {3, algRS256}, {-1, modulus}, {-2, exponent}}
	}
	for what, cose := range map[string]cborMap{
		"a point that is not on the curve": changed(3, make([]byte, 32)),
		"a short coordinate":               changed(3, []byte{1, 2, 3}),
		"a long coordinate":                changed(3, make([]byte, 4000)),
		"no y":                             good[:4],
		"no kind of key":                   good[1:],
		"an unknown curve":                 changed(2, 99),
		"a curve of another kind":          changed(2, 6),
		"texts in place of bytes":          changed(3, "x"),
		"an Ed25519 key of no bytes":       {{1, 1}, {3, algEdDSA}, {-1, 6}, {-2, []byte{}}},
		"an Ed25519 key without x":         {{1, 1}, {3, algEdDSA}, {-1, 6}},
		"an RSA key of no bytes":           rsaKey([]byte{}, []byte{}),
		"an RSA key without an exponent":   rsaKey(modulus, []byte{})[:3],
		"an RSA key with an empty one":     rsaKey(modulus, []byte{}),
		"an RSA key with exponent 0":       rsaKey(modulus, []byte{0}),
		"an RSA key with exponent 1":       rsaKey(modulus, []byte{0, 0, 1}),
		"an RSA key with exponent 2":       rsaKey(modulus, []byte{2}),
		"an RSA key with a long exponent":  rsaKey(modulus, make([]byte, 4000)),
		"an RSA key of 8 bits":             rsaKey([]byte{0x8f}, []byte{1, 0, 1}),
		"an RSA key of 1,024 bits":         rsaKey(modulus[:128], []byte{1, 0, 1}),
		"an RSA key of 32,000 bits":        rsaKey(append([]byte{1}, make([]byte, 4000)...), []byte{1, 0, 1}),
		"EdDSA with a curve's point":       {{1, 2}, {3, algEdDSA}, {-1, 1}, good[3], good[4]},
		"ES256 with an RSA key":            {{1, 3}, {3, algES256}, {-1, modulus}, {-2, []byte{1, 0, 1}}},
		"a symmetric key":                  {{1, 4}, {3, algES256}, {-1, []byte("secret")}},
	} {
		k := newPasskey(algES256)
		k.cose = cose
		t.send(t.enrolling(newAccount().email, k)).refused(what, http.StatusBadRequest, notRegistered).quiet(what)
		t.notEntered("the passkey with "+what, k)
	}
}

// bombs are small, and large or slow for a reader that believes them.
func bombs() map[string]cborRaw {
	// Each level refers ten times to the one before (tags 28 and 29).
	laughs := cborRaw{0x98, 30}
	for level := range 30 {
		laughs = append(laughs, 0xd8, 28, 0x8a)
		for range 10 {
			if level == 0 {
				laughs = append(laughs, 0)
			} else {
				laughs = append(laughs, 0xd8, 29, 0x18, byte(level-1))
			}
		}
	}
	return map[string]cborRaw{
		"references to references":      laughs,
		"a list that is in itself":      {0xd8, 28, 0x81, 0xd8, 29, 0},
		"lists without an end":          []byte(strings.Repeat("\x9f", 10_000)),
		"a map without an end":          []byte("\xbf" + strings.Repeat("\x01", 20_000)),
		"a text of endless parts":       []byte("\x7f" + strings.Repeat("\x60", 20_000)),
		"a decimal with 18 zeros":       {0xc4, 0x82, 0x1b, 0x0d, 0xe0, 0xb6, 0xb3, 0xa7, 0x64, 0, 0, 1},
		"a float of a large exponent":   {0xc5, 0x82, 0x1b, 0x0d, 0xe0, 0xb6, 0xb3, 0xa7, 0x64, 0, 0, 1},
		"an expression that backtracks": append(cborRaw{0xd8, 35}, cborOf("(a*)*(a*)*(a*)*(a*)*(a*)*b{1000,30000}")...),
		"a list of a billion":           {0x9a, 0x3b, 0x9a, 0xca, 0x00},
		"a map of 2^62":                 {0xbb, 0x40, 0, 0, 0, 0, 0, 0, 0},
		"deep lists":                    []byte(strings.Repeat("\x81", 15_000)),
		"deep tags":                     []byte(strings.Repeat("\xc1", 15_000)),
	}
}

func passkeyBombs(t *T) {
	acc, s := t.pioneer()
	places := map[string]func(cborRaw) spoil{
		"in place of the attestation": func(b cborRaw) spoil {
			return func(c *ceremony) {
				c.sent = func(_, r map[string]any) { r["attestationObject"] = b64.EncodeToString(b) }
			}
		},
		"beside its members": func(b cborRaw) spoil {
			return func(c *ceremony) { c.statement = func(m cborMap) cborMap { return append(m, pair{"x", b}) } }
		},
		"in its statement": func(b cborRaw) spoil {
			return func(c *ceremony) {
				c.statement = func(m cborMap) cborMap { return cborMap{{"fmt", "packed"}, {"attStmt", cborMap{{"x", b}}}, m[2]} }
			}
		},
		"in the key": func(b cborRaw) spoil {
			return func(c *ceremony) {
				c.data = func(d []byte) []byte {
					return slices.Concat(d[:55+32], cborOf(append(c.passkey.cose, pair{-70000, b})))
				}
			}
		},
	}
	for what, bomb := range bombs() {
		for place, spoil := range places {
			a := t.send(t.enrolling(newAccount().email, newPasskey(algES256), spoil(bomb))).expect(what+" "+place, http.StatusBadRequest)
			if a.quiet(what + " " + place); a.took > 3*time.Second {
				a.errorf("%s %s: the answer takes %v", what, place, a.took)
			}
		}
	}
	t.me(s.access).expect("somebody else's request afterwards", http.StatusOK)
	t.present(acc.passkey)
}

func passkeyAttestationOnce(t *T) {
	acc := newAccount()
	c := t.enrolling(acc.email, newPasskey(algES256))
	t.send(c).want(http.StatusCreated)
	t.send(c).refused("the same attestation again", http.StatusBadRequest, notRegistered)
	// A failed attempt uses the challenge up.
	email := newAccount().email
	o := t.offer(registerOptions(email))
	t.send(registerVerify(email, newPasskey(algES256).create(o.challenge, o.handle, func(c *ceremony) { c.flags &^= userVerified }))).want(http.StatusBadRequest)
	t.send(registerVerify(email, newPasskey(algES256).create(o.challenge, o.handle))).refused("a challenge that has failed once", http.StatusBadRequest, notRegistered)
}

func passkeyChallengeBound(t *T) {
	mine, other, mark := newAccount(), newAccount(), t.mark()
	o := t.offer(registerOptions(mine.email))
	k := newPasskey(algES256)
	t.send(registerVerify(other.email, k.create(o.challenge, o.handle))).refused("the challenge of another address", http.StatusBadRequest, notRegistered)
	t.wantEvent("auth.passkey.failed", "the challenge of another address", mark, "challenge")
	o = t.offer(signInOptions())
	t.send(registerVerify(mine.email, k.create(o.challenge, newVerifier()[:43]))).refused("a sign-in's challenge", http.StatusBadRequest, notRegistered)
	known, s := t.pioneer()
	o = t.offer(registerOptions(mine.email))
	t.send(signInVerify(known.passkey.get(o.challenge))).refused("a registration's challenge", http.StatusBadRequest, notVerified)
	o = t.offer(registerOptions(known.email).as(s.access))
	t.send(signInVerify(known.passkey.get(o.challenge))).refused("one's own registration's challenge", http.StatusBadRequest, notVerified)
	// A user's own challenge is no other user's.
	o = t.offer(registerOptions(known.email).as(s.access))
	_, stranger := t.pioneer()
	t.send(registerVerify(known.email, k.create(o.challenge, o.handle)).as(stranger.access)).refused("another user's challenge", http.StatusBadRequest, notRegistered)
	t.notEntered("the passkey that was refused", k)
}

func passkeyChallengeOld(t *T) {
	acc, mark := newAccount(), t.mark()
	o := t.offer(registerOptions(acc.email))
	t.expire(o)
	t.send(registerVerify(acc.email, newPasskey(algES256).create(o.challenge, o.handle))).refused("a challenge of more than five minutes", http.StatusBadRequest, notRegistered)
	t.wantEvent("auth.passkey.failed", "an old challenge", mark, "challenge")
	known, _ := t.pioneer()
	o = t.offer(signInOptions())
	t.expire(o)
	t.send(signInVerify(known.passkey.get(o.challenge))).refused("a challenge of more than five minutes", http.StatusBadRequest, notVerified)
}

// expire lets a challenge be over.
func (t *T) expire(o offer) {
	t.exec("UPDATE auth_challenges SET expires_at = ? WHERE id = ?", t.target.Dialect.stamp(time.Now().Add(-time.Second)), challengeID(o.challenge))
}

func passkeyForeignAddress(t *T) {
	owner, own := t.member()
	_, stranger := t.pioneer()
	mark := t.mark()
	for what, as := range map[string]func(call) call{
		"without a session":    func(c call) call { return c },
		"with another session": func(c call) call { return c.as(stranger.access) },
	} {
		for _, email := range []string{owner.email, strings.ToUpper(owner.email)} {
			o, unknown := t.offer(as(registerOptions(email))), t.offer(as(registerOptions(newAccount().email)))
			if have, want := shape(o.fields), shape(unknown.fields); have != want {
				t.Errorf("%s: the options for an address that is taken differ:\n%s\n%s", what, have, want)
			}
			k := newPasskey(algES256)
			t.send(as(registerVerify(email, k.create(o.challenge, o.handle)))).refused(what, http.StatusBadRequest, notRegistered)
			t.notEntered(what+", the passkey", k)
		}
	}
	t.wantEvent("auth.passkey.failed", "somebody's address", mark, "foreign")
	t.alive("the owner's session", own)
	if list := t.passkeys(own.access); len(list) > 1 || len(list) == 1 && owner.passkey == nil {
		t.Errorf("the owner has %d passkeys", len(list))
	}
}

// shape is an answer without what is new each time and what was sent.
func shape(fields map[string]any) string {
	fields = maps.Clone(fields)
	user := maps.Clone(dig(fields, "user"))
	for name, value := range user {
		text, _ := value.(string)
		user[name] = len(text) > 0
	}
	fields["user"], fields["challenge"] = user, len(fields["challenge"].(string))
	return string(encode(fields))
}

func passkeyOwnerTold(t *T) {
	owner, _ := t.member()
	for range 3 {
		t.send(t.enrolling(owner.email, newPasskey(algES256))).want(http.StatusBadRequest)
	}
	t.settled()
	if mail := t.mailsTo(owner.email, 1)[0]; !t.titled(mail, ": somebody tried to add a passkey") {
		t.Errorf("the owner is told by the mail %q", mail.Subject)
	}
}

func passkeyTwoAtOnce(t *T) {
	for range 4 {
		email := newAccount().email
		calls := []call{t.enrolling(email, newPasskey(algES256)), t.enrolling(strings.ToUpper(email), newPasskey(algES256)), t.enrolling(email, newPasskey(algES256))}
		t.wantOnce("registrations of one address", t.together(calls), http.StatusCreated)
		one := t.enrolling(newAccount().email, newPasskey(algES256))
		t.wantOnce("one attestation ten times", t.together([]call{one, one, one, one, one, one, one, one, one, one}), http.StatusCreated)
	}
}

// wantOnce expects one success among calls at once, and 400 for all others.
func (t *T) wantOnce(what string, answers []*answer, success int) {
	counts := map[int]int{}
	for _, a := range answers {
		if a.err != nil {
			t.Fatalf("%s: no answer: %v", what, a.err)
		}
		counts[a.status]++
	}
	if counts[success] != 1 || counts[http.StatusBadRequest] != len(answers)-1 {
		t.Errorf("%s at once: %v, want one %d and %d times 400", what, counts, success, len(answers)-1)
	}
}

func passkeyTakenID(t *T) {
	acc, s := t.pioneer()
	mark := t.mark()
	thief := newPasskey(algES256)
	thief.id = acc.passkey.id
	t.send(t.enrolling(newAccount().email, thief)).refused("another user's credential id", http.StatusBadRequest, notRegistered)
	t.send(t.adding(acc, s, thief)).refused("one's own credential id", http.StatusBadRequest, notRegistered)
	t.wantEvent("auth.passkey.failed", "a credential id that is taken", mark, "taken")
	if id := number(t.me(t.present(acc.passkey).access).want(http.StatusOK).object()["id"]); id != acc.id {
		t.Errorf("the passkey leads to another account")
	}
	thief.handle = acc.passkey.handle
	t.notEntered("the other key with that id", thief)
	k := newPasskey(algES256)
	var calls []call
	for range 3 {
		other := *k
		calls = append(calls, t.enrolling(newAccount().email, &other))
	}
	t.wantOnce("registrations of one credential id", t.together(calls), http.StatusCreated)
}

func passkeyLongID(t *T) {
	for length, status := range map[int]int{16: 201, 255: 201, 1023: 201, 1024: 400, 4000: 400} {
		k := newPasskey(algES256)
		k.id = []byte(strings.Repeat(unique(), 1+length/14))[:length]
		a := t.send(t.enrolling(newAccount().email, k)).expect(fmt.Sprint("an id of ", length, " bytes"), status)
		if a.status != http.StatusCreated {
			continue
		}
		if list := t.passkeys(t.present(k).access); len(list) != 1 || list[0]["id"] != k.name() {
			t.Errorf("a passkey whose id has %d bytes is not listed", length)
		}
	}
}

func passkeyReplicas(t *T) {
	replica := t.boot(nil)
	var calls []call
	var keys []*passkey
	for range 8 { // any number at once
		k := newPasskey(algES256)
		keys, calls = append(keys, k), append(calls, t.enrolling(newAccount().email, k))
	}
	for i := len(calls) - 1; i >= 0; i-- {
		replica.send(calls[i]).expect("a registration whose options another replica gave", http.StatusCreated)
	}
	for _, k := range keys {
		c := replica.presenting(k)
		t.send(c).expect("a sign-in whose options another replica gave", http.StatusOK)
		replica.send(c).refused("the same on the other replica", http.StatusBadRequest, notVerified)
	}
}
