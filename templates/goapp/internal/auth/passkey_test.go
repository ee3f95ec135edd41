// fastman: file passkey
package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// What an authenticator says of itself (WebAuthn Level 3, section 6.1).
const (
	present  = 1 << 0
	verified = 1 << 2
	eligible = 1 << 3
	backedUp = 1 << 4
	attested = 1 << 6
)

// device keeps one passkey, as phones and security keys do.
type device struct {
	*testing.T
	key    *ecdsa.PrivateKey
	id     string // base64url
	handle string
	count  uint32

	// What it signs, which a test may have wrong.
	flags     byte
	rpID      string
	ceremony  string
	members   object // of clientDataJSON, besides
	signature func([]byte) []byte
}

func newDevice(t *testing.T) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &device{T: t, key: key, id: randomText(32), flags: present | verified, rpID: "localhost"}
}

func (d *device) clientData(ceremony, challenge string) []byte {
	members := object{"type": ceremony, "challenge": challenge, "origin": "http://localhost:8000", "crossOrigin": false}
	if d.ceremony != "" {
		members["type"] = d.ceremony
	}
	for name, value := range d.members {
		members[name] = value
	}
	return d.marshal(members)
}

func (d *device) marshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		d.Fatal(err)
	}
	return text
}

func (d *device) cbor(value any) []byte {
	content, err := webauthncbor.Marshal(value)
	if err != nil {
		d.Fatal(err)
	}
	return content
}

func (d *device) authenticatorData(flags byte) []byte {
	hash := sha256.Sum256([]byte(d.rpID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), d.count)
}

func (d *device) credential(response object) object {
	return object{"id": d.id, "rawId": d.id, "type": "public-key", "response": response, "clientExtensionResults": object{}}
}

// make answers creation options.
func (d *device) make(options creationOptions) object {
	d.handle = options.User.ID
	id, _ := base64url.DecodeString(d.id)
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		d.Fatal(err)
	}
	key := d.cbor(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	data := slices.Concat(d.authenticatorData(d.flags|attested), make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(id))), id, key)
	return d.credential(object{
		"clientDataJSON":    base64url.EncodeToString(d.clientData("webauthn.create", options.Challenge)),
		"attestationObject": base64url.EncodeToString(d.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})),
		"transports":        []string{"internal", "hybrid", "Not one", "hybrid"},
	})
}

// sign answers request options.
func (d *device) sign(options requestOptions) object {
	data, client := d.authenticatorData(d.flags), d.clientData("webauthn.get", options.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	signature, err := d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		d.Fatal(err)
	}
	if d.signature != nil {
		signature = d.signature(signature)
	}
	return d.credential(object{
		"clientDataJSON":    base64url.EncodeToString(client),
		"authenticatorData": base64url.EncodeToString(data),
		"signature":         base64url.EncodeToString(signature),
		"userHandle":        d.handle,
	})
}

func (a *app) creation(email, token string) creationOptions {
	a.Helper()
	return decode[creationOptions](a.send("POST", "/passkey/register/options", token, object{"email": email}).want(200))
}

func (a *app) request() requestOptions {
	a.Helper()
	return decode[requestOptions](a.send("POST", "/passkey/authenticate/options", "", object{}).want(200))
}

// add registers the device, for a new account or for that of the token.
func (a *app) add(d *device, email, token string) answered {
	a.Helper()
	made := d.make(a.creation(email, token))
	return a.send("POST", "/passkey/register/verify", token, object{"email": email, "credential": made})
}

func (a *app) use(d *device) answered {
	a.Helper()
	return a.send("POST", "/passkey/authenticate/verify", "", object{"credential": d.sign(a.request())})
}

// holder signs somebody up, who has a passkey and nothing else.
func (a *app) holder(email string) (*device, string) {
	a.Helper()
	d := newDevice(a.T)
	return d, decode[Token](a.add(d, email, "").want(201)).AccessToken
}

// Somebody signs up with a passkey, and in again without saying who they are.
func TestPasskey(t *testing.T) {
	a := newApp(t)
	d, token := a.holder("Ann@example.com")
	me := decode[publicUser](a.send("GET", "/passkey/me", token, nil).want(200))
	if me.Email != "Ann@example.com" || me.IsVerified {
		t.Errorf("the user is %+v", me)
	}
	signedIn := decode[Token](a.use(d).want(200))
	if signedIn.ExpiresIn != 3600 {
		t.Errorf("tokens last %d s", signedIn.ExpiresIn)
	}
	refreshed := decode[Token](a.send("POST", "/refresh", "", object{"refresh_token": signedIn.RefreshToken}).want(200))
	if refreshed.ExpiresIn != 3600 {
		t.Errorf("refreshed tokens last %d s", refreshed.ExpiresIn)
	}
	all := decode[[]publicPasskey](a.send("GET", "/passkey/credentials", token, nil).want(200))
	if len(all) != 1 || all[0].ID != d.id || all[0].DeviceName != "Passkey" || all[0].LastUsedAt == nil ||
		!slices.Equal(all[0].Transports, []string{"internal", "hybrid"}) {
		t.Errorf("the passkeys are %+v", all)
	}
}

// What one device has signed lets in once, and once only where it is sent twice at once.
func TestPasskeyOnce(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	options := a.request()
	var all sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		shown := object{"credential": d.sign(options)}
		all.Go(func() { codes[i] = a.send("POST", "/passkey/authenticate/verify", "", shown).Code })
	}
	all.Wait()
	slices.Sort(codes)
	if codes[0] != 200 || codes[1] != 400 {
		t.Errorf("the answers are %v", codes)
	}
	other := newDevice(t)
	made := object{"email": "bob@example.com", "credential": other.make(a.creation("bob@example.com", ""))}
	a.send("POST", "/passkey/register/verify", "", made).want(201)
	a.send("POST", "/passkey/register/verify", "", made).want(400)
}

// Whatever is wrong with what a device shows, nobody is let in, and nobody learns why.
func TestPasskeyRefused(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	other, _ := a.holder("bob@example.com")
	for reason, spoil := range map[string]func(*device){
		"user is not there":        func(d *device) { d.flags = verified },
		"user is not verified":     func(d *device) { d.flags = present },
		"backed up, not eligible":  func(d *device) { d.flags |= backedUp },
		"became eligible":          func(d *device) { d.flags |= eligible },
		"another app":              func(d *device) { d.rpID = "localhost.example" },
		"another origin":           func(d *device) { d.members = object{"origin": "http://localhost:8001"} },
		"framed":                   func(d *device) { d.members = object{"crossOrigin": true} },
		"framed by a named origin": func(d *device) { d.members = object{"topOrigin": "http://localhost:8000"} },
		"another ceremony":         func(d *device) { d.ceremony = "webauthn.create" },
		"no challenge":             func(d *device) { d.members = object{"challenge": nil} },
		"another challenge":        func(d *device) { d.members = object{"challenge": randomText(32)} },
		"another signature":        func(d *device) { d.signature = func(s []byte) []byte { s[len(s)-1] ^= 1; return s } },
		"no signature":             func(d *device) { d.signature = func([]byte) []byte { return nil } },
		"another's id":             func(d *device) { d.id = other.id },
		"another's handle":         func(d *device) { d.handle = other.handle },
		"another's both":           func(d *device) { d.id, d.handle = other.id, other.handle },
		"an unknown id":            func(d *device) { d.id = randomText(32) },
	} {
		spoilt := *d
		spoil(&spoilt)
		refused := a.use(&spoilt)
		if refused.Code != 400 || refused.Body.String() != `{"detail":"Passkey could not be verified"}` {
			t.Errorf("%s: %d %s", reason, refused.Code, refused.Body)
		}
		spoilt = *newDevice(t)
		if spoil(&spoilt); strings.HasPrefix(reason, "another's") || strings.HasSuffix(reason, "signature") ||
			slices.Contains([]string{"became eligible", "another ceremony", "an unknown id"}, reason) {
			continue // of signing in alone
		}
		if refused := a.add(&spoilt, "new@example.com", ""); refused.Code != 400 || refused.Body.String() != `{"detail":"Passkey could not be registered"}` {
			t.Errorf("registering, %s: %d %s", reason, refused.Code, refused.Body)
		}
	}
	if n := a.count("FROM users"); n != 2 {
		t.Errorf("there are %d users", n)
	}
	a.use(d).want(200)
}

// A device that has fallen behind its own count is a copy.
func TestPasskeyCloned(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	d.count = 7
	a.use(d).want(200)
	a.use(d).want(400)
	d.count = 0
	a.use(d).want(400)
	if !strings.Contains(a.log.String(), "auth.passkey.cloned") {
		t.Error("nobody is warned")
	}
	d.count = 8
	a.use(d).want(200)
}

// A further passkey is added by the session that asked for it, soon after its sign-in.
func TestFurtherPasskey(t *testing.T) {
	a := newApp(t)
	d, token := a.holder("ann@example.com")
	options := a.creation("ann@example.com", token)
	if len(options.ExcludeCredentials) != 1 || options.ExcludeCredentials[0].ID != d.id || options.User.ID != d.handle {
		t.Errorf("the options are %+v", options)
	}
	further := newDevice(t)
	a.add(further, "ann@example.com", token).want(201)
	a.wantMail("a passkey was added")
	a.use(further).want(200)
	made := object{"email": "ann@example.com", "credential": newDevice(t).make(a.creation("ann@example.com", token))}
	elsewhere := decode[Token](a.use(d).want(200)).AccessToken
	a.send("POST", "/passkey/register/verify", elsewhere, made).want(400)
	a.send("POST", "/passkey/register/verify", token, made).want(400) // it is used up
	a.exec("UPDATE auth_sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
	a.send("POST", "/passkey/register/options", token, object{"email": "ann@example.com"}).want(403)
}

// Nobody enters an account with a passkey of their own; the owner hears of it.
func TestForeignPasskey(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	_, token := a.holder("bob@example.com")
	for _, as := range []string{"", token} {
		options := a.creation("ANN@example.com", as)
		if len(options.ExcludeCredentials) > 0 || options.User.ID == d.handle {
			t.Errorf("the options tell of the account: %+v", options)
		}
		a.add(newDevice(t), "ANN@example.com", as).want(400)
	}
	a.wantMail("somebody tried to add a passkey")
	copied := *newDevice(t)
	copied.id = d.id
	a.add(&copied, "new@example.com", "").want(400)
	if a.count("FROM passkey_credentials") != 2 || a.count("FROM users") != 2 {
		t.Error("something was stored")
	}
}

// A passkey is renamed and removed by its user, the last one never.
func TestManagePasskeys(t *testing.T) {
	a := newApp(t)
	d, token := a.holder("ann@example.com")
	_, foreign := a.holder("bob@example.com")
	path := "/passkey/credentials/" + d.id
	a.send("PATCH", path, foreign, object{"device_name": "mine"}).want(404)
	a.send("PATCH", path, token, object{"device_name": " "}).want(422)
	a.send("PATCH", path, token, object{"device_name": "a\u0000b"}).want(422)
	renamed := decode[publicPasskey](a.send("PATCH", path, token, object{"device_name": " Phone "}).want(200))
	if renamed.DeviceName != "Phone" || renamed.ID != d.id {
		t.Errorf("%+v", renamed)
	}
	a.send("DELETE", path, foreign, nil).want(404)
	a.send("DELETE", path, token, nil).want(409)
	further := newDevice(t)
	a.add(further, "ann@example.com", token).want(201)
	there := decode[Token](a.use(further).want(200)).AccessToken
	var all sync.WaitGroup
	codes := make([]int, 2)
	for i, id := range []string{d.id, further.id} {
		all.Go(func() { codes[i] = a.send("DELETE", "/passkey/credentials/"+id, token, nil).Code })
	}
	all.Wait()
	if slices.Sort(codes); !slices.Equal(codes, []int{204, 409}) {
		t.Errorf("two removals at once: %v", codes)
	}
	a.send("GET", "/me", there, nil).want(401)
	a.wantMail("a passkey was removed")
}

// Whoever has lost all passkeys comes back with a code, once.
func TestRecoveryCodes(t *testing.T) {
	a := newApp(t)
	_, token := a.holder("ann@example.com")
	codes := decode[map[string][]string](a.send("POST", "/passkey/recovery/codes", token, nil).want(200))["codes"]
	if len(codes) != 10 || len(codes[0]) != 39 {
		t.Fatalf("the codes are %q", codes)
	}
	typed := strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))
	a.send("POST", "/passkey/recovery", "", object{"email": "bob@example.com", "code": typed}).want(401)
	back := decode[Token](a.send("POST", "/passkey/recovery", "", object{"email": "Ann@example.com", "code": typed}).want(200))
	a.send("POST", "/passkey/recovery", "", object{"email": "ann@example.com", "code": typed}).want(401)
	a.send("GET", "/me", token, nil).want(401)
	a.wantMail("your account was recovered")
	a.add(newDevice(t), "ann@example.com", back.AccessToken).want(201)
	a.send("POST", "/passkey/recovery/codes", back.AccessToken, nil).want(200)
	a.send("POST", "/passkey/recovery", "", object{"email": "ann@example.com", "code": codes[4]}).want(401)
	a.send("POST", "/passkey/recovery", "", object{"email": "ann@example.com"}).want(422)
	a.send("POST", "/passkey/recovery", "", object{"email": "ann@example.com", "code": "x", "token": "x"}).want(422)
}

// A mail brings back whoever has verified the address, where the app allows it.
func TestRecoveryByMail(t *testing.T) {
	off := newApp(t)
	off.send("POST", "/passkey/recovery/request", "", object{"email": "ann@example.com"}).want(404)
	off.send("POST", "/passkey/recovery", "", object{"token": randomText(32)}).want(401)
	a := newApp(t, func(c *Config) { c.PasskeyEmailRecovery = true })
	a.holder("ann@example.com")
	a.holder("bob@example.com")
	a.exec("UPDATE users SET email_verified_at = created_at WHERE email = 'ann@example.com'")
	for _, unproved := range []string{"nobody@example.com", "bob@example.com"} {
		a.send("POST", "/passkey/recovery/request", "", object{"email": unproved}).want(202)
	}
	a.send("POST", "/passkey/recovery/request", "", object{"email": "ann@example.com"}).want(202)
	link := a.mailed("recover your account")
	a.send("POST", "/passkey/recovery", "", object{"token": link}).want(200)
	a.send("POST", "/passkey/recovery", "", object{"token": link}).want(401)
	if a.count("FROM auth_tokens") > 0 {
		t.Error("there is a link to an address that nobody has proved")
	}
}

// Who proves an address keeps the passkey of the session that proves it.
func TestVerifyKeepsPasskey(t *testing.T) {
	a := newApp(t)
	d, token := a.holder("ann@example.com")
	a.send("POST", "/verify/request", token, nil).want(202)
	a.send("POST", "/verify", token, object{"token": a.mailed("confirm your e-mail address")}).want(204)
	a.use(d).want(200)
}

// What is no answer of a browser is refused, however it is broken.
func TestMalformedCredentials(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	spoil := func(path string, value any) {
		a.exec("DELETE FROM auth_throttle")
		for _, verify := range []string{"register", "authenticate"} {
			credential := d.sign(a.request())
			if verify == "register" {
				credential = newDevice(t).make(a.creation("new@example.com", ""))
			}
			into := credential
			if name, inside := strings.CutPrefix(path, "response."); inside {
				into, path = credential["response"].(object), name
			}
			if into[path] == nil {
				continue // of the other ceremony
			}
			into[path] = value
			answer := a.send("POST", "/passkey/"+verify+"/verify", "", object{"email": "new@example.com", "credential": credential})
			if path == "clientExtensionResults" || path == "transports" && answer.Code == 201 {
				a.exec("DELETE FROM users WHERE email = 'new@example.com'")
				continue
			}
			if answer.Code != 400 && answer.Code != 422 {
				t.Errorf("%s: %s %v: %d %s", verify, path, value, answer.Code, answer.Body)
			}
		}
	}
	for _, path := range []string{"id", "rawId", "type", "response", "response.clientDataJSON", "response.attestationObject",
		"response.authenticatorData", "response.signature", "response.userHandle", "response.transports", "clientExtensionResults"} {
		for _, value := range []any{nil, "", "=", "!", "AA==", "A", 1, true, []any{}, []any{1}, object{}, strings.Repeat("A", 2000),
			base64url.EncodeToString([]byte(`{"type":"webauthn.get","type":"webauthn.create"}`))} {
			spoil(path, value)
		}
	}
}

// Names count in their own case and once, also inside of what the device has signed.
func TestCredentialNames(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	twice := func(text string) string {
		return base64url.EncodeToString([]byte(strings.Replace(text, "{", `{"challenge":"`+a.request().Challenge+`",`, 1)))
	}
	credential := d.sign(a.request())
	client, err := base64url.DecodeString(credential["response"].(object)["clientDataJSON"].(string))
	if err != nil {
		t.Fatal(err)
	}
	credential["response"].(object)["clientDataJSON"] = twice(string(client))
	a.send("POST", "/passkey/authenticate/verify", "", object{"credential": credential}).want(400)
	d.members = object{"challenge": nil, "Challenge": a.request().Challenge}
	a.use(d).want(400)
	d.members = nil
	credential = d.sign(a.request())
	credential["ID"], credential["id"] = credential["id"], "AAAA"
	a.send("POST", "/passkey/authenticate/verify", "", object{"credential": credential}).want(400)
	delete(credential, "id")
	a.send("POST", "/passkey/authenticate/verify", "", object{"credential": credential}).want(422)
}

// RSA keys of a size that costs seconds to verify are refused, as are unknown algorithms.
func TestPasskeyKeys(t *testing.T) {
	d := newDevice(t)
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	modulus := func(bytes int) []byte { return append([]byte{0x80}, slices.Repeat([]byte{1}, bytes-1)...) }
	for name, key := range map[string]map[int]any{
		"ES384":            {1: 2, 3: -35, -1: 2, -2: make([]byte, 48), -3: make([]byte, 48)},
		"not on the curve": {1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[1:33]},
		"another curve":    {1: 2, 3: -7, -1: 2, -2: point[1:33], -3: point[33:]},
		"Ed25519, short":   {1: 1, 3: -8, -1: 6, -2: point[1:20]},
		"RSA 1024":         {1: 3, 3: -257, -1: modulus(128), -2: []byte{1, 0, 1}},
		"RSA 65536":        {1: 3, 3: -257, -1: modulus(8192), -2: []byte{1, 0, 1}},
		"RSA even":         {1: 3, 3: -257, -1: modulus(256), -2: []byte{1, 0, 0}},
		"RSA of one":       {1: 3, 3: -257, -1: modulus(256), -2: []byte{0, 0, 1}},
		"RSA as ES256":     {1: 3, 3: -7, -1: modulus(256), -2: []byte{1, 0, 1}},
		"RSA SHA-1":        {1: 3, 3: -65535, -1: modulus(256), -2: []byte{1, 0, 1}},
		"nothing":          {},
	} {
		if _, err := readKey(d.cbor(key)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, key := range map[string]map[int]any{
		"ES256":    {1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]},
		"RSA 2048": {1: 3, 3: -257, -1: modulus(256), -2: []byte{1, 0, 1}},
	} {
		if _, err := readKey(d.cbor(key)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Origins that passkeys cannot be for stop the start.
func TestPasskeySettings(t *testing.T) {
	for origins, want := range map[string]string{
		"https://app.example/path":                      "PASSKEY_ORIGIN is not a list of origins",
		"app.example":                                   "PASSKEY_ORIGIN is not a list of origins",
		"https://a@app.example":                         "PASSKEY_ORIGIN is not a list of origins",
		"https://app.example, https://example":          "PASSKEY_ORIGIN does not belong to PASSKEY_RP_ID",
		"https://evilapp.example":                       "PASSKEY_ORIGIN does not belong to PASSKEY_RP_ID",
		"https://app.example, https://www.app.example/": "",
		"https://app.example,android:apk-key-hash:abc":  "",
	} {
		config := Config{Environment: "test", SecretKey: strings.Repeat("a key of tests ", 3), PasskeyRPID: "app.example", PasskeyOrigins: split(origins)}
		config, err := config.complete()
		if want == "" && (err != nil || strings.HasSuffix(config.PasskeyOrigins[len(config.PasskeyOrigins)-1], "/")) ||
			want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, %v", origins, config.PasskeyOrigins, err)
		}
	}
}

// The script is served as it is, and nothing guesses at what it is.
func TestPasskeyScript(t *testing.T) {
	a := newApp(t)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		served := a.send(method, "/static/passkey.js", "", nil).want(200)
		if kind := served.Header().Get("Content-Type"); kind != "text/javascript; charset=utf-8" || served.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers: %v", served.Header())
		}
	}
}

// fastman: if jwt
// A link that resets the password takes the passkeys of whoever opened the account.
func TestResetDropsPasskeys(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").AccessToken
	d := newDevice(t)
	a.add(d, "ann@example.com", token).want(201)
	a.send("POST", "/password/forgot", "", object{"email": "ann@example.com"}).want(202)
	a.send("POST", "/password/reset", "", object{"token": a.mailed("choose a new password"), "new_password": "a better horse"}).want(204)
	a.use(d).want(400)
	if a.count("FROM passkey_credentials")+a.count("FROM users WHERE webauthn_handle IS NOT NULL") != 0 {
		t.Error("the passkey is left")
	}
}

// fastman: end
