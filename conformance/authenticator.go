package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"sync"
)

// What the app has as PASSKEY_RP_ID, PASSKEY_RP_NAME and PASSKEY_ORIGIN.
const (
	relyingParty     = "app.example"
	relyingPartyName = "App of the suite"
)

var passkeyOrigins = []string{publicURL, "https://www.app.example"}

// Algorithms of COSE (RFC 9053, RFC 8812).
const (
	algES256 = -7
	algEdDSA = -8
	algES384 = -35
	algPS256 = -37
	algRS256 = -257
	algRS1   = -65535
)

// Flags of authenticator data (WebAuthn L3, section 6.1).
const (
	userPresent    = 0x01
	userVerified   = 0x04
	backupEligible = 0x08
	backedUp       = 0x10
	attested       = 0x40
	extended       = 0x80
)

// passkey is what an authenticator keeps of a credential.
type passkey struct {
	id         []byte
	alg        int
	key        crypto.Signer
	cose       cborMap
	handle     string // user.id of the options
	count      uint32 // 0 where the authenticator does not count, as those that synchronise
	backup     byte   // backupEligible, backedUp or neither
	transports []string
}

// newPasskey is one of a phone's: synchronised, without a counter.
func newPasskey(alg int) *passkey {
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	k := &passkey{id: id, alg: alg, backup: backupEligible | backedUp, transports: []string{"internal", "hybrid"}}
	switch alg {
	case algEdDSA:
		_, k.key, _ = ed25519.GenerateKey(rand.Reader)
	case algRS256, algPS256, algRS1:
		k.key = anRSAKey()
	case algES384:
		k.key, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		k.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	k.cose = coseKey(alg, k.key.Public())
	return k
}

// newSecurityKey is one that counts, and leaves its key where it was made.
func newSecurityKey(alg int) *passkey {
	k := newPasskey(alg)
	k.count, k.backup, k.transports = 1, 0, []string{"usb", "nfc"}
	return k
}

// anRSAKey is made once, which takes long.
var anRSAKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// coseKey is a public key as authenticators write it (RFC 9052, section 7).
func coseKey(alg int, public crypto.PublicKey) cborMap {
	switch p := public.(type) {
	case ed25519.PublicKey:
		return cborMap{{1, 1}, {3, alg}, {-1, 6}, {-2, []byte(p)}}
	case *rsa.PublicKey:
		return cborMap{{1, 3}, {3, alg}, {-1, p.N.Bytes()}, {-2, []byte{1, 0, 1}}}
	case *ecdsa.PublicKey:
		point, _ := p.Bytes()
		half, curve := len(point)/2, 1
		if p.Curve == elliptic.P384() {
			curve = 2
		}
		return cborMap{{1, 2}, {3, alg}, {-1, curve}, {-2, point[1 : 1+half]}, {-3, point[1+half:]}}
	}
	panic("no such key")
}

func (k *passkey) sign(message []byte) []byte {
	hash := crypto.SHA256
	if k.alg == algEdDSA {
		hash = 0
	} else {
		sum := sha256.Sum256(message)
		message = sum[:]
	}
	signature, err := k.key.Sign(rand.Reader, message, hash)
	if err != nil {
		panic(err)
	}
	return signature
}

// name is the credential's id as the app writes it.
func (k *passkey) name() string { return b64.EncodeToString(k.id) }

// ceremony is one registration or sign-in as browser and authenticator carry it out.
// It begins as a right one; spoils make it wrong in single places.
type ceremony struct {
	passkey *passkey
	client  map[string]any // clientDataJSON before it is encoded
	rp      string         // whose hash the authenticator signs
	flags   byte
	count   uint32
	handle  string
	format  string // of the attestation: none, packed

	// Each changes what would be sent, unless it is nil.
	data      func(authenticatorData []byte) []byte
	clientRaw func(clientDataJSON []byte) []byte
	signature func([]byte) []byte
	statement func(attestationObject cborMap) cborMap
	sent      func(credential, response map[string]any)
}

// spoil makes one thing of a ceremony wrong.
type spoil func(*ceremony)

// ceremony begins one of a kind, "webauthn.create" or "webauthn.get".
func (k *passkey) ceremony(kind, challenge string, spoils []spoil) *ceremony {
	c := &ceremony{
		passkey: k, rp: relyingParty, flags: userPresent | userVerified | k.backup, count: k.count, handle: k.handle, format: "none",
		client: map[string]any{"type": kind, "challenge": challenge, "origin": passkeyOrigins[0], "crossOrigin": false},
	}
	if kind == "webauthn.create" {
		c.flags |= attested
	}
	for _, s := range spoils {
		s(c)
	}
	return c
}

// create answers creation options with a new credential, as the browser's toJSON writes it.
func (k *passkey) create(challenge, handle string, spoils ...spoil) map[string]any {
	k.handle = handle
	c := k.ceremony("webauthn.create", challenge, spoils)
	client, data := c.clientData(), c.authenticatorData(c.attestedData())
	object := cborMap{{"fmt", c.format}, {"attStmt", c.attestation(data, client)}, {"authData", data}}
	if c.statement != nil {
		object = c.statement(object)
	}
	response := map[string]any{
		"clientDataJSON": b64.EncodeToString(client), "attestationObject": b64.EncodeToString(cborOf(object)),
		"authenticatorData": b64.EncodeToString(data), "transports": k.transports, "publicKeyAlgorithm": k.alg,
	}
	if spki, err := x509.MarshalPKIXPublicKey(k.key.Public()); err == nil {
		response["publicKey"] = b64.EncodeToString(spki)
	}
	return c.credential(response)
}

// get answers request options with an assertion.
func (k *passkey) get(challenge string, spoils ...spoil) map[string]any {
	if k.count > 0 {
		k.count++
	}
	c := k.ceremony("webauthn.get", challenge, spoils)
	client, data := c.clientData(), c.authenticatorData(nil)
	signature := k.sign(signedBy(data, client))
	if c.signature != nil {
		signature = c.signature(signature)
	}
	return c.credential(map[string]any{
		"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": c.handle,
	})
}

// signedBy is the message that an authenticator signs.
func signedBy(data, client []byte) []byte {
	sum := sha256.Sum256(client)
	return append(append([]byte{}, data...), sum[:]...)
}

func (c *ceremony) clientData() []byte {
	encoded, err := json.Marshal(c.client)
	if err != nil {
		panic(err)
	}
	if c.clientRaw != nil {
		return c.clientRaw(encoded)
	}
	return encoded
}

func (c *ceremony) authenticatorData(attested []byte) []byte {
	hash := sha256.Sum256([]byte(c.rp))
	data := append(hash[:], c.flags)
	data = append(binary.BigEndian.AppendUint32(data, c.count), attested...)
	if c.data != nil {
		return c.data(data)
	}
	return data
}

// attestedData is the new credential: its authenticator's model, its id and its key.
func (c *ceremony) attestedData() []byte {
	data := make([]byte, 16)
	data = binary.BigEndian.AppendUint16(data, uint16(len(c.passkey.id)))
	return append(append(data, c.passkey.id...), cborOf(c.passkey.cose)...)
}

// attestation is the statement: nothing, or with packed the credential's own signature.
func (c *ceremony) attestation(data, client []byte) cborMap {
	if c.format != "packed" {
		return cborMap{}
	}
	signature := c.passkey.sign(signedBy(data, client))
	if c.signature != nil {
		signature = c.signature(signature)
	}
	return cborMap{{"alg", c.passkey.alg}, {"sig", signature}}
}

func (c *ceremony) credential(response map[string]any) map[string]any {
	credential := map[string]any{
		"id": c.passkey.name(), "rawId": c.passkey.name(), "type": "public-key", "response": response,
		"authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{},
	}
	if c.sent != nil {
		c.sent(credential, response)
	}
	return credential
}
