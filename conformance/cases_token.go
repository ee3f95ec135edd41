package conformance

import (
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var tokenCases = []Case{
	{
		Name: "token/header-and-claims", Section: "Access token: header typ: at+jwt, kid; claims iss aud sub sid jti iat nbf exp, all required",
		ASVS: []string{"9.2.2", "9.2.4", "7.2.3"}, RFC: []string{"RFC 9068 2.1", "RFC 9068 2.2"}, Run: tokenShape,
	},
	{
		Name: "token/every-claim-is-required", Section: "Access token: header typ: at+jwt, kid; claims iss aud sub sid jti iat nbf exp, all required",
		ASVS: []string{"9.2.1", "9.2.3"}, RFC: []string{"RFC 9068 2.2"}, Needs: []Need{NeedSecret}, Run: tokenNeedsClaims,
	},
	{
		Name: "token/every-claim-has-its-type", Section: "Access token: header typ: at+jwt, kid; claims iss aud sub sid jti iat nbf exp, all required",
		ASVS: []string{"9.2.1"}, RFC: []string{"RFC 7519 4.1"}, Needs: []Need{NeedSecret}, Run: tokenTypes,
	},
	{
		Name: "token/exp-has-no-leeway", Section: "Access token: exp with leeway 0, iat and nbf up to 60 s ahead",
		ASVS: []string{"9.2.1"}, RFC: []string{"RFC 7519 4.1.4"}, Needs: []Need{NeedSecret}, Run: tokenExpires,
	},
	{
		Name: "token/iat-and-nbf-at-most-60-s-ahead", Section: "Access token: exp with leeway 0, iat and nbf up to 60 s ahead",
		ASVS: []string{"9.2.1"}, RFC: []string{"RFC 7519 4.1.5", "RFC 7519 4.1.6"}, Needs: []Need{NeedSecret}, Run: tokenAhead,
	},
	{
		Name: "token/issuer-and-audience-are-this-app", Section: "Access token: header typ: at+jwt, kid; claims iss aud sub sid jti iat nbf exp, all required",
		ASVS: []string{"9.2.3", "9.2.4", "10.3.1"}, RFC: []string{"RFC 9068 4", "RFC 8725 3.8", "RFC 8725 3.9"}, Needs: []Need{NeedSecret}, Run: tokenIssuer,
	},
	{
		Name: "token/typ-is-at+jwt", Section: "Access token: header typ: at+jwt, kid; claims iss aud sub sid jti iat nbf exp, all required",
		ASVS: []string{"9.2.2"}, RFC: []string{"RFC 8725 3.11", "RFC 9068 4"}, Needs: []Need{NeedSecret}, Run: tokenTyp,
	},
	{
		Name: "token/one-pinned-algorithm", Section: "Access token: One pinned algorithm",
		ASVS: []string{"9.1.2"}, RFC: []string{"RFC 8725 3.1"}, Needs: []Need{NeedSecret}, Run: tokenAlgorithm,
	},
	{
		Name: "token/kid-only-picks-among-the-configured-keys", Section: "Access token: kid only picks among configured keys",
		ASVS: []string{"9.1.3"}, RFC: []string{"RFC 8725 3.10"}, Needs: []Need{NeedSecret}, Run: tokenKeyID,
	},
	{
		Name: "token/headers-bring-no-keys", Section: "Access token: kid only picks among configured keys",
		ASVS: []string{"9.1.3"}, RFC: []string{"RFC 8725 3.10", "RFC 7515 4.1.2", "RFC 7515 4.1.3"}, Needs: []Need{NeedSecret}, Run: tokenHeaders,
	},
	{
		Name: "token/crit-is-refused", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"9.1.1"}, RFC: []string{"RFC 7515 4.1.11"}, Needs: []Need{NeedSecret}, Run: tokenCrit,
	},
	{
		Name: "token/any-flipped-byte-is-refused", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"9.1.1", "7.2.1"}, RFC: []string{"RFC 7515 5.2", "RFC 8725 3.3"}, Run: tokenFlipped,
	},
	{
		Name: "token/sub-and-sid-belong-together", Section: "Access token: get_current_user reads user and session in one statement",
		ASVS: []string{"7.2.1"}, RFC: []string{"RFC 8725 3.8"}, Needs: []Need{NeedSecret}, Run: tokenForeignSession,
	},
	{
		Name: "token/sub-is-a-user-id-in-digits", Section: "Access token: sub is the user id as a string",
		ASVS: []string{"7.2.1", "10.3.3"}, RFC: []string{"RFC 7519 4.1.2"}, Needs: []Need{NeedSecret}, Run: tokenSubject,
	},
	{
		Name: "token/sid-is-a-session-that-exists", Section: "Access token: get_current_user reads user and session in one statement",
		ASVS: []string{"7.2.1"}, Needs: []Need{NeedSecret}, Run: tokenSession,
	},
	{
		Name: "token/json-that-is-no-claims-set", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"16.5.3"}, RFC: []string{"RFC 7519 7.2"}, Needs: []Need{NeedSecret}, Run: tokenJSON,
	},
	{
		Name: "token/unknown-claims-change-nothing", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"8.3.2"}, RFC: []string{"RFC 7519 4"}, Needs: []Need{NeedSecret}, Run: tokenOtherClaims,
	},
	{
		Name: "token/over-4-KiB-is-refused", Section: "Access token: HS256; header typ: at+jwt, kid",
		Needs: []Need{NeedSecret}, Run: tokenLong,
	},
	{
		Name: "token/one-that-was-good-expires", Section: "Access token: exp with leeway 0, iat and nbf up to 60 s ahead",
		ASVS: []string{"9.2.1"}, RFC: []string{"RFC 7519 4.1.4"}, Needs: []Need{NeedSecret}, Turn: Early, Run: tokenOutlived,
	},
}

var claimNames = []string{"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"}

var sessionID = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)

func tokenShape(t *T) {
	acc, s := t.member()
	for name, want := range map[string]any{"alg": "HS256", "typ": "at+jwt"} {
		if s.header[name] != want {
			t.Errorf("the header's %s is %v, want %v", name, s.header[name], want)
		}
	}
	if len(s.header) != 3 || s.header["kid"] == "" || s.header["kid"] == nil {
		t.Errorf("the header is %v, want alg, typ and kid", s.header)
	}
	for name, want := range map[string]any{
		"iss": t.target.Issuer, "aud": t.target.Issuer, "sub": strconv.FormatInt(acc.id, 10),
	} {
		if s.claims[name] != want {
			t.Errorf("%s is %v, want %q", name, s.claims[name], want)
		}
	}
	if len(t.only(s.claims, claimNames)) != len(claimNames) {
		t.Errorf("the claims are %v, want %v", sortedKeys(s.claims), claimNames)
	}
	if !sessionID.MatchString(s.id()) {
		t.Errorf("sid is %q, want base64url of 16 bytes", s.id())
	}
	if jti, _ := s.claims["jti"].(string); len(jti) < 16 {
		t.Errorf("jti is %v, want a text that can't be guessed", s.claims["jti"])
	}
	iat, now := s.seconds("iat"), time.Now().Unix()
	if iat < now-60 || iat > now+60 || s.seconds("nbf") != iat || s.seconds("exp") <= iat {
		t.Errorf("iat %v, nbf %v, exp %v: want integers, about %d and later", s.claims["iat"], s.claims["nbf"], s.claims["exp"], now)
	}
	if next := t.renew(s); next.claims["jti"] == s.claims["jti"] {
		t.Errorf("two tokens have the jti %v", next.claims["jti"])
	}
}

func tokenNeedsClaims(t *T) {
	_, k := t.forge()
	forged := map[string]string{}
	for _, name := range claimNames {
		forged["no "+name] = k.without(name).signed(t.key())
		forged["null for "+name] = k.claim(name, nil).signed(t.key())
	}
	t.refused(forged)
}

func tokenTypes(t *T) {
	s, k := t.forge()
	forged := map[string]string{}
	wrong := func(name string, values ...any) {
		for _, value := range values {
			forged[name+" "+quoted(string(encode(value)))] = k.claim(name, value).signed(t.key())
		}
	}
	later := s.seconds("exp")
	for _, name := range []string{"exp", "iat", "nbf"} {
		same := strconv.FormatInt(s.seconds(name), 10)
		wrong(name, same, same+".0", json.RawMessage(same+".0"), json.RawMessage(same+".5"), true, []any{json.RawMessage(same)},
			map[string]any{}, "", "x", json.RawMessage("1e400"), json.RawMessage("-1e400"))
	}
	huge := new(big.Int).Lsh(big.NewInt(1), 200)
	wrong("exp", false, 0, -1, -later, json.RawMessage(huge.String()), json.RawMessage("9223372036854775808"), json.RawMessage("1e30"),
		json.RawMessage("18446744073709551616"))
	wrong("iat", json.RawMessage(huge.String()), json.RawMessage("1e30"))
	wrong("nbf", json.RawMessage(huge.String()), json.RawMessage("1e30"))
	for _, name := range []string{"iss", "aud", "sub", "sid", "jti"} {
		wrong(name, 1, true, []any{}, map[string]any{}, []any{s.claims[name]})
	}
	t.refused(forged)
}

func tokenExpires(t *T) {
	_, k := t.forge()
	now := time.Now().Unix()
	old := k.claim("iat", now-3600).claim("nbf", now-3600)
	t.refused(map[string]string{
		"expired this second":  old.claim("exp", now).signed(t.key()),
		"expired by 1 second":  old.claim("exp", now-1).signed(t.key()),
		"expired by 30 second": old.claim("exp", now-30).signed(t.key()),
		"expired by 1 hour":    old.claim("exp", now-3600).signed(t.key()),
	})
	t.accepted(map[string]string{"not expired yet": old.claim("exp", now+60).signed(t.key())})
}

func tokenAhead(t *T) {
	_, k := t.forge()
	for _, name := range []string{"iat", "nbf"} {
		ahead := func(seconds int64) *answer {
			return t.inTime(func() *answer {
				return t.me(k.claim(name, time.Now().Unix()+seconds).signed(t.key()))
			})
		}
		ahead(30).expect(name+" 30 s ahead", 200)
		ahead(60).expect(name+" 60 s ahead", 200)
		ahead(62).expect(name+" over 60 s ahead", 401) // handled within a second, so 61 s ahead or more
		ahead(3600).expect(name+" an hour ahead", 401)
	}
}

func tokenIssuer(t *T) {
	_, k := t.forge()
	forged := map[string]string{}
	own := t.target.Issuer
	for _, value := range []any{
		"other", "", own + "x", strings.ToUpper(own), own + "/", " " + own, own + "\u0000", "https://" + own, json.RawMessage(`"\ud800"`),
	} {
		forged["iss "+quoted(string(encode(value)))] = k.claim("iss", value).signed(t.key())
		forged["aud "+quoted(string(encode(value)))] = k.claim("aud", value).signed(t.key())
	}
	forged["aud an array with this app"] = k.claim("aud", []string{own}).signed(t.key())
	forged["aud an array with others"] = k.claim("aud", []string{"other", own}).signed(t.key())
	forged["aud *"] = k.claim("aud", "*").signed(t.key())
	t.refused(forged)
}

func tokenTyp(t *T) {
	_, k := t.forge()
	forged := map[string]string{"no typ": k.headWithout("typ").signed(t.key())}
	for _, typ := range []any{"JWT", "jwt", "", nil, 1, true, []string{"at+jwt"}, "rt+jwt", "at+jwt ", "id+jwt", "logout+jwt"} {
		forged["typ "+string(encode(typ))] = k.head("typ", typ).signed(t.key())
	}
	t.refused(forged)
}

func tokenAlgorithm(t *T) {
	_, k := t.forge()
	forged := map[string]string{"no alg": k.headWithout("alg").signed(t.key())}
	for _, alg := range []any{
		"none", "None", "NONE", "nOnE", "", "hs256", "HS1", "RS256", "RS512", "ES256", "PS256", "EdDSA", "A256KW", nil, 256, true,
		[]string{"HS256"},
	} {
		changed := k.head("alg", alg)
		name := "alg " + string(encode(alg))
		forged[name+", HMAC"] = changed.signed(t.key())
		forged[name+", no signature"] = unsigned(changed)
	}
	for _, alg := range []string{"HS384", "HS512"} {
		forged["alg "+alg] = k.head("alg", alg).signedBy(hashes[alg], t.key())
		forged["alg HS256, really "+alg] = k.signedBy(hashes[alg], t.key())
	}
	t.refused(forged)
}

func unsigned(k token) string {
	compact := k.signed(nil)
	return compact[:strings.LastIndexByte(compact, '.')+1]
}

func tokenKeyID(t *T) {
	_, k := t.forge()
	kid, _ := k.header["kid"].(string)
	forged := map[string]string{"no kid": k.headWithout("kid").signed(t.key())}
	for _, other := range []any{
		"", nil, 0, 1, true, []string{kid}, map[string]any{}, "unknown", kid + "x", strings.ToUpper(kid) + "A", "AAAAAAAAAAA",
		"../../../../dev/null", "/dev/null", "' UNION SELECT 'x", "http://127.0.0.1/key", "\u0000", json.RawMessage(`"\ud800"`),
		strings.Repeat("k", 1000),
	} {
		changed := k.head("kid", other)
		name := "kid " + quoted(string(encode(other)))
		forged[name] = changed.signed(t.key())
		forged[name+", signed with nothing"] = changed.signed(nil)
	}
	t.refused(forged)
}

func tokenHeaders(t *T) {
	_, k := t.forge()
	own := []byte("the attacker's own key of thirty-two bytes")
	jwk := map[string]string{"kty": "oct", "alg": "HS256", "kid": "mine", "k": b64.EncodeToString(own)}
	forged := map[string]string{}
	for name, value := range map[string]any{
		"jwk": jwk, "jku": t.target.URL + "/keys.json", "x5u": t.target.URL + "/cert.pem", "x5c": []string{b64.EncodeToString(own)},
		"x5t": "x", "x5t#S256": "x",
	} {
		forged[name+", signed with its key"] = k.head(name, value).signed(own)
		forged[name+" and its kid, signed with its key"] = k.head(name, value).head("kid", "mine").signed(own)
	}
	t.refused(forged)
}

func tokenCrit(t *T) {
	_, k := t.forge()
	t.refused(map[string]string{
		"crit with an unknown extension": k.head("crit", []string{"x"}).head("x", 1).signed(t.key()),
		"crit that is empty":             k.head("crit", []string{}).signed(t.key()),
		"crit that is no list":           k.head("crit", "x").head("x", 1).signed(t.key()),
		"b64 switched off":               k.head("crit", []string{"b64"}).head("b64", false).signed(t.key()),
	})
}

func tokenFlipped(t *T) {
	_, s := t.member()
	t.me(s.access).want(http.StatusOK)
	forged := map[string]string{}
	parts := strings.Split(s.access, ".")
	for i, part := range parts {
		text, _ := b64.DecodeString(part)
		for at := range text {
			changed := []byte(string(text))
			changed[at] ^= 1
			other := append([]string{}, parts...)
			other[i] = b64.EncodeToString(changed)
			forged["part "+strconv.Itoa(i)+", byte "+strconv.Itoa(at)] = strings.Join(other, ".")
		}
	}
	forged["no signature"] = parts[0] + "." + parts[1] + "."
	forged["half a signature"] = parts[0] + "." + parts[1] + "." + parts[2][:20]
	_, other := t.member()
	mixed := strings.Split(other.access, ".")
	forged["another token's claims"] = parts[0] + "." + mixed[1] + "." + parts[2]
	t.refused(forged)
}

func tokenForeignSession(t *T) {
	s, k := t.forge()
	other, theirs := t.member()
	t.refused(map[string]string{
		"another user's session": k.claim("sid", theirs.id()).signed(t.key()),
		"another user's id":      k.claim("sub", strconv.FormatInt(other.id, 10)).signed(t.key()),
	})
	t.me(s.access).expect("the untouched token", 200)
	t.me(theirs.access).expect("the other's untouched token", 200)
}

func tokenSubject(t *T) {
	_, k := t.forge()
	id, _ := k.claims["sub"].(string)
	forged := map[string]string{}
	for _, sub := range []any{
		"", "0", "-1", "-" + id, "+" + id, " " + id, id + " ", id + "\n", id + ".0", id + "e0", "0x" + id, "1_0", "x", id + ";--", "null",
		arabicDigits(id), fullWidthDigits(id), "\u00b2", "9223372036854775807", "9223372036854775808", strings.Repeat("9", 400),
		strings.Repeat("1", 3000), id + "\u0000", json.RawMessage(`"\ud800"`), json.Number(id), []string{id}, "99999999",
	} {
		forged["sub "+quoted(string(encode(sub)))] = k.claim("sub", sub).signed(t.key())
	}
	t.refused(forged)
}

// arabicDigits spells a number so that many a parser still reads it.
func arabicDigits(id string) string { return shiftDigits(id, 0x0660) }

func fullWidthDigits(id string) string { return shiftDigits(id, 0xff10) }

func shiftDigits(id string, zero rune) string {
	return strings.Map(func(r rune) rune { return r - '0' + zero }, id)
}

func tokenSession(t *T) {
	s, k := t.forge()
	forged := map[string]string{}
	for _, sid := range []any{
		"", "AAAAAAAAAAAAAAAAAAAAAA", "x", s.id() + "=", s.id() + " ", strings.ToUpper(s.id()) + "A", "%", "_", s.id()[:21] + "%",
		s.id() + "\u0000", "\u0000", json.RawMessage(`"\ud800"`), strings.Repeat("s", 2000), "' OR '1'='1", 1, []string{s.id()},
	} {
		forged["sid "+quoted(string(encode(sid)))] = k.claim("sid", sid).signed(t.key())
	}
	t.refused(forged)
}

func tokenJSON(t *T) {
	_, k := t.forge()
	header, claims := string(encodeToken(k.header)), string(encodeToken(k.claims))
	forged := map[string]string{}
	for _, other := range []string{
		"", "null", "[]", "1", `"x"`, "{}", "[" + claims + "]", claims[:len(claims)-1], claims + claims, "\xff",
		strings.Repeat("[", 2000), strings.Repeat(`{"a":`, 500), `{"exp":NaN}`, `{"exp":Infinity}`,
	} {
		forged["claims "+quoted(other)] = signedParts(hashes["HS256"], t.key(), []byte(header), []byte(other))
	}
	for _, other := range []string{"", "null", "[]", "1", `"x"`, "{}", header[:len(header)-1], "\xff", strings.Repeat("[", 2000)} {
		forged["header "+quoted(other)] = signedParts(hashes["HS256"], t.key(), []byte(other), []byte(claims))
	}
	t.refused(forged)
}

func tokenOtherClaims(t *T) {
	_, k := t.forge()
	more := maps.Clone(k.claims)
	for name, value := range map[string]any{"scope": "admin", "is_superuser": true, "role": "admin", "email": "root@example.com"} {
		more[name] = value
	}
	a := t.me(token{k.header, more}.signed(t.key())).want(http.StatusOK)
	if user := a.object(); user["is_superuser"] != false {
		a.errorf("a claim made a superuser")
	}
}

func tokenLong(t *T) {
	_, k := t.forge()
	base := len(k.claim("pad", "").signed(t.key()))
	t.refused(map[string]string{
		"over 4,096 bytes": k.claim("pad", strings.Repeat("a", 4200-base)).signed(t.key()),
		"of 8,000 bytes":   k.claim("pad", strings.Repeat("a", 6000-base)).signed(t.key()),
	})
}

func tokenOutlived(t *T) {
	_, k := t.forge()
	t.outlived(func(exp int64) call { return me(k.claim("exp", exp).signed(t.key())) })
}

// outlived expects that what was answered a moment ago is not once its time is over,
// whatever the app remembers of it.
func (t *T) outlived(until func(exp int64) call) {
	for seconds := int64(2); seconds <= 32; seconds *= 4 {
		end := time.Now().Unix() + seconds
		c := until(end)
		a := t.send(c)
		if time.Now().Unix() >= end {
			continue // this machine is slow
		}
		a.want(http.StatusOK)
		time.Sleep(time.Until(time.Unix(end, 0)))
		t.send(c).expect("a token that was good, once it has expired", http.StatusUnauthorized)
		return
	}
	t.Fatalf("no answer within half a minute")
}
