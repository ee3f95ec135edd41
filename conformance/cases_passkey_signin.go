package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

var passkeySignInCases = []Case{
	{
		Name: "passkey/sign-in-options-say-nothing-of-anybody", Section: "passkey: the same whatever the e-mail",
		Type: feature.Passkey, ASVS: []string{"6.3.8", "6.7.2"}, RFC: []string{"WebAuthn L3 5.5", "WebAuthn L3 14.6.2"}, Run: passkeySignInOptions,
	},
	{
		Name: "passkey/signs-in-without-a-name", Section: "passkey: POST /passkey/authenticate/verify",
		Type: feature.Passkey, ASVS: []string{"16.3.1"}, RFC: []string{"WebAuthn L3 7.2"}, Run: passkeySignsIn,
	},
	{
		Name: "passkey/every-origin-of-the-settings-serves", Section: "passkey: Origins and RP id exactly those of the settings",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 5.8.1"}, Run: passkeyOriginsServe,
	},
	{
		Name: "passkey/forged-assertions-are-400", Section: "passkey: Origins and RP id exactly those of the settings",
		Type: feature.Passkey, ASVS: []string{"6.5.7", "16.5.1"}, RFC: []string{"WebAuthn L3 7.2"}, Run: passkeyForgedAssertions,
	},
	{
		Name: "passkey/another-users-credential-opens-nothing", Section: "passkey: POST /passkey/authenticate/verify",
		Type: feature.Passkey, ASVS: []string{"6.7.1"}, RFC: []string{"WebAuthn L3 7.2"}, Run: passkeyForeignCredential,
	},
	{
		Name: "passkey/failures-are-alike", Section: "No enumeration: same status, body and time",
		Type: feature.Passkey, ASVS: []string{"6.3.8", "6.3.4"}, Needs: []Need{NeedDB}, Run: passkeyFailuresAlike,
	},
	{
		Name: "passkey/an-assertion-serves-once", Section: "passkey: one atomic take",
		Type: feature.Passkey, ASVS: []string{"6.7.2"}, RFC: []string{"WebAuthn L3 13.4.3"}, Run: passkeyAssertionOnce,
	},
	{
		Name: "passkey/a-counter-that-goes-back-is-a-clone", Section: "passkey: Sign count going back: refused and logged",
		Type: feature.Passkey, ASVS: []string{"16.3.1"}, RFC: []string{"WebAuthn L3 6.1.1"}, Run: passkeyCounter,
	},
	{
		Name: "passkey/of-two-with-one-count-one-signs-in", Section: "passkey: Sign count going back: refused and logged",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 6.1.1"}, Run: passkeyCounterRace,
	},
	{
		Name: "passkey/backup-is-followed-and-eligibility-fixed", Section: "passkey: Backup flags stored and updated",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 6.1.3"}, Run: passkeyBackup,
	},
	{
		Name: "passkey/a-disabled-account-stays-closed", Section: "passkey: POST /passkey/authenticate/verify",
		Type: feature.Passkey, ASVS: []string{"6.3.4", "7.4.2"}, Needs: []Need{NeedDB}, Run: passkeyDisabled,
	},
	{
		Name: "passkey/tokens-last-as-the-setting-says", Section: "passkey: PASSKEY_SESSION_EXPIRE_MINUTES",
		Type: feature.Passkey, Needs: []Need{NeedBoot}, Run: passkeyLifetime,
	},
	{
		Name: "passkey/bodies-that-are-none-are-4xx", Section: "passkey: Anything malformed: 400 or 422",
		Type: feature.Passkey, ASVS: []string{"16.5.1"}, Run: passkeyMalformed,
	},
	{
		Name: "passkey/huge-bodies-are-refused", Section: "passkey: Anything malformed: 400 or 422",
		Type: feature.Passkey, RFC: []string{"RFC 9110 15.5.14"}, Run: passkeyHuge,
	},
	{
		Name: "passkey/options-are-bounded-per-address", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		Type: feature.Passkey, ASVS: []string{"6.3.1"}, RFC: []string{"RFC 6585 4"}, Run: passkeyThrottle,
	},
	{
		Name: "passkey/a-thousand-unanswered-options-are-purged", Section: "Bytes: Expired rows are purged in small batches",
		Type: feature.Passkey, Needs: []Need{NeedDB, NeedBoot}, Run: passkeyUnanswered,
	},
	{
		Name: "passkey/an-address-costs-no-time", Section: "passkey: the same whatever the e-mail",
		Type: feature.Passkey, ASVS: []string{"6.3.8"}, RFC: []string{"WebAuthn L3 14.6.2"}, Turn: Alone, Run: passkeyTiming,
	},
}

func passkeySignInOptions(t *T) {
	acc, _ := t.pioneer()
	var shapes []string
	for what, body := range map[string]any{
		"no address": map[string]any{}, "null": map[string]any{"email": nil}, "a known address": map[string]any{"email": acc.email},
		"an unknown address": map[string]any{"email": newAccount().email},
	} {
		a := t.send(post("/passkey/authenticate/options", body)).want(http.StatusOK)
		fields := a.exactly("challenge", "timeout", "rpId", "allowCredentials", "userVerification")
		challenge, _ := fields["challenge"].(string)
		if bytes, err := b64.DecodeString(challenge); err != nil || len(bytes) != 32 {
			a.errorf("%s: the challenge is %q", what, challenge)
		}
		delete(fields, "challenge")
		shapes = append(shapes, string(encode(fields)))
	}
	want := string(encode(map[string]any{"timeout": 300_000, "rpId": relyingParty, "allowCredentials": []any{}, "userVerification": "required"}))
	for _, have := range shapes {
		if have != want {
			t.Errorf("the options are %s, want %s", have, want)
		}
	}
	if first, second := t.offer(signInOptions()), t.offer(signInOptions()); first.challenge == second.challenge {
		t.Errorf("two sign-ins have one challenge")
	}
	t.send(post("/passkey/authenticate/options", map[string]any{"email": 7})).expect("a number as address", http.StatusUnprocessableEntity)
}

func passkeySignsIn(t *T) {
	for _, k := range []*passkey{newPasskey(algES256), newSecurityKey(algES256)} {
		acc, first := t.pioneerWith(k)
		mark := t.mark()
		a := t.send(t.presenting(k)).want(http.StatusOK)
		fields := a.exactly("access_token", "token_type", "expires_in", "refresh_token")
		if fields["token_type"] != "bearer" || fields["expires_in"] != json.Number("3600") {
			a.errorf("the answer says %v, %v", fields["token_type"], fields["expires_in"])
		}
		s := t.session(a)
		if user := t.me(s.access).want(http.StatusOK).object(); number(user["id"]) != acc.id {
			t.Errorf("the passkey signs in as %v", user)
		}
		if s.seconds("exp")-s.seconds("iat") != 3600 || s.id() == first.id() {
			t.Errorf("the access token lasts %d s, its session is that of before: %v", s.seconds("exp")-s.seconds("iat"), s.id() == first.id())
		}
		if list := t.sessions(s.access); len(list) != 2 || list[0]["method"] != "passkey" {
			t.Errorf("the sessions after a sign-in are %v", list)
		}
		again := t.refresh(s.refresh).want(http.StatusOK)
		if again.object()["expires_in"] != json.Number("3600") {
			again.errorf("a refresh changes the lifetime")
		}
		if one := t.passkeys(s.access)[0]; one["last_used_at"] == nil {
			t.Errorf("after a sign-in last_used_at is null")
		}
		if t.target.DB != nil {
			if stored := t.row("SELECT sign_count FROM passkey_credentials WHERE id = ?", k.name())[0]; stored != fmt.Sprint(k.count) {
				t.Errorf("sign_count is %s, want %d", stored, k.count)
			}
		}
		t.wantOf("auth.passkey.ok", acc.id, mark)
	}
}

func passkeyOriginsServe(t *T) {
	for _, origin := range passkeyOrigins {
		k := newPasskey(algES256)
		there := func(c *ceremony) {
			c.client["origin"] = origin
			delete(c.client, "crossOrigin") // as older browsers
			c.client["other_keys_can_be_added_here"] = "do not compare clientDataJSON against a template"
		}
		t.send(t.enrolling(newAccount().email, k, there)).expect("a registration at "+origin, http.StatusCreated)
		t.send(t.presenting(k, there)).expect("a sign-in at "+origin, http.StatusOK)
	}
}

// assertionSpoils are wrong in a sign-in alone.
func assertionSpoils(k *passkey, other account) map[string]spoil {
	signature := func(change func([]byte) []byte) spoil { return func(c *ceremony) { c.signature = change } }
	credential := func(name string, value any) spoil {
		return func(c *ceremony) { c.sent = func(k, _ map[string]any) { k[name] = value } }
	}
	response := func(name string, value any) spoil {
		return func(c *ceremony) { c.sent = func(_, r map[string]any) { r[name] = value } }
	}
	all := map[string]spoil{
		"a registration's type":      func(c *ceremony) { c.client["type"] = "webauthn.create" },
		"no signature":               signature(func([]byte) []byte { return nil }),
		"half a signature":           signature(func(s []byte) []byte { return s[:len(s)/2] }),
		"a signature and more":       signature(func(s []byte) []byte { return append(s, 0) }),
		"zeros as a signature":       signature(func(s []byte) []byte { return make([]byte, len(s)) }),
		"r and s of zero":            signature(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }),
		"r and s of one":             signature(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 1, 2, 1, 1} }),
		"another key's signature":    signature(func([]byte) []byte { return newPasskey(algES256).sign([]byte("x")) }),
		"one's own, of another text": signature(func([]byte) []byte { return k.sign([]byte("x")) }),
		"a signature of no base64":   response("signature", "!!!"),
		"no handle":                  func(c *ceremony) { c.sent = func(_, r map[string]any) { delete(r, "userHandle") } },
		"the handle null":            response("userHandle", nil),
		"an empty handle":            response("userHandle", ""),
		"another user's handle":      response("userHandle", other.passkey.handle),
		"a handle of no base64":      response("userHandle", "!!!"),
		"the user's id as handle":    response("userHandle", b64.EncodeToString([]byte("1"))),
		"half the handle":            response("userHandle", k.handle[:20]),
		"an unknown id": func(c *ceremony) {
			c.sent = func(k, _ map[string]any) { k["id"] = newPasskey(algES256).name(); k["rawId"] = k["id"] }
		},
		"another user's id": func(c *ceremony) {
			c.sent = func(k, _ map[string]any) { k["id"] = other.passkey.name(); k["rawId"] = k["id"] }
		},
		"id and rawId apart": credential("rawId", other.passkey.name()),
		"a padded id": func(c *ceremony) {
			c.sent = func(m, _ map[string]any) { m["id"] = k.name() + "="; m["rawId"] = m["id"] }
		},
		"an empty id":         func(c *ceremony) { c.sent = func(m, _ map[string]any) { m["id"] = ""; m["rawId"] = "" } },
		"another kind":        credential("type", "password"),
		"attested data":       func(c *ceremony) { c.flags |= attested },
		"no longer eligible":  func(c *ceremony) { c.flags &^= backupEligible | backedUp },
		"data after the fact": func(c *ceremony) { c.sent = changeData },
	}
	for _, at := range []int{0, 4, 8, 30, -1} {
		all[fmt.Sprint("a signature flipped at ", at)] = signature(func(s []byte) []byte { s[(at+len(s))%len(s)] ^= 1; return s })
	}
	return all
}

// changeData raises the counter of authenticator data that was signed.
func changeData(_, response map[string]any) {
	data, _ := b64.DecodeString(response["authenticatorData"].(string))
	data[36]++
	response["authenticatorData"] = b64.EncodeToString(data)
}

func passkeyForgedAssertions(t *T) {
	acc, own := t.pioneer()
	other, _ := t.pioneer()
	spoils := clientSpoils()
	maps.Copy(spoils, signedSpoils())
	maps.Copy(spoils, assertionSpoils(acc.passkey, other))
	from := t.fresh()
	for i, what := range sortedKeys(spoils) {
		if i%50 == 49 {
			from = t.fresh() // before the bound per address
		}
		from.send(from.presenting(acc.passkey, spoils[what])).refused(what, http.StatusBadRequest, notVerified).quiet(what)
	}
	t.present(acc.passkey)
	if n := len(t.sessions(own.access)); n != 2 {
		t.Errorf("after forged assertions and one right one there are %d sessions, want 2", n)
	}
}

func passkeyForeignCredential(t *T) {
	acc, s := t.pioneer()
	thief, own := t.pioneer()
	// The thief's key, under the id and the handle of somebody else.
	forged := *thief.passkey
	forged.id, forged.handle = acc.passkey.id, acc.passkey.handle
	t.notEntered("another user's id and handle", &forged)
	forged = *thief.passkey
	forged.handle = acc.passkey.handle
	t.notEntered("another user's handle", &forged)
	if rows := t.send(get("/passkey/credentials/" + acc.passkey.name()).as(own.access)); rows.status < 400 {
		rows.errorf("another user's passkey is shown")
	}
	t.alive("the user's session", s)
	t.present(acc.passkey)
	t.present(thief.passkey)
}

func passkeyFailuresAlike(t *T) {
	acc, _ := t.pioneer()
	disabled, _ := t.pioneer()
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, disabled.id)
	old := t.offer(signInOptions())
	t.expire(old)
	wrong := t.send(t.presenting(acc.passkey, func(c *ceremony) { c.signature = func(s []byte) []byte { s[8] ^= 1; return s } })).want(http.StatusBadRequest)
	unknown := newPasskey(algES256)
	unknown.handle = acc.passkey.handle
	for what, c := range map[string]call{
		"an unknown passkey": t.presenting(unknown), "a disabled account": t.presenting(disabled.passkey), "an old challenge": signInVerify(acc.passkey.get(old.challenge)),
		"no challenge of ours": signInVerify(acc.passkey.get(newVerifier()[:43])),
		"another origin":       t.presenting(acc.passkey, func(c *ceremony) { c.client["origin"] = "https://evil.example" }),
	} {
		if a := t.send(c).refused(what, http.StatusBadRequest, notVerified); string(a.body) != string(wrong.body) {
			a.errorf("%s is told apart from a wrong signature", what)
		}
	}
}

func passkeyAssertionOnce(t *T) {
	acc, _ := t.pioneer()
	c := t.presenting(acc.passkey)
	t.send(c).want(http.StatusOK)
	t.send(c).refused("the same assertion again", http.StatusBadRequest, notVerified)
	o := t.offer(signInOptions())
	t.send(signInVerify(acc.passkey.get(o.challenge, func(c *ceremony) { c.flags &^= userVerified }))).want(http.StatusBadRequest)
	t.send(signInVerify(acc.passkey.get(o.challenge))).refused("a challenge that has failed once", http.StatusBadRequest, notVerified)
	for range 3 {
		one := t.presenting(acc.passkey)
		t.wantOnce("one assertion ten times", t.together([]call{one, one, one, one, one, one, one, one, one, one}), http.StatusOK)
	}
}

func passkeyCounter(t *T) {
	k := newSecurityKey(algES256)
	k.count = 41
	acc, s := t.pioneerWith(k)
	mark := t.mark()
	at := func(count uint32) call {
		return t.presenting(k, func(c *ceremony) { c.count = count })
	}
	for _, count := range []uint32{40, 41, 0} {
		t.send(at(count)).refused(fmt.Sprint("a counter of ", count, " after 41"), http.StatusBadRequest, notVerified)
	}
	t.wantEvent("auth.passkey.failed", "a counter that goes back", mark, "counter")
	t.wantOf("auth.passkey.cloned", acc.id, mark)
	t.send(at(42)).expect("a counter of 42 after 41", http.StatusOK)
	t.send(at(1<<32-1)).expect("the highest counter", http.StatusOK)
	t.send(at(42)).refused("a counter of 42 again", http.StatusBadRequest, notVerified)
	if list := t.passkeys(s.access); len(list) != 1 {
		t.Errorf("the passkey is gone")
	}
	synced, _ := t.pioneer()
	for range 3 {
		t.present(synced.passkey) // whose counter is zero
	}
	t.send(t.presenting(synced.passkey, func(c *ceremony) { c.count = 5 })).expect("a counter that begins", http.StatusOK)
	t.notEntered("a counter that ends", synced.passkey)
}

func passkeyCounterRace(t *T) {
	k := newSecurityKey(algES256)
	t.pioneerWith(k)
	for round := range 4 {
		var calls []call
		for range 4 { // each with a challenge of its own
			calls = append(calls, t.presenting(k, func(c *ceremony) { c.count = uint32(100 + round) }))
		}
		t.wantOnce("assertions with one count", t.together(calls), http.StatusOK)
	}
}

func passkeyBackup(t *T) {
	k := newPasskey(algES256)
	k.backup = backupEligible
	_, s := t.pioneerWith(k)
	shows := func(want bool) {
		if have := t.passkeys(s.access)[0]["backed_up"]; have != want {
			t.Errorf("backed_up is %v, want %v", have, want)
		}
	}
	shows(false)
	k.backup = backupEligible | backedUp
	t.present(k)
	shows(true)
	k.backup = backupEligible
	t.present(k)
	shows(false)
	k.backup = 0
	t.notEntered("a passkey that is no longer eligible", k)
	k.backup = backedUp
	t.notEntered("a backup of what is not eligible", k)
	bound := newSecurityKey(algES256)
	t.pioneerWith(bound)
	bound.backup = backupEligible
	t.notEntered("a passkey that becomes eligible", bound)
	bound.backup = 0
	t.present(bound)
}

func passkeyDisabled(t *T) {
	acc, s := t.pioneer()
	mark := t.mark()
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, acc.id)
	t.notEntered("the passkey of a disabled account", acc.passkey)
	t.wantEvent("auth.passkey.failed", "a disabled account", mark, "inactive")
	t.dead("its session", s)
	t.send(t.enrolling(acc.email, newPasskey(algES256))).refused("a new passkey for its address", http.StatusBadRequest, notRegistered)
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", true, acc.id)
	t.present(acc.passkey)
}

func passkeyLifetime(t *T) {
	app := t.boot(map[string]string{"PASSKEY_SESSION_EXPIRE_MINUTES": "7"})
	acc, s := app.pioneer()
	for what, one := range map[string]session{"a registration": s, "a sign-in": app.present(acc.passkey), "a refresh": app.renew(s)} {
		if seconds := one.seconds("exp") - one.seconds("iat"); seconds != 420 {
			t.Errorf("after %s the access token lasts %d s, want 420", what, seconds)
		}
	}
}

// credentials are none, as text of JSON.
var noCredentials = []string{
	"null", "0", "true", `""`, `"x"`, "[]", "{}", "[[]]", `[{"id":"x"}]`, `{"id":"x"}`, `{"id":1,"rawId":1,"type":1,"response":1}`,
	`{"id":"x","rawId":"x","type":"public-key"}`, `{"id":"x","rawId":"x","type":"public-key","response":null}`,
	`{"id":"x","rawId":"x","type":"public-key","response":[]}`, `{"id":"x","rawId":"x","type":"public-key","response":{}}`,
	`{"id":"x","rawId":"x","type":"public-key","response":"x"}`, `{"id":"x","rawId":"x","type":null,"response":{"clientDataJSON":"x"}}`,
	`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":null,"attestationObject":null,"authenticatorData":null,"signature":null}}`,
	`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":7,"attestationObject":7,"authenticatorData":7,"signature":7,"userHandle":7}}`,
	`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"","authenticatorData":"","signature":"","userHandle":""}}`,
	`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"bnVsbA","attestationObject":"oA","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`,
	`{"id":"é","rawId":"é","type":"public-key","response":{"clientDataJSON":"é","attestationObject":"é","authenticatorData":"é","signature":"é","userHandle":"é"}}`,
	`{"id":"\u0000","rawId":"\u0000","type":"public-key","response":{"clientDataJSON":"\u0000","attestationObject":"\u0000","authenticatorData":"\u0000","signature":"\u0000","userHandle":"\u0000"}}`,
	`{"id":"AA","id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`,
	`{"ID":"AA","RawId":"AA","TYPE":"public-key","Response":{"clientDataJSON":"e30"}}`,
	`{"id":"'; DROP TABLE users;--","rawId":"x","type":"public-key","response":{"clientDataJSON":"x","attestationObject":"x","authenticatorData":"x","signature":"x","userHandle":"x"}}`,
	`{"id":"\ud800","rawId":"x","type":"public-key","response":{}}`, `{"__proto__":{"id":"x"}}`, `{"id":{"$gt":""}}`,
	`{"id":"x","rawId":"x","type":"public-key","response":{"clientDataJSON":"x"},"clientExtensionResults":[],"authenticatorAttachment":{}}`,
}

func passkeyMalformed(t *T) {
	email := newAccount().email
	from := t
	for _, path := range []string{"/passkey/register/verify", "/passkey/authenticate/verify"} {
		for _, credential := range noCredentials {
			body := `{"email":"` + email + `","credential":` + credential + `}`
			a := from.send(post(path, body)).expect(path+" of "+quoted(credential), http.StatusBadRequest, http.StatusUnprocessableEntity)
			a.quiet(path + " of " + quoted(credential))
		}
	}
	for _, path := range []string{"/passkey/register/options", "/passkey/register/verify", "/passkey/authenticate/options", "/passkey/authenticate/verify"} {
		for _, body := range append(bodies, nested()...) {
			if path == "/passkey/authenticate/options" && (body == "" || strings.HasPrefix(body, "{") && json.Valid([]byte(body))) {
				continue // says nothing, which is fine there
			}
			a := from.send(post(path, body)).expect(path+" of "+quoted(body), http.StatusUnprocessableEntity)
			if a.status == http.StatusUnprocessableEntity {
				a.findings()
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			from.send(call{method: method, path: path}).expect(method+" "+path, http.StatusMethodNotAllowed)
		}
	}
}

func passkeyHuge(t *T) {
	acc, _ := t.pioneer()
	big := strings.Repeat("A", 1<<20)
	for what, c := range map[string]call{
		"a registration": t.enrolling(newAccount().email, newPasskey(algES256), func(c *ceremony) { c.sent = func(_, r map[string]any) { r["attestationObject"] = big } }),
		"a sign-in":      t.presenting(acc.passkey, func(c *ceremony) { c.sent = func(_, r map[string]any) { r["signature"] = big } }),
		"options":        post("/passkey/authenticate/options", map[string]any{"email": big}),
		"an extra":       t.presenting(acc.passkey, func(c *ceremony) { c.sent = func(k, _ map[string]any) { k["extra"] = big } }),
	} {
		for _, stream := range []bool{false, true} {
			c.stream = stream
			if a := t.try(t, c); a.err == nil { // an app may hang up on somebody who goes on sending
				a.expect(what+" of a megabyte", http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
			}
		}
	}
	t.present(acc.passkey)
}

func passkeyThrottle(t *T) {
	acc, _ := t.fresh().pioneer()
	for range 5 { // are given back
		t.present(acc.passkey)
	}
	for i := range perIP {
		c := signInOptions()
		if i%2 == 0 {
			c = registerOptions(newAccount().email)
		}
		t.send(c).want(http.StatusOK)
	}
	for _, c := range []call{signInOptions(), registerOptions(newAccount().email)} {
		t.send(c).expect("options past the bound", http.StatusTooManyRequests).wantRetryAfter()
	}
	t.fresh().present(acc.passkey)
}

func passkeyUnanswered(t *T) {
	acc, _ := t.pioneer()
	var asked []offer
	for range 10 {
		from := t.fresh()
		for range perIP {
			asked = append(asked, from.offer(signInOptions()))
		}
	}
	left := func() string { return t.row("SELECT COUNT(*) FROM auth_challenges WHERE purpose LIKE 'passkey_%'")[0] }
	late := t.presenting(acc.passkey)
	past := t.target.Dialect.stamp(time.Now().Add(-time.Second))
	if _, err := t.target.DB.ExecContext(t, t.target.Dialect.bind("UPDATE auth_challenges SET expires_at = ? WHERE id <> ?"), past, challengeID(t.challengeOf(late))); err != nil {
		t.Fatalf("%v", err)
	}
	if left() == "0" {
		t.Fatalf("%d options have left no row", len(asked))
	}
	t.boot(nil).send(late).expect("a sign-in beside a thousand unanswered ones", http.StatusOK)
	if !within(20*time.Second, func() bool { return left() == "0" }) {
		t.Errorf("%s of a thousand unanswered options are still there", left())
	}
}

// challengeOf is the challenge that a credential on its way answers.
func (t *T) challengeOf(c call) string {
	var body struct {
		Credential struct {
			Response struct {
				ClientDataJSON string `json:"clientDataJSON"`
			} `json:"response"`
		} `json:"credential"`
	}
	var client struct{ Challenge string }
	if err := json.Unmarshal(c.body, &body); err != nil {
		t.Fatalf("%v", err)
	}
	text, _ := b64.DecodeString(body.Credential.Response.ClientDataJSON)
	_ = json.Unmarshal(text, &client)
	return client.Challenge
}

func passkeyTiming(t *T) {
	known, _ := t.pioneer()
	asking := func(path, email string) func() call {
		return func() call { return post(path, map[string]any{"email": email}) }
	}
	const path = "/passkey/authenticate/options"
	t.sameTime(attempt{"options for an unknown address", asking(path, newAccount().email)}, attempt{"options for a known address", asking(path, known.email)})
}
