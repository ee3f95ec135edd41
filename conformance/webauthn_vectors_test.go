package conformance

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// The test vectors of Web Authentication Level 3, section 16, are of another relying
// party, with challenges of their own: the app is told it is that party, and the rows of
// its challenges are given the vectors' ids.

// RunWebAuthnVectors is how the app of target takes the vectors.
func RunWebAuthnVectors(ctx context.Context, target Target) Result {
	return runCase(ctx, abreast([]Target{target})[0], Case{
		Name: "vectors/webauthn", Needs: []Need{NeedDB, NeedBoot}, RFC: []string{"WebAuthn L3 16"}, Run: webAuthnVectors,
	})
}

// hexed is a byte string of a vector.
type hexed []byte

func (h *hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (h hexed) String() string { return b64.EncodeToString(h) }

type webAuthnVector struct {
	Name         string
	Registration struct {
		Challenge         hexed
		ID                hexed `json:"credential_id"`
		ClientDataJSON    hexed `json:"clientDataJSON"`
		AttestationObject hexed `json:"attestationObject"`
	}
	Authentication struct {
		Challenge         hexed
		ClientDataJSON    hexed `json:"clientDataJSON"`
		AuthenticatorData hexed `json:"authenticatorData"`
		Signature         hexed
	}
}

// data is the authenticator data of the registration, which stands last in the
// attestation object.
func (v webAuthnVector) data() []byte {
	object := v.Registration.AttestationObject
	return object[bytes.Index(object, v.Authentication.AuthenticatorData[:32]):]
}

// key is the public key, which stands last in the data.
func (v webAuthnVector) key() []byte { return v.data()[55+len(v.Registration.ID):] }

// offeredKey is whether the app has asked for keys of that algorithm.
func (v webAuthnVector) offeredKey() bool {
	for _, name := range []string{"es384", "es512", "ed448"} {
		if strings.HasSuffix(v.Name, name) {
			return false
		}
	}
	return true
}

// acceptable is whether an app takes what was done with these flags on this page: it wants a
// verified user, on a page of its own.
func acceptable(flags byte, clientData []byte) bool {
	var client struct {
		CrossOrigin bool
		TopOrigin   string
	}
	return json.Unmarshal(clientData, &client) == nil && flags&userVerified != 0 && !client.CrossOrigin && client.TopOrigin == ""
}

func webAuthnVectors(t *T) {
	text, err := os.ReadFile(filepath.Join("vectors", "webauthn.json"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	var all []webAuthnVector
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 15 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	app := t.boot(map[string]string{"PASSKEY_RP_ID": "example.org", "PASSKEY_ORIGIN": "https://example.org"})
	there := func(c *ceremony) { c.rp, c.client["origin"] = "example.org", "https://example.org" }
	registered, signedIn := 0, 0
	for _, v := range all {
		status := http.StatusBadRequest
		if acceptable(v.data()[32], v.Registration.ClientDataJSON) && v.offeredKey() {
			status = http.StatusCreated
			registered++
		}
		app.send(v.registration(app)).expect("the registration "+v.Name, status)
		if !v.offeredKey() {
			continue
		}
		status = http.StatusBadRequest
		if acceptable(v.Authentication.AuthenticatorData[32], v.Authentication.ClientDataJSON) {
			status = http.StatusOK
			signedIn++
		}
		app.send(v.signIn(app, there)).expect("the sign-in "+v.Name, status)
	}
	if registered != 5 || signedIn != 3 {
		t.Errorf("only %d registrations and %d sign-ins of the vectors are of verified users on the app's own page", registered, signedIn)
	}
}

// asked gives the challenge of an offer the vector's value.
func (t *T) asked(o offer, challenge hexed) {
	t.exec("UPDATE auth_challenges SET id = ? WHERE id = ?", challengeID(challenge.String()), challengeID(o.challenge))
}

func (v webAuthnVector) registration(t *T) call {
	email := newAccount().email
	t.asked(t.offer(registerOptions(email)), v.Registration.Challenge)
	return registerVerify(email, v.credential(map[string]any{
		"clientDataJSON": v.Registration.ClientDataJSON.String(), "attestationObject": v.Registration.AttestationObject.String(),
	}))
}

// signIn has the vector's key in place of that of a new account's passkey.
func (v webAuthnVector) signIn(t *T, there spoil) call {
	email, k := newAccount().email, newPasskey(algES256)
	k.backup = v.data()[32] & (backupEligible | backedUp)
	o := t.offer(registerOptions(email))
	t.send(registerVerify(email, k.create(o.challenge, o.handle, there))).want(http.StatusCreated)
	if _, err := t.target.DB.ExecContext(t, t.target.Dialect.bind("DELETE FROM passkey_credentials WHERE id = ?"), v.Registration.ID.String()); err != nil {
		t.Fatalf("%v", err)
	}
	t.exec("UPDATE passkey_credentials SET id = ?, public_key = ? WHERE id = ?", v.Registration.ID.String(), b64.EncodeToString(v.key()), k.name())
	t.asked(t.offer(signInOptions()), v.Authentication.Challenge)
	return signInVerify(v.credential(map[string]any{
		"clientDataJSON": v.Authentication.ClientDataJSON.String(), "authenticatorData": v.Authentication.AuthenticatorData.String(),
		"signature": v.Authentication.Signature.String(), "userHandle": o.handle,
	}))
}

func (v webAuthnVector) credential(response map[string]any) map[string]any {
	id := v.Registration.ID.String()
	return map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}}
}
