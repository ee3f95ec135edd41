package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Refresh tokens that nobody was given.
var forgedCases = []Case{
	{
		Name: "forged/any-changed-character-is-refused", Section: "Refresh token: HMAC over both and the session's random salt",
		ASVS: []string{"9.1.1", "7.2.1"}, Run: forgedCharacters,
	},
	{
		Name: "forged/a-wrong-hmac-changes-nothing", Section: "Refresh token: A wrong HMAC is 401 and changes nothing",
		ASVS: []string{"9.1.1"}, Needs: []Need{NeedDB}, Run: forgedMAC,
	},
	{
		Name: "forged/only-the-refresh-key-signs", Section: "Keys: One key per purpose",
		ASVS: []string{"9.1.1"}, Needs: []Need{NeedSecret, NeedDB}, Run: forgedKeys,
	},
	{
		Name: "forged/the-session-id-is-signed-too", Section: "Refresh token: HMAC over both and the session's random salt",
		ASVS: []string{"9.1.1"}, Needs: []Need{NeedSecret, NeedDB}, Run: forgedSession,
	},
	{
		Name: "forged/a-counter-has-one-spelling", Section: "Bytes: refresh token <session id>.<counter>.<HMAC, base64url>",
		ASVS: []string{"9.1.1"}, Needs: []Need{NeedSecret, NeedDB}, Run: forgedCounter,
	},
	{
		Name: "forged/a-counter-of-any-size-is-401", Section: "Bytes: refresh token <session id>.<counter>.<HMAC, base64url>",
		ASVS: []string{"16.5.3"}, Needs: []Need{NeedSecret, NeedDB}, Run: forgedHugeCounter,
	},
	{
		Name: "forged/base64-has-one-spelling", Section: "Bytes: refresh token <session id>.<counter>.<HMAC, base64url>",
		ASVS: []string{"9.1.1"}, RFC: []string{"RFC 4648 3.5"}, Run: forgedBase64,
	},
	{
		Name: "forged/an-access-token-does-not-refresh", Section: "Keys: One key per purpose",
		ASVS: []string{"9.2.2"}, Run: forgedAccess,
	},
	{
		Name: "forged/garbage-breaks-nothing", Section: "Sessions: POST /refresh",
		ASVS: []string{"16.5.3"}, Run: forgedGarbage,
	},
	{
		Name: "forged/a-body-without-a-text-is-422", Section: "Errors: never with the rejected input in it",
		ASVS: []string{"16.5.1", "14.2.1"}, RFC: []string{"RFC 9110 15.5.21"}, Run: forgedBodies,
	},
}

// unrefreshed expects 401, with the challenge, for tokens that were made by hand,
// and that the session they attack lives on as if nothing had been tried.
func (t *T) unrefreshed(s session, tokens map[string]string) {
	for _, what := range sortedKeys(tokens) {
		t.challenged(what, t.refresh(tokens[what]))
	}
	t.untouched(s)
}

func (t *T) challenged(what string, a *answer) {
	a.expect(what, http.StatusUnauthorized)
	if a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") != "Bearer" {
		a.errorf("%s: 401 without the challenge", what)
	}
}

// untouched expects that a session was never refreshed and still can be.
func (t *T) untouched(s session) {
	if counter := refreshCounter(t.renew(s)); counter != 1 {
		t.Errorf("what was refused has moved the counter to %d", counter-1)
	}
	t.me(s.access).expect("the session that was attacked", http.StatusOK)
}

func forgedCharacters(t *T) {
	_, s := t.member()
	tokens := map[string]string{}
	for at, have := range []byte(s.refresh) {
		other := byte('A')
		if 'A' <= have && have <= 'D' {
			other = 'Q' // which differs from A to D in more than the bits that base64 spares at the end
		}
		tokens["character "+strconv.Itoa(at)] = s.refresh[:at] + string(other) + s.refresh[at+1:]
	}
	t.unrefreshed(s, tokens)
}

func forgedMAC(t *T) {
	_, s := t.member()
	_, other := t.member()
	id, _, mac, _ := splitRefresh(s.refresh)
	_, _, foreign, _ := splitRefresh(other.refresh)
	before := t.row("SELECT * FROM auth_sessions WHERE id = ?", id)
	tokens := map[string]string{}
	for what, wrong := range map[string][]byte{
		"zeros": make([]byte, 32), "another session's HMAC": foreign, "half an HMAC": mac[:16], "no HMAC": nil, "an HMAC and more": append(mac, 0),
	} {
		for _, counter := range []string{"0", "1", "2", "99"} {
			tokens[what+" after counter "+counter] = id + "." + counter + "." + b64.EncodeToString(wrong)
		}
	}
	for _, what := range sortedKeys(tokens) {
		t.challenged(what, t.refresh(tokens[what]))
	}
	after := t.row("SELECT * FROM auth_sessions WHERE id = ?", id)
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("refresh tokens with a wrong HMAC have changed the session's row")
	}
	t.untouched(s)
	t.untouched(other)
}

// signedRefresh is a refresh token with any text for its counter.
func signedRefresh(key []byte, id, counter string, salt []byte) string {
	head := id + "." + counter + "."
	return head + b64.EncodeToString(sign(key, head+string(salt)))
}

func forgedKeys(t *T) {
	_, s := t.member()
	secret, salt := t.target.Secret, t.salt(s)
	tokens := map[string]string{}
	for what, key := range map[string][]byte{
		"SECRET_KEY itself": []byte(secret), "the access key": t.key(), "the binding key": purposeKey(secret, bindingInfo),
		"HKDF without info": purposeKey(secret, ""), "nothing": {}, "the salt": salt, "32 zeros": make([]byte, 32),
		"HKDF of the mask of a SecretStr": purposeKey(mask, refreshInfo), "HKDF of an empty secret": purposeKey("", refreshInfo),
	} {
		tokens[what] = signedRefresh(key, s.id(), "0", salt)
	}
	key := purposeKey(secret, refreshInfo)
	tokens["no salt"] = signedRefresh(key, s.id(), "0", nil)
	tokens["the salt as text"] = signedRefresh(key, s.id(), "0", []byte(b64.EncodeToString(salt)))
	if signedRefresh(key, s.id(), "0", salt) != s.refresh {
		t.Fatalf("the right key, id, counter and salt do not make the session's refresh token")
	}
	t.unrefreshed(s, tokens)
}

func forgedSession(t *T) {
	_, s := t.member()
	_, other := t.member()
	key, salt, theirs := purposeKey(t.target.Secret, refreshInfo), t.salt(s), t.salt(other)
	unknown := strings.Repeat("A", 22)
	own := s.refresh[strings.IndexByte(s.refresh, '.'):]
	t.unrefreshed(s, map[string]string{
		"another session's id before the own rest":   other.id() + own,
		"another session's id, signed with own salt": signedRefresh(key, other.id(), "0", salt),
		"the own id, signed with another's salt":     signedRefresh(key, s.id(), "0", theirs),
		"an unknown id before the own rest":          unknown + own,
		"an unknown id, signed with own salt":        signedRefresh(key, unknown, "0", salt),
		"an unknown id, signed without salt":         signedRefresh(key, unknown, "0", nil),
		"a short id":                                 signedRefresh(key, s.id()[:21], "0", salt),
		"an id with padding":                         signedRefresh(key, s.id()+"==", "0", salt),
		"an id and a quote":                          signedRefresh(key, s.id()+"'", "0", salt),
		"an id and NUL":                              signedRefresh(key, s.id()+"\u0000", "0", salt),
		"a wildcard":                                 signedRefresh(key, s.id()[:21]+"%", "0", salt),
		"no id":                                      signedRefresh(key, "", "0", salt),
	})
	t.untouched(other)
}

func forgedCounter(t *T) {
	_, s := t.member()
	key, salt := purposeKey(t.target.Secret, refreshInfo), t.salt(s)
	tokens := map[string]string{}
	for _, counter := range []string{
		"", "00", "+0", "-0", " 0", "0 ", "0\n", "\t0", "0_0", "0.0", "0x0", "0b0", "0e0", "0\u0000", "\u0660", "\uff10", "\U0001d7ce",
		"01", "+1", "-1", " 1", "1_0", "1.0", "1e0", "\u00b9", "\u2460", "NaN", "inf", "null", "true", "None",
	} {
		tokens["the counter "+strconv.QuoteToASCII(counter)] = signedRefresh(key, s.id(), counter, salt)
	}
	t.unrefreshed(s, tokens)
}

func forgedHugeCounter(t *T) {
	for _, counter := range []string{
		"999999999", "1000000000", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
		"18446744073709551616", strings.Repeat("9", 400), strings.Repeat("1", 5000), "-2147483649", "-9223372036854775809",
	} {
		_, s := t.member()
		forged := signedRefresh(purposeKey(t.target.Secret, refreshInfo), s.id(), counter, t.salt(s))
		t.challenged("the counter "+quoted(counter), t.refresh(forged))
	}
}

func forgedBase64(t *T) {
	_, s := t.member()
	at := strings.LastIndexByte(s.refresh, '.') + 1
	head, text := s.refresh[:at], s.refresh[at:]
	_, _, mac, _ := splitRefresh(s.refresh)
	tokens := map[string]string{
		"hex":                    head + hex.EncodeToString(mac),
		"with padding":           s.refresh + "=",
		"with much padding":      s.refresh + "====",
		"with a space behind":    s.refresh + " ",
		"with a space before":    " " + s.refresh,
		"with a line break":      s.refresh + "\n",
		"with a break inside":    head + text[:20] + "\r\n" + text[20:],
		"with a dot behind":      s.refresh + ".",
		"with a dot before":      "." + s.refresh,
		"with another character": s.refresh + "A",
		"with NUL":               s.refresh + "\u0000",
		"with a percent escape":  strings.Replace(s.refresh, ".", "%2E", 1),
		"in quotes":              `"` + s.refresh + `"`,
		"as a bearer":            "Bearer " + s.refresh,
	}
	if standard := base64.RawStdEncoding.EncodeToString(mac); standard != text {
		tokens["the standard alphabet"] = head + standard
	}
	for _, bits := range []byte{1, 2, 3} {
		tokens["spare bits "+strconv.Itoa(int(bits))] = s.refresh[:len(s.refresh)-1] + spare(text[len(text)-1], bits)
	}
	t.unrefreshed(s, tokens)
}

// spare sets bits of a last character that decoders tend to ignore: 43 characters
// hold 258 bits, an HMAC has 256.
func spare(last, bits byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)|int(bits)])
}

func forgedAccess(t *T) {
	_, s := t.member()
	tokens := map[string]string{"the access token": s.access, "the session id": s.id()}
	if t.target.Secret != "" {
		key := purposeKey(t.target.Secret, refreshInfo)
		tokens["a JWT under the refresh key"] = genuine(s).signed(key)
		tokens["a rt+jwt under the refresh key"] = genuine(s).head("typ", "rt+jwt").signed(key)
	}
	t.unrefreshed(s, tokens)
}

func forgedGarbage(t *T) {
	_, s := t.member()
	for what, token := range map[string]any{
		"nothing": "", "a dot": ".", "two dots": "..", "three dots": "...", "NUL": "\u0000", "NUL inside": s.id() + ".0.\u0000",
		"1 MB": strings.Repeat("a", 1<<20), "1 MB of dots": strings.Repeat(".", 1<<20), "1 MB of counter": s.id() + "." + strings.Repeat("1", 1<<20) + ".x",
		"a lone surrogate": json.RawMessage(`"\ud800"`), "a lone surrogate inside": json.RawMessage(`"` + s.refresh + `\udfff"`),
		"a quote": "' OR '1'='1", "letters outside ASCII": "žluťoučký.0.kůň", "a path": "../../etc/passwd", "null as text": "null",
	} {
		a := t.send(refreshWith(token))
		a.expect(what, http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge)
		if a.status == http.StatusUnprocessableEntity {
			a.findings()
		}
	}
	t.untouched(s)
}

func forgedBodies(t *T) {
	_, s := t.member()
	token := `"` + s.refresh + `"`
	for what, body := range map[string]any{
		"no field": `{}`, "null": refreshBody("null"), "a number": refreshBody("1"), "a truth": refreshBody("true"), "a list": refreshBody("[" + token + "]"),
		"an object": refreshBody(`{"refresh_token":` + token + `}`), "another field": `{"token":` + token + `}`, "another case": `{"Refresh_Token":` + token + `}`,
		"a twofold key": `{"refresh_token":` + token + `,"refresh_token":` + token + `}`, "a list of bodies": `[` + refreshBody(token) + `]`,
		"a bare text": token, "a broken body": `{"refresh_token":` + token, "nothing": "", "deep JSON": refreshBody(strings.Repeat("[", 5000)),
	} {
		a := t.send(post("/refresh", body)).expect(what, http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity && strings.Contains(string(a.body), s.refresh) {
			a.errorf("%s: the answer repeats the token", what)
		}
	}
	t.send(postForm("/refresh", "refresh_token", s.refresh)).expect("a form", http.StatusUnprocessableEntity)
	t.send(post("/refresh?refresh_token="+s.refresh, "{}")).expect("the token in the query", http.StatusUnprocessableEntity)
	t.untouched(s)
}

func refreshBody(value string) string { return `{"refresh_token":` + value + `}` }
