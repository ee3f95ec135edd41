// fastman: file passkey
package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"

	webauthn "github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Whether a device has signed what it was asked to (WebAuthn Level 3, sections 7.1 and
// 7.2). go-webauthn takes the bytes apart and verifies signatures.

// What clientDataJSON calls the two ceremonies.
const (
	creating = "webauthn.create"
	getting  = "webauthn.get"
)

// Larger RSA keys would cost seconds at each sign-in; no device makes them.
const (
	rsaMinBits         = 2048
	rsaMaxBits         = 4096
	rsaExponentMaxBits = 31 // as crypto/rsa has it
)

// verifyAttestation returns the new passkey. What the device says about its maker is not
// asked for, and not looked at.
func (c Config) verifyAttestation(made attestation) (passkey, error) {
	if err := c.checkClientData(made.clientData, creating); err != nil {
		return passkey{}, err
	}
	var object webauthn.AttestationObject
	if err := webauthncbor.Unmarshal(made.object, &object); err != nil {
		return passkey{}, errMisfitCredential
	}
	if object.Format == "" || object.Format == string(webauthn.AttestationFormatNone) && len(object.AttStatement) > 0 {
		return passkey{}, errMisfitCredential
	}
	data, err := c.readAuthenticatorData(object.RawAuthData)
	if err != nil {
		return passkey{}, err
	}
	key := data.AttData.CredentialPublicKey
	if _, err := readKey(key); err != nil || base64url.EncodeToString(data.AttData.CredentialID) != made.id {
		return passkey{}, errMisfitCredential
	}
	return passkey{
		id:             made.id,
		publicKey:      key,
		signCount:      int64(data.Counter),
		transports:     made.transports,
		aaguid:         aaguidText(data.AttData.AAGUID),
		backupEligible: data.Flags.HasBackupEligible(),
		backedUp:       data.Flags.HasBackupState(),
	}, nil
}

// verifyAssertion returns the passkey as it is now.
func (c Config) verifyAssertion(shown assertion, known passkey) (passkey, error) {
	if err := c.checkClientData(shown.clientData, getting); err != nil {
		return passkey{}, err
	}
	if known.id == "" || shown.userHandle != known.handle {
		return passkey{}, errMisfitCredential
	}
	data, err := c.readAuthenticatorData(shown.authenticatorData)
	if err != nil {
		return passkey{}, err
	}
	if data.Flags.HasBackupEligible() != known.backupEligible {
		return passkey{}, misfit{reason: "verification"}
	}
	key, err := readKey(known.publicKey)
	if err != nil {
		return passkey{}, err
	}
	hash := sha256.Sum256(shown.clientData.raw)
	if good, err := webauthncose.VerifySignature(key, slices.Concat(shown.authenticatorData, hash[:]), shown.signature); err != nil || !good {
		return passkey{}, misfit{reason: "signature"}
	}
	if !known.isActive {
		return passkey{}, misfit{reason: "inactive"}
	}
	known.signCount, known.backedUp = int64(data.Counter), data.Flags.HasBackupState()
	return known, nil
}

// checkClientData wants the ceremony on a page of ours, which no other site has framed.
func (c Config) checkClientData(data clientData, ceremony string) error {
	origin, _ := data.members["origin"].(string)
	crossOrigin, isSaid := data.members["crossOrigin"]
	_, framed := data.members["topOrigin"]
	if data.members["type"] != ceremony || !slices.Contains(c.PasskeyOrigins, origin) || isSaid && crossOrigin != false || framed {
		return misfit{reason: "origin"}
	}
	return nil
}

// readAuthenticatorData wants a device that was asked for this app, and has seen and
// known its user.
func (c Config) readAuthenticatorData(raw []byte) (data webauthn.AuthenticatorData, err error) {
	if err := data.Unmarshal(raw); err != nil {
		return data, errMisfitCredential
	}
	hash := sha256.Sum256([]byte(c.PasskeyRPID))
	if !bytes.Equal(data.RPIDHash, hash[:]) {
		return data, misfit{reason: "origin"}
	}
	flags := data.Flags
	if !flags.HasUserPresent() || !flags.HasUserVerified() || flags.HasBackupState() && !flags.HasBackupEligible() {
		return data, misfit{reason: "verification"}
	}
	return data, nil
}

// readKey reads a COSE key of the algorithms that were asked for.
func readKey(encoded []byte) (any, error) {
	key, err := webauthncose.ParsePublicKey(encoded)
	if err != nil || !isWanted(key) {
		return nil, errMisfitCredential
	}
	return key, nil
}

func isWanted(key any) bool {
	switch key := key.(type) {
	case webauthncose.OKPPublicKeyData:
		return key.Algorithm == int64(webauthncose.AlgEdDSA)
	case webauthncose.EC2PublicKeyData:
		return key.Algorithm == int64(webauthncose.AlgES256)
	case webauthncose.RSAPublicKeyData:
		bits, exponent := new(big.Int).SetBytes(key.Modulus).BitLen(), new(big.Int).SetBytes(key.Exponent)
		return key.Algorithm == int64(webauthncose.AlgRS256) && rsaMinBits <= bits && bits <= rsaMaxBits &&
			exponent.BitLen() > 1 && exponent.BitLen() <= rsaExponentMaxBits && exponent.Bit(0) == 1
	}
	return false
}

// aaguidText writes the make of a device as a UUID.
func aaguidText(aaguid []byte) string {
	text := hex.EncodeToString(aaguid)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
