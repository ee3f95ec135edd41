// fastman: file passkey
package auth

import (
	"cmp"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// What browsers are told, under the names of WebAuthn Level 3, section 5.

const ceremonyTimeout = ceremonyLifetime * 1000 // milliseconds

// signatures are the algorithms that are taken, the best first.
var signatures = []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgEdDSA, webauthncose.AlgES256, webauthncose.AlgRS256}

// creationOptions is PublicKeyCredentialCreationOptionsJSON.
type creationOptions struct {
	RP                     relyingParty           `json:"rp"`
	User                   userEntity             `json:"user"`
	Challenge              string                 `json:"challenge"`
	PubKeyCredParams       []credentialParameter  `json:"pubKeyCredParams"`
	Timeout                int                    `json:"timeout"`
	ExcludeCredentials     []credentialDescriptor `json:"excludeCredentials"`
	AuthenticatorSelection authenticatorSelection `json:"authenticatorSelection"`
	Attestation            string                 `json:"attestation"`
}

type relyingParty struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type userEntity struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

type credentialParameter struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

type credentialDescriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports"`
}

type authenticatorSelection struct {
	ResidentKey        string `json:"residentKey"`
	RequireResidentKey bool   `json:"requireResidentKey"`
	UserVerification   string `json:"userVerification"`
}

// requestOptions is PublicKeyCredentialRequestOptionsJSON.
type requestOptions struct {
	Challenge        string                 `json:"challenge"`
	Timeout          int                    `json:"timeout"`
	RPID             string                 `json:"rpId"`
	AllowCredentials []credentialDescriptor `json:"allowCredentials"`
	UserVerification string                 `json:"userVerification"`
}

// creationOptions asks for a passkey that signs in by itself, on a device that has none
// of this account yet.
func (c Config) creationOptions(secret string, begun newcomer, by caller, known []passkey) creationOptions {
	shown := begun.Username
	if begun.Session != "" {
		shown = by.user.Username
	}
	name := begun.Email
	if shown != nil {
		name = cmp.Or(*shown, name)
	}
	options := creationOptions{
		RP:                     relyingParty{ID: c.PasskeyRPID, Name: c.PasskeyRPName},
		User:                   userEntity{ID: begun.Handle, Name: begun.Email, DisplayName: name},
		Challenge:              secret,
		Timeout:                ceremonyTimeout,
		ExcludeCredentials:     []credentialDescriptor{},
		AuthenticatorSelection: authenticatorSelection{ResidentKey: "required", RequireResidentKey: true, UserVerification: "required"},
		Attestation:            "none",
	}
	for _, algorithm := range signatures {
		options.PubKeyCredParams = append(options.PubKeyCredParams, credentialParameter{publicKeyType, int(algorithm)})
	}
	for _, p := range known {
		options.ExcludeCredentials = append(options.ExcludeCredentials, credentialDescriptor{publicKeyType, p.id, p.transports})
	}
	return options
}

func (c Config) requestOptions(secret string) requestOptions {
	return requestOptions{
		Challenge:        secret,
		Timeout:          ceremonyTimeout,
		RPID:             c.PasskeyRPID,
		AllowCredentials: []credentialDescriptor{},
		UserVerification: "required",
	}
}
