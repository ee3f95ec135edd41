// fastman: file passkey
package auth

import (
	"encoding/json"
	"regexp"
	"slices"
)

// What browsers answer, under the names of WebAuthn Level 3, section 5. The whole body
// was read by our own parser, and so is the JSON inside it: no name counts twice, or in
// another case.

const (
	publicKeyType     = "public-key"
	credentialMaxID   = 1023 // bytes
	transportsMax     = 8
	defaultDeviceName = "Passkey"
)

var (
	errMisfitCredential = misfit{reason: "credential"}

	transportForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

// response is what both ceremonies have in common.
type response struct {
	id         string // base64url, as it was checked
	clientData clientData
}

// attestation is the answer to creationOptions.
type attestation struct {
	response
	object     []byte // CBOR
	transports []string
}

// assertion is the answer to requestOptions.
type assertion struct {
	response
	authenticatorData []byte
	signature         []byte
	userHandle        string
}

// clientData is what the browser has had the device sign.
type clientData struct {
	raw       []byte
	members   map[string]any
	challenge string
}

// texts are the members of a credential, before they are decoded.
type credentialTexts struct {
	id, rawID, kind, clientData string
	object                      string // of an attestation
	transports                  []string
	authenticatorData           string // of an assertion
	signature                   string
	userHandle                  *string
}

// readCredential takes the members of a credential. What a browser sends besides is not
// looked at.
func readCredential(given *fields, members func(*fields, *credentialTexts)) (texts credentialTexts) {
	given.object("credential", func(credential *fields) {
		texts.id, texts.rawID, texts.kind = credential.text("id"), credential.text("rawId"), credential.text("type")
		credential.object("response", func(response *fields) {
			texts.clientData = response.text("clientDataJSON")
			members(response, &texts)
		})
	})
	return texts
}

func attestationMembers(response *fields, texts *credentialTexts) {
	texts.object = response.text("attestationObject")
	texts.transports = response.optionalTexts("transports")
}

func assertionMembers(response *fields, texts *credentialTexts) {
	texts.authenticatorData, texts.signature = response.text("authenticatorData"), response.text("signature")
	texts.userHandle = response.optionalText("userHandle")
}

func (t credentialTexts) attestation() (attestation, error) {
	common, err := t.response()
	if err != nil {
		return attestation{}, err
	}
	object, err := base64url.DecodeString(t.object)
	if err != nil {
		return attestation{}, errMisfitCredential
	}
	return attestation{common, object, cleanTransports(t.transports)}, nil
}

func (t credentialTexts) assertion() (assertion, error) {
	common, err := t.response()
	if err != nil {
		return assertion{}, err
	}
	data, err := base64url.DecodeString(t.authenticatorData)
	signature, invalid := base64url.DecodeString(t.signature)
	if err != nil || invalid != nil || t.userHandle == nil {
		return assertion{}, errMisfitCredential
	}
	return assertion{common, data, signature, *t.userHandle}, nil
}

func (t credentialTexts) response() (response, error) {
	id, err := base64url.DecodeString(t.id)
	if err != nil || len(id) == 0 || len(id) > credentialMaxID || t.rawID != t.id || t.kind != publicKeyType {
		return response{}, errMisfitCredential
	}
	data, err := readClientData(t.clientData)
	return response{t.id, data}, err
}

func readClientData(encoded string) (clientData, error) {
	raw, err := base64url.DecodeString(encoded)
	if err != nil {
		return clientData{}, errMisfitCredential
	}
	value, err := parseJSON(raw)
	if err != nil {
		return clientData{}, errMisfitCredential
	}
	members, _ := value.(map[string]any)
	challenge, isText := members["challenge"].(string)
	if !isText {
		return clientData{}, errMisfitCredential
	}
	return clientData{raw, members, challenge}, nil
}

// cleanTransports keeps what a browser can be told again, of whatever was sent.
func cleanTransports(sent []string) []string {
	kept := []string{}
	for _, transport := range sent {
		if transportForm.MatchString(transport) && !slices.Contains(kept, transport) && len(kept) < transportsMax {
			kept = append(kept, transport)
		}
	}
	return kept
}

func writeTransports(transports []string) string {
	text, _ := json.Marshal(transports) // of texts it never fails
	return string(text)
}

// object takes a field that is an object, and tells its mistakes among the others.
func (f *fields) object(name string, read func(*fields)) {
	value, there := f.values[name]
	if !there {
		f.refuse(name, "missing", "Field required")
		return
	}
	values, isObject := value.(map[string]any)
	if !isObject {
		f.refuse(name, "model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
		return
	}
	inner := &fields{values: values}
	read(inner)
	for _, found := range inner.findings {
		found.Loc = slices.Insert(found.Loc, 1, any(name))
		f.findings = append(f.findings, found)
	}
}

// optionalTexts takes a list that may be missing or null.
func (f *fields) optionalTexts(name string) []string {
	value := f.values[name]
	if value == nil {
		return nil
	}
	list, isList := value.([]any)
	if !isList {
		f.refuse(name, "list_type", "Input should be a valid list")
	}
	var texts []string
	for i, one := range list {
		text, isText := one.(string)
		if !isText {
			f.findings = append(f.findings, bodyError("string_type", "Input should be a valid string", name, i)...)
		}
		texts = append(texts, text)
	}
	return texts
}
