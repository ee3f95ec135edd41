package conformance

import (
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

var passkeyManageCases = []Case{
	{
		Name: "passkey/a-further-one-keeps-the-session", Section: "passkey: POST /passkey/register/verify",
		Type: feature.Passkey, ASVS: []string{"6.3.7", "16.3.1"}, RFC: []string{"WebAuthn L3 5.4"}, Needs: []Need{NeedMail}, Run: passkeyFurther,
	},
	{
		Name: "passkey/a-further-one-needs-a-recent-sign-in", Section: "passkey: registration needs that user's own recent login",
		Type: feature.Passkey, ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB}, Run: passkeyFurtherRecent,
	},
	{
		Name: "passkey/a-further-one-needs-the-session-that-asked", Section: "passkey: registration needs that user's own recent login",
		Type: feature.Passkey, ASVS: []string{"7.5.1"}, Run: passkeyFurtherSession,
	},
	{
		Name: "passkey/who-is-signed-in-may-make-another-account", Section: "passkey: POST /passkey/register/verify",
		Type: feature.Passkey, Run: passkeyAnotherAccount,
	},
	{
		Name: "passkey/the-list-shows-ones-own-oldest-first", Section: "passkey: GET /passkey/me, /passkey/credentials",
		Type: feature.Passkey, Run: passkeyList,
	},
	{
		Name: "passkey/managing-needs-a-session", Section: "passkey: GET /passkey/me, /passkey/credentials",
		Type: feature.Passkey, ASVS: []string{"7.2.1"}, Run: passkeyNeedsSession,
	},
	{
		Name: "passkey/names-are-given-and-changed", Section: "passkey: PATCH, DELETE /passkey/credentials/{id}",
		Type: feature.Passkey, ASVS: []string{"6.7.1"}, Run: passkeyRename,
	},
	{
		Name: "passkey/another-users-is-404", Section: "passkey: PATCH, DELETE /passkey/credentials/{id}",
		Type: feature.Passkey, ASVS: []string{"6.7.1"}, RFC: []string{"RFC 9110 15.5.5"}, Run: passkeyForeign,
	},
	{
		Name: "passkey/removing-ends-what-it-has-opened", Section: "passkey: PATCH, DELETE /passkey/credentials/{id}",
		Type: feature.Passkey, ASVS: []string{"6.5.6", "7.4.3", "16.3.1"}, Run: passkeyRemove,
	},
	{
		Name: "passkey/removing-is-told-by-mail", Section: "Mail: new or removed passkey",
		Type: feature.Passkey, ASVS: []string{"6.3.7"}, Needs: []Need{NeedMail}, Run: passkeyRemoveTold,
	},
	{
		Name: "passkey/removing-needs-a-recent-sign-in", Section: "passkey: PATCH, DELETE /passkey/credentials/{id}",
		Type: feature.Passkey, ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB}, Run: passkeyRemoveRecent,
	},
	{
		Name: "passkey/the-last-one-stays", Section: "Last way in: Removing the last means of signing in is 409",
		Type: feature.Passkey, ASVS: []string{"6.5.6"}, Run: passkeyRemoveLast,
	},
	{
		Name: "passkey/two-removals-at-once-leave-one", Section: "Last way in: decided under a lock on the user's row",
		Type: feature.Passkey, ASVS: []string{"6.5.6"}, Run: passkeyRemoveTogether,
	},
	{
		Name: "passkey/ids-that-are-none-are-404", Section: "passkey: PATCH, DELETE /passkey/credentials/{id}",
		Type: feature.Passkey, RFC: []string{"RFC 9110 15.5.5"}, Run: passkeyHostileIDs,
	},
}

func passkeyCall(method string, k *passkey, body any) call {
	return call{method, "/passkey/credentials/" + k.name(), map[string]string{"Content-Type": "application/json"}, encode(body), false}
}

func removePasskey(k *passkey) call { return passkeyCall(http.MethodDelete, k, nil) }

func passkeyFurther(t *T) {
	acc, s := t.pioneerWith(newSecurityKey(algES256))
	mark := t.mark()
	o := t.offer(post("/passkey/register/options", map[string]any{"email": strings.ToUpper(acc.email), "username": "no such name!"}).as(s.access))
	if user := dig(o.fields, "user"); o.handle != acc.passkey.handle || user["name"] != acc.email || user["displayName"] != acc.username {
		t.Errorf("the options for a further passkey are of the user %v", user)
	}
	want := []any{map[string]any{"id": acc.passkey.name(), "type": "public-key", "transports": []any{"usb", "nfc"}}}
	if have := string(encode(o.fields["excludeCredentials"])); have != string(encode(want)) {
		t.Errorf("excludeCredentials is %s, want %s", have, encode(want))
	}
	k := newPasskey(algEdDSA)
	a := t.send(registerVerify(acc.email, k.create(o.challenge, o.handle)).as(s.access)).want(http.StatusCreated)
	fields := a.exactly("status", "credential_id", "access_token", "token_type", "expires_in", "refresh_token")
	if fields["status"] != "ok" || fields["credential_id"] != k.name() || fields["refresh_token"] != s.refresh {
		a.errorf("the answer says %v, %v; its refresh token is that of the session: %v", fields["status"], fields["credential_id"], fields["refresh_token"] == s.refresh)
	}
	if again := t.session(a); again.id() != s.id() {
		t.Errorf("a further passkey begins another session")
	}
	if n := len(t.sessions(s.access)); n != 1 {
		t.Errorf("after a further passkey there are %d sessions", n)
	}
	t.alive("the session", s)
	for _, one := range []*passkey{acc.passkey, k} {
		if id := number(t.me(t.present(one).access).want(http.StatusOK).object()["id"]); id != acc.id {
			t.Errorf("a passkey signs in to another account")
		}
	}
	t.wantMailed(acc, 1, ": a passkey was added")
	t.wantOf("auth.passkey.added", acc.id, mark)
}

func passkeyFurtherRecent(t *T) {
	acc, s := t.member()
	t.adding(acc, s, newPasskey(algES256))
	late := t.adding(acc, s, newPasskey(algES256))
	t.old(s.id())
	t.send(registerOptions(acc.email).as(s.access)).refused("options with an old sign-in", http.StatusForbidden, "reauth_required")
	t.send(late).refused("a registration with an old sign-in", http.StatusForbidden, "reauth_required")
	again := t.signIn(acc)
	k := t.add(acc, again, newPasskey(algES256))
	t.present(k)
}

func passkeyFurtherSession(t *T) {
	acc, s := t.member()
	other := t.signIn(acc)
	_, stranger := t.member()
	bare := func(c call) call { return c.with("Authorization", "") }
	for what, change := range map[string]func(call) call{
		"another session of the same user": func(c call) call { return c.as(other.access) },
		"another user's session":           func(c call) call { return c.as(stranger.access) },
	} {
		t.send(change(t.adding(acc, s, newPasskey(algES256)))).refused(what, http.StatusBadRequest, notRegistered)
	}
	c := bare(t.adding(acc, s, newPasskey(algES256)))
	delete(c.header, "Authorization")
	t.send(c).refused("no session", http.StatusBadRequest, notRegistered)
	// Begun by nobody, ended by the owner.
	o := t.offer(registerOptions(acc.email))
	t.send(registerVerify(acc.email, newPasskey(algES256).create(o.challenge, o.handle)).as(s.access)).
		refused("options that were asked for without the session", http.StatusBadRequest, notRegistered)
	c = t.adding(acc, s, newPasskey(algES256))
	t.logOut(s.access).want(http.StatusNoContent)
	t.challenged("a session that has ended", t.send(c))
	t.challenged("options with a token that is none", t.send(registerOptions(acc.email).as("garbage")))
}

func passkeyAnotherAccount(t *T) {
	_, s := t.pioneer()
	other, k := newAccount(), newPasskey(algES256)
	o := t.offer(registerOptions(other.email).as(s.access))
	made := t.session(t.send(registerVerify(other.email, k.create(o.challenge, o.handle)).as(s.access)).want(http.StatusCreated))
	if made.id() == s.id() || t.me(made.access).want(http.StatusOK).object()["email"] != other.email {
		t.Errorf("a new account is not signed in to by a session of its own")
	}
	t.alive("the session of before", s)
	if n := len(t.passkeys(s.access)); n != 1 {
		t.Errorf("the account of before has %d passkeys", n)
	}
}

func passkeyList(t *T) {
	acc, s := t.pioneerWith(newSecurityKey(algES256))
	t.pioneer()
	k := t.add(acc, s, newPasskey(algES256))
	list := t.passkeys(s.access)
	if len(list) != 2 || list[0]["id"] != acc.passkey.name() || list[1]["id"] != k.name() {
		t.Fatalf("two passkeys are listed as %v", list)
	}
	for i, transports := range []string{`["usb","nfc"]`, `["internal","hybrid"]`} {
		text, _ := list[i]["created_at"].(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("created_at is %q", text)
		}
		if list[i]["device_name"] != "Passkey" || list[i]["last_used_at"] != nil || list[i]["backed_up"] != (i == 1) || string(encode(list[i]["transports"])) != transports {
			t.Errorf("passkey %d is %v", i, list[i])
		}
	}
	used := t.present(k)
	text, _ := t.passkeys(used.access)[1]["last_used_at"].(string)
	if at, err := time.Parse(time.RFC3339Nano, text); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("after its use last_used_at is %q", text)
	}
	strange := newPasskey(algES256)
	strange.transports = []string{"usb", "usb", "smart-card", "<script>", "mind reading", strings.Repeat("x", 500)}
	_, own := t.pioneerWith(strange)
	if have := string(encode(t.passkeys(own.access)[0]["transports"])); strings.Contains(have, "script") || strings.Contains(have, "xxx") || !strings.HasPrefix(have, `["usb","smart-card"`) {
		t.Errorf("transports are kept as %s", have)
	}
}

func passkeyNeedsSession(t *T) {
	acc, s := t.pioneer()
	_, ended := t.pioneer()
	t.logOut(ended.access).want(http.StatusNoContent)
	for what, c := range map[string]call{
		"/passkey/me": get("/passkey/me"), "the list": get("/passkey/credentials"), "removing": removePasskey(acc.passkey),
		"renaming": passkeyCall(http.MethodPatch, acc.passkey, map[string]any{"device_name": "Mine"}), "recovery codes": post("/passkey/recovery/codes", nil),
	} {
		t.challenged(what+" without a session", t.send(c))
		t.challenged(what+" with garbage", t.send(c.as("garbage")))
		t.challenged(what+" with a refresh token", t.send(c.as(s.refresh)))
		t.challenged(what+" with the token of an ended session", t.send(c.as(ended.access)))
	}
	t.present(acc.passkey)
}

func passkeyRename(t *T) {
	acc, s := t.pioneer()
	renaming := func(body any) *answer {
		return t.send(passkeyCall(http.MethodPatch, acc.passkey, body).as(s.access))
	}
	for sent, want := range map[string]string{"My phone": "My phone", "  trimmed  ": "trimmed", "Klíč 🔑": "Klíč 🔑", strings.Repeat("ž", 100): strings.Repeat("ž", 100)} {
		a := renaming(map[string]any{"device_name": sent}).want(http.StatusOK)
		if fields := a.exactly(passkeyFields...); fields["device_name"] != want || fields["id"] != acc.passkey.name() {
			a.errorf("the name %s becomes %v", quoted(sent), fields["device_name"])
		}
		if have := t.passkeys(s.access)[0]["device_name"]; have != want {
			t.Errorf("the name %s is listed as %v", quoted(sent), have)
		}
	}
	bad := []any{"", "   ", strings.Repeat("x", 101), "a\nb", "a\u0000b", "a\u0085b", nil, 7, []string{"x"}}
	for _, name := range bad {
		a := renaming(map[string]any{"device_name": name}).expect("the name "+quoted(string(encode(name))), http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			a.wantLocated("body", "device_name")
		}
	}
	renaming(map[string]any{}).expect("no name", http.StatusUnprocessableEntity)
	renaming(map[string]any{"device_name": "x", "user_id": 1, "id": "AAAA", "public_key": "AAAA", "sign_count": 99}).expect("other fields", http.StatusOK)
	t.present(acc.passkey)
	// At registration, where none is fine.
	named := func(name any) *answer {
		email := newAccount().email
		o := t.offer(registerOptions(email))
		return t.send(post("/passkey/register/verify", map[string]any{"email": email, "device_name": name, "credential": newPasskey(algES256).create(o.challenge, o.handle)}))
	}
	for sent, want := range map[any]string{nil: "Passkey", "": "Passkey", "  ": "Passkey", " My key ": "My key"} {
		own := t.session(named(sent).want(http.StatusCreated))
		if have := t.passkeys(own.access)[0]["device_name"]; have != want {
			t.Errorf("a passkey registered as %v is named %v, want %s", sent, have, want)
		}
	}
	for _, name := range []any{strings.Repeat("x", 101), "a\nb", 7} {
		named(name).expect("a registration with the name "+quoted(string(encode(name))), http.StatusUnprocessableEntity)
	}
}

func passkeyForeign(t *T) {
	acc, s := t.pioneer()
	t.add(acc, s, newPasskey(algES256))
	_, thief := t.pioneer()
	for what, c := range map[string]call{
		"removing": removePasskey(acc.passkey), "renaming": passkeyCall(http.MethodPatch, acc.passkey, map[string]any{"device_name": "Mine"}),
	} {
		t.send(c.as(thief.access)).refused(what+" another user's passkey", http.StatusNotFound, "Passkey not found")
	}
	if list := t.passkeys(s.access); len(list) != 2 || list[0]["device_name"] != "Passkey" {
		t.Errorf("after another user's attempts the passkeys are %v", list)
	}
	t.present(acc.passkey)
}

func passkeyRemove(t *T) {
	acc, s := t.pioneer()
	k := t.add(acc, s, newPasskey(algES256))
	opened, mark := t.present(k), t.mark()
	t.send(removePasskey(k).as(s.access)).done("removing a passkey")
	t.dead("another session by passkey", opened)
	t.alive("the session that removed it", s)
	t.notEntered("the removed passkey", k)
	if list := t.passkeys(s.access); len(list) != 1 || list[0]["id"] != acc.passkey.name() {
		t.Errorf("after one of two was removed, the list is %v", list)
	}
	t.send(removePasskey(k).as(s.access)).refused("removing it again", http.StatusNotFound, "Passkey not found")
	t.wantOf("auth.passkey.removed", acc.id, mark)
	// Its id is free again, for another key.
	other := newPasskey(algES256)
	other.id = k.id
	t.add(acc, s, other)
	t.present(other)
}

func passkeyRemoveTold(t *T) {
	acc, s := t.pioneer()
	k := t.add(acc, s, newPasskey(algES256))
	t.send(removePasskey(k).as(s.access)).want(http.StatusNoContent)
	t.wantMailed(acc, 2, ": a passkey was removed")
}

func passkeyRemoveRecent(t *T) {
	acc, s := t.pioneer()
	k := t.add(acc, s, newPasskey(algES256))
	t.old(s.id())
	t.send(removePasskey(k).as(s.access)).refused("removing with an old sign-in", http.StatusForbidden, "reauth_required")
	t.send(removePasskey(newPasskey(algES256)).as(s.access)).refused("removing what is not there", http.StatusNotFound, "Passkey not found")
	t.send(removePasskey(k).as(t.present(k).access)).done("removing with a new sign-in")
}

func passkeyRemoveLast(t *T) {
	acc, s := t.pioneer()
	t.send(post("/passkey/recovery/codes", nil).as(s.access)).want(http.StatusOK) // are no way in
	t.send(removePasskey(acc.passkey).as(s.access)).refused("the last way to sign in", http.StatusConflict, "This is the last way to sign in")
	t.present(acc.passkey)
}

func passkeyRemoveTogether(t *T) {
	for range 6 {
		acc, s := t.pioneer()
		k := t.add(acc, s, newPasskey(algES256))
		counts := map[int]int{}
		for _, a := range t.together([]call{removePasskey(k).as(s.access), removePasskey(acc.passkey).as(s.access)}) {
			counts[a.status]++
		}
		if left := len(t.passkeys(s.access)); counts[http.StatusNoContent] != 1 || counts[http.StatusConflict] != 1 || left != 1 {
			t.Errorf("removing both ways at once: %v, %d are left", counts, left)
		}
	}
}

func passkeyHostileIDs(t *T) {
	acc, s := t.pioneer()
	t.add(acc, s, newPasskey(algES256))
	id := acc.passkey.name()
	for _, hostile := range []string{
		"%00", id + "%00", id + "=", id + "A", id[:20], strings.ToUpper(id), "%2f", "..%2f" + id, "%ff", "%27%20OR%20%271%27=%271", "_", "%25", "*", "1", "null",
		strings.Repeat("s.", 1500), "%f0%9f%94%91", id + "%20", "%20" + id,
	} {
		for _, method := range []string{http.MethodDelete, http.MethodPatch} {
			c := call{method, "/passkey/credentials/" + hostile, map[string]string{"Content-Type": "application/json"}, []byte(`{"device_name":"Mine"}`), false}
			t.send(c.as(s.access)).expect(method+" of the id "+quoted(hostile), http.StatusNotFound)
		}
	}
	if n := len(t.passkeys(s.access)); n != 2 {
		t.Errorf("after that %d passkeys are left", n)
	}
}
