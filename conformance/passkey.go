package conformance

import (
	"encoding/json"
	"net/http"
	"slices"
)

const (
	notRegistered = "Passkey could not be registered"
	notVerified   = "Passkey could not be verified"
)

// offer are the options that begin a ceremony.
type offer struct {
	fields    map[string]any
	challenge string
	handle    string // user.id; "" for a sign-in
}

// offer asks for options.
func (t *T) offer(c call) offer {
	o := offer{fields: t.send(c).want(http.StatusOK).object()}
	o.challenge, _ = o.fields["challenge"].(string)
	o.handle, _ = dig(o.fields, "user")["id"].(string)
	return o
}

func registerOptions(email string) call {
	return post("/passkey/register/options", map[string]any{"email": email})
}

func signInOptions() call { return post("/passkey/authenticate/options", map[string]any{}) }

func registerVerify(email string, credential any) call {
	return post("/passkey/register/verify", map[string]any{"email": email, "credential": credential})
}

func signInVerify(credential any) call {
	return post("/passkey/authenticate/verify", map[string]any{"credential": credential})
}

// enrolling asks for options and is the call that registers a passkey.
func (t *T) enrolling(email string, k *passkey, spoils ...spoil) call {
	o := t.offer(registerOptions(email))
	return registerVerify(email, k.create(o.challenge, o.handle, spoils...))
}

// adding is the same for a further passkey of who is signed in.
func (t *T) adding(acc account, s session, k *passkey, spoils ...spoil) call {
	o := t.offer(registerOptions(acc.email).as(s.access))
	return registerVerify(acc.email, k.create(o.challenge, o.handle, spoils...)).as(s.access)
}

// add puts a further passkey on an account.
func (t *T) add(acc account, s session, k *passkey) *passkey {
	t.send(t.adding(acc, s, k)).want(http.StatusCreated)
	return k
}

// presenting asks for options and is the call that signs in.
func (t *T) presenting(k *passkey, spoils ...spoil) call {
	return signInVerify(k.get(t.offer(signInOptions()).challenge, spoils...))
}

// present signs in with a passkey.
func (t *T) present(k *passkey) session {
	return t.session(t.send(t.presenting(k)).want(http.StatusOK))
}

// pioneer is a new account that was made with a passkey, signed in.
func (t *T) pioneer() (account, session) { return t.pioneerWith(newPasskey(algES256)) }

func (t *T) pioneerWith(k *passkey) (account, session) {
	acc := newAccount()
	acc.password, acc.passkey = "", k
	o := t.offer(post("/passkey/register/options", map[string]any{"email": acc.email, "username": acc.username}))
	s := t.session(t.send(registerVerify(acc.email, k.create(o.challenge, o.handle))).want(http.StatusCreated))
	acc.id = number(t.me(s.access).want(http.StatusOK).object()["id"])
	return acc, s
}

// notEntered expects that a passkey signs in to nothing.
func (t *T) notEntered(what string, k *passkey) {
	t.send(t.presenting(k)).refused(what, http.StatusBadRequest, notVerified)
}

var passkeyFields = []string{"id", "device_name", "created_at", "last_used_at", "backed_up", "transports"}

// passkeys lists those of the bearer of a token.
func (t *T) passkeys(token string) []map[string]any {
	a := t.send(get("/passkey/credentials").as(token)).want(http.StatusOK)
	var list []map[string]any
	if err := json.Unmarshal(a.body, &list); err != nil {
		a.fatalf("the body is not a list of objects: %v", err)
	}
	for _, one := range list {
		if !slices.Equal(t.only(one, passkeyFields), slices.Sorted(slices.Values(passkeyFields))) {
			a.fatalf("a passkey has the fields %v, want %v", sortedKeys(one), passkeyFields)
		}
	}
	return list
}
