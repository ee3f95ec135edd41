package conformance

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

// Users of the app's own behind the tokens of a realm: who comes for the first time, who
// comes back, and whom an address belongs to.
var keycloakUserCases = []Case{
	{
		Name: "keycloak-user/a-first-request-makes-the-user", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, ASVS: []string{"6.8.1", "10.3.3", "16.3.1"}, RFC: []string{"OpenID Connect Core 5.7"},
		Needs: []Need{NeedUsers, NeedDB, NeedOutput}, Run: keycloakFirst,
	},
	{
		Name: "keycloak-user/an-address-is-verified-by-json-true-alone", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, ASVS: []string{"6.8.1"}, RFC: []string{"OpenID Connect Core 5.1"}, Needs: []Need{NeedUsers}, Run: keycloakVerified,
	},
	{
		Name: "keycloak-user/without-an-address-there-is-no-user", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, Needs: []Need{NeedUsers, NeedDB}, Run: keycloakNoAddress,
	},
	{
		Name: "keycloak-user/twenty-first-requests-make-one-user", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, Needs: []Need{NeedUsers, NeedDB}, Run: keycloakRace,
	},
	{
		Name: "keycloak-user/a-taken-address-is-409-until-linked", Section: "keycloak: a taken e-mail is 409 until linked",
		Type: feature.Keycloak, ASVS: []string{"6.8.1", "10.3.3"}, RFC: []string{"OpenID Connect Core 5.7"},
		Needs: []Need{NeedUsers, NeedDB, NeedOutput}, Run: keycloakTaken,
	},
	{
		Name: "keycloak-user/an-unverified-account-is-taken-over-by-its-owner", Section: "Ownership: An unverified account does not own its address",
		Type: feature.Keycloak, Needs: []Need{NeedUsers, NeedDB}, Run: keycloakOwnership,
	},
	{
		Name: "keycloak-user/a-disabled-user-is-out-at-once", Section: "Access token: logout, disabling and password change act at once",
		Type: feature.Keycloak, ASVS: []string{"6.3.4", "7.4.2", "8.3.2"}, Needs: []Need{NeedUsers, NeedDB}, Run: keycloakDisabled,
	},
	{
		Name: "keycloak-user/is-known-by-issuer-and-subject-alone", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, ASVS: []string{"6.8.1", "10.3.3"}, RFC: []string{"OpenID Connect Core 5.7"},
		Needs: []Need{NeedUsers, NeedDB}, Run: keycloakSame,
	},
	{
		Name: "keycloak-user/what-the-realm-says-is-noted-every-five-minutes", Section: "keycloak: finds or makes the local user by (issuer, sub)",
		Type: feature.Keycloak, Needs: []Need{NeedUsers, NeedDB}, Run: keycloakNote,
	},
	{
		Name: "keycloak-user/sessions-of-the-app-have-no-roles", Section: "keycloak: 403 for a missing role",
		Type: feature.Keycloak, ASVS: []string{"10.3.2"}, Needs: []Need{NeedUsers}, Run: keycloakOwnSession,
	},
	{
		Name: "keycloak-user/logging-out-ends-nothing-here", Section: "Sessions: POST /logout",
		Type: feature.Keycloak, ASVS: []string{"7.6.1"}, Needs: []Need{NeedUsers}, Run: keycloakLogout,
	},
	{
		Name: "keycloak-user/a-recent-login-is-auth-time", Section: "Files: require_recent_login (10 min; 403 reauth_required)",
		Type: feature.Keycloak, ASVS: []string{"6.8.4", "7.5.1", "10.3.4"}, RFC: []string{"OpenID Connect Core 2"},
		Needs: []Need{NeedUsers}, Run: keycloakRecent,
	},
	{
		Name: "keycloak-user/linking-takes-a-token", Section: "oauth: for keycloak {token} → 204",
		Type: feature.Keycloak, ASVS: []string{"6.8.1", "7.5.1", "16.3.1"}, Needs: []Need{NeedUsers, NeedDB, NeedOutput}, Run: keycloakLink,
	},
	{
		Name: "keycloak-user/a-bad-token-links-nothing", Section: "oauth: for keycloak {token} → 204",
		Type: feature.Keycloak, ASVS: []string{"9.1.1", "9.1.2", "9.2.1", "9.2.2", "9.2.3"}, Needs: []Need{NeedUsers, NeedDB}, Run: keycloakLinkRefused,
	},
	{
		Name: "keycloak-user/the-last-way-in-stays", Section: "Last way in: Removing the last means of signing in is 409",
		Type: feature.Keycloak, ASVS: []string{"6.5.6"}, Needs: []Need{NeedUsers}, Run: keycloakUnlink,
	},
	{
		Name: "keycloak-user/verifying-by-its-token-keeps-it", Section: "Ownership: the presenting session, or the password given, stays",
		Type: feature.Keycloak, ASVS: []string{"6.6.2"}, Needs: []Need{NeedUsers, NeedMail}, Run: keycloakVerifies,
	},
	{
		Name: "keycloak-user/an-address-proved-later-takes-the-account", Section: "Ownership: takes it over",
		Type: feature.Keycloak, ASVS: []string{"6.3.7"}, Needs: []Need{NeedUsers, NeedDB, NeedMail}, Run: keycloakProvedLater,
	},
}

const noAddress = "Keycloak has no e-mail address of yours"

// meFields are those of GET /me.
func (t *T) meFields() []string {
	if t.target.Set.Has(feature.Keycloak) {
		return append(slices.Clone(userFields), "roles")
	}
	return userFields
}

// userOf is the id of the user behind a token of the realm.
func (t *T) userOf(k token) int64 {
	return number(t.me(t.sealed(k)).want(http.StatusOK).object()["id"])
}

func keycloakFirst(t *T) {
	k, before := t.arrival(), t.mark()
	id := t.userOf(k)
	if again := t.userOf(k); again != id {
		t.Errorf("the second request is user %d, the first was %d", again, id)
	}
	row := t.row("SELECT email, username, hashed_password, oauth_provider, name, is_superuser FROM users WHERE id = ?", id)
	want := []string{k.claims["email"].(string), "<null>", "<null>", "keycloak", k.claims["name"].(string)}
	if !slices.Equal(row[:5], want) || row[5] != "false" && row[5] != "0" {
		t.Errorf("the user's row is %q, want %q", row, want)
	}
	identity := t.row("SELECT provider, subject FROM oauth_accounts WHERE user_id = ?", id)
	if identity[0] != t.target.Realm.issuer() || identity[1] != k.claims["sub"] {
		t.Errorf("the identity is %q", identity)
	}
	if n := t.row("SELECT COUNT(*) FROM auth_sessions WHERE user_id = ?", id)[0]; n != "0" {
		t.Errorf("a token of Keycloak begins %s sessions", n)
	}
	if said := t.events(before, "auth.keycloak.user"); !strings.Contains(said, "auth.keycloak.user") || strings.Contains(said, want[0]) {
		t.Errorf("the new user is not in the log, or with the address:\n%s", said)
	}
}

func keycloakVerified(t *T) {
	for _, verified := range []any{true, false, nil, "true", 1, []bool{true}} {
		k := t.arrival().claim("email_verified", verified)
		fields := t.me(t.sealed(k)).want(http.StatusOK).object()
		if fields["is_verified"] != (verified == true) {
			t.Errorf("email_verified %s: is_verified is %v", encode(verified), fields["is_verified"])
		}
	}
	fields := t.me(t.sealed(t.arrival().without("email_verified"))).want(http.StatusOK).object()
	if fields["is_verified"] != false {
		t.Errorf("no email_verified: is_verified is %v", fields["is_verified"])
	}
}

func keycloakNoAddress(t *T) {
	k := t.arrival()
	changes := map[string]token{"no e-mail": k.without("email")}
	for _, email := range []any{nil, "", "x", "x@", "@example.com", "a b@example.com", "a@b@example.com", "x@example.com\n", 1, true, []string{"x@example.com"}, strings.Repeat("x", 400) + "@example.com"} {
		changes["e-mail "+string(encode(email))] = k.claim("email", email)
	}
	for what, changed := range changes {
		t.me(t.sealed(changed)).refused(what, http.StatusForbidden, noAddress)
	}
	if n := t.row("SELECT COUNT(*) FROM oauth_accounts WHERE subject = ?", k.claims["sub"])[0]; n != "0" {
		t.Errorf("%s identities were made", n)
	}
}

func keycloakRace(t *T) {
	k := t.arrival()
	calls := make([]call, 20)
	for i := range calls {
		calls[i] = me(t.sealed(k))
	}
	ids := map[int64]bool{}
	for _, a := range t.together(calls) {
		if a.err != nil {
			t.Fatalf("one of 20 got no answer: %v", a.err)
		}
		ids[number(a.want(http.StatusOK).object()["id"])] = true
	}
	if len(ids) != 1 {
		t.Errorf("20 first requests at once are the users %v", ids)
	}
	if n := t.row("SELECT COUNT(*) FROM oauth_accounts WHERE subject = ?", k.claims["sub"])[0]; n != "1" {
		t.Errorf("20 first requests at once leave %s identities", n)
	}
}

// verifiedMember is a member whose address is proved.
func (t *T) verifiedMember() (account, session) {
	acc, s := t.member()
	t.exec("UPDATE users SET email_verified_at = ? WHERE id = ?", t.target.Dialect.stamp(time.Now()), acc.id)
	return acc, s
}

func keycloakTaken(t *T) {
	acc, s := t.verifiedMember()
	for what, email := range map[string]string{"the address of an account": acc.email, "the address in capitals": strings.ToUpper(acc.email)} {
		k := t.arrival().claim("email", email)
		t.me(t.sealed(k)).refused(what, http.StatusConflict, taken)
		t.me(t.sealed(k.claim("email_verified", false))).refused(what+", not verified", http.StatusConflict, taken)
	}
	k := t.arrival().claim("email", acc.email)
	t.me(t.sealed(k)).want(http.StatusConflict)
	t.linkKeycloak(s, t.sealed(k)).done("linking")
	if id := t.userOf(k); id != acc.id {
		t.Errorf("once linked the token is user %d, want %d", id, acc.id)
	}
	squatted, _ := t.unverified()
	weak := t.arrival().claim("email", squatted.email).claim("email_verified", false)
	t.me(t.sealed(weak)).refused("an address that neither side has proved", http.StatusConflict, taken)
	t.alive("the owner", s)
}

// linkKeycloak links the identity of a token to the account of a session.
func (t *T) linkKeycloak(s session, token any) *answer {
	return t.send(post("/providers/keycloak", map[string]any{"token": token}).as(s.access))
}

func keycloakOwnership(t *T) {
	acc, s := t.unverified()
	k := t.arrival().claim("email", acc.email)
	if id := t.userOf(k); id != acc.id {
		t.Errorf("who proves the address is user %d, want %d", id, acc.id)
	}
	t.dead("whoever had the account without proving its address", s)
	if t.target.Set.Has(feature.JWT) {
		t.login(acc.email, acc.password).expect("the password that was set before", http.StatusUnauthorized)
	}
	if fields := t.me(t.sealed(k)).want(http.StatusOK).object(); fields["is_verified"] != true || fields["oauth_provider"] != "keycloak" {
		t.Errorf("after that is_verified is %v and oauth_provider %v", fields["is_verified"], fields["oauth_provider"])
	}
}

func keycloakDisabled(t *T) {
	k := t.arrival()
	id := t.userOf(k)
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, id)
	t.me(t.sealed(k)).expect("a user who was switched off", http.StatusUnauthorized)
	if t.target.Guarded != nil {
		admin := k.claim("realm_access", map[string]any{"roles": []string{"admin"}})
		t.send(get(t.target.Guarded.Admins).as(t.sealed(admin))).expect("one with a role", http.StatusUnauthorized)
	}
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", true, id)
	t.me(t.sealed(k)).expect("once switched on", http.StatusOK)
	t.exec("DELETE FROM oauth_accounts WHERE user_id = ?", id)
	t.exec("DELETE FROM users WHERE id = ?", id)
	if again := t.userOf(k); again == id {
		t.Errorf("a deleted user is the same one again")
	}
}

func keycloakSame(t *T) {
	k := t.arrival()
	id := t.userOf(k)
	other := t.arrival()
	for what, changed := range map[string]token{
		"another address": k.claim("email", other.claims["email"]), "no address": k.without("email"),
		"another username": k.claim("preferred_username", "admin"), "an address that is not verified": k.claim("email_verified", false),
	} {
		if have := t.userOf(changed); have != id {
			t.Errorf("with %s the token is user %d, want %d", what, have, id)
		}
	}
	if email := t.row("SELECT email FROM users WHERE id = ?", id)[0]; email != k.claims["email"] {
		t.Errorf("a change at Keycloak makes the address %s", email)
	}
	cased := k.claim("sub", strings.ToUpper(k.claims["sub"].(string))).claim("email", other.claims["email"])
	if have := t.userOf(cased); have == id {
		t.Errorf("a subject in capitals is the same user")
	}
}

func keycloakNote(t *T) {
	k := t.arrival()
	id := t.userOf(k)
	stamp := func() string { return t.row("SELECT last_used_at FROM oauth_accounts WHERE user_id = ?", id)[0] }
	first := stamp()
	t.userOf(k.claim("name", "Another Name"))
	time.Sleep(behindAnswer)
	if have := stamp(); have != first {
		t.Errorf("a second request writes last_used_at again: %s, then %s", first, have)
	}
	t.exec("UPDATE oauth_accounts SET last_used_at = ? WHERE user_id = ?", t.target.Dialect.stamp(time.Now().Add(-6*time.Minute)), id)
	renamed := k.claim("name", "A New Name")
	t.userOf(renamed)
	name := func() string { return t.row("SELECT name FROM users WHERE id = ?", id)[0] }
	if !within(5*time.Second, func() bool { return name() == "A New Name" }) {
		t.Errorf("after five minutes the name is %q still", name())
	}
	if at := stamp(); at <= first && t.target.Dialect == SQLite {
		t.Errorf("after five minutes last_used_at is %s still", at)
	}
}

func keycloakOwnSession(t *T) {
	_, s := t.member()
	a := t.me(s.access).want(http.StatusOK)
	if roles, isList := a.exactly(t.meFields()...)["roles"].([]any); !isList || len(roles) != 0 {
		a.errorf("roles are not an empty list")
	}
	if t.target.Guarded != nil {
		t.send(get(t.target.Guarded.Admins).as(s.access)).refused("a session of the app's own", http.StatusForbidden, "Forbidden")
		t.send(get(t.target.Guarded.Editors).as(s.access)).refused("a session of the app's own", http.StatusForbidden, "Forbidden")
	}
}

func keycloakLogout(t *T) {
	acc, s := t.verifiedMember()
	k := t.arrival().claim("email", acc.email)
	t.linkKeycloak(s, t.sealed(k)).done("linking")
	t.logOut(t.sealed(k)).done("logging out with Keycloak's token")
	t.me(t.sealed(k)).expect("the token afterwards", http.StatusOK)
	list := t.sessionList(t.send(get("/sessions").as(t.sealed(k))))
	if len(list) != 1 || list[0]["current"] != false {
		t.Errorf("with Keycloak's token the sessions are %v, want one that is not the current one", list)
	}
	t.send(call{method: http.MethodDelete, path: "/sessions/" + s.id()}.as(t.sealed(k))).done("ending the app's session by Keycloak's token")
	t.dead("the session that was ended", s)
}

func keycloakRecent(t *T) {
	k := t.arrival()
	t.userOf(k)
	ask := call{method: http.MethodDelete, path: "/providers/keycloak"}
	recent := func(what string, changed token, status int) *answer {
		return t.send(ask.as(t.sealed(changed))).expect("unlinking with "+what, status)
	}
	recent("a sign-in of now", k.claim("auth_time", secondsFrom(0)), http.StatusConflict) // the last way in
	recent("a sign-in of 9 minutes ago", k.claim("auth_time", secondsFrom(-9*time.Minute)), http.StatusConflict)
	changes := map[string]token{
		"a sign-in of 11 minutes ago": k.claim("auth_time", secondsFrom(-11*time.Minute)), "no auth_time": k.without("auth_time"),
		"a sign-in in an hour": k.claim("auth_time", secondsFrom(time.Hour)),
	}
	for _, value := range []any{nil, "x", true, []any{}, string(encode(secondsFrom(0))), map[string]any{}} {
		changes["auth_time "+string(encode(value))] = k.claim("auth_time", value)
	}
	for what, changed := range changes {
		recent(what, changed, http.StatusForbidden).refused(what, http.StatusForbidden, "reauth_required")
	}
}

func keycloakLink(t *T) {
	acc, s := t.member()
	k, before := t.arrival(), t.mark()
	t.linkKeycloak(s, t.sealed(k)).done("linking")
	if id := t.userOf(k); id != acc.id {
		t.Errorf("the linked token is user %d, want %d", id, acc.id)
	}
	t.linkKeycloak(s, t.sealed(k)).done("linking again what is one's own")
	if n := t.row("SELECT COUNT(*) FROM oauth_accounts WHERE subject = ?", k.claims["sub"])[0]; n != "1" {
		t.Errorf("there are %s rows of the identity", n)
	}
	if said := t.events(before, "auth.oauth.linked"); !strings.Contains(said, `provider="keycloak"`) && !strings.Contains(said, "provider=keycloak") {
		t.Errorf("linking is not in the log:\n%s", said)
	}
	if have := t.identities(s.access); !slices.Contains(have, "keycloak") {
		t.Errorf("GET /providers lists %v", have)
	}
	silent := t.arrival().without("email")
	t.linkKeycloak(s, t.sealed(silent)).done("linking an identity without an address")
	_, other := t.member()
	t.linkKeycloak(other, t.sealed(k)).refused("another user's identity", http.StatusConflict, "This identity belongs to another account")
	t.old(other.id())
	t.linkKeycloak(other, t.sealed(t.arrival())).refused("linking with an old sign-in", http.StatusForbidden, "reauth_required")
	t.send(post("/providers/keycloak", map[string]any{"token": t.sealed(t.arrival())})).denied("linking without a session", noToken)
}

// identities are the providers that GET /providers lists.
func (t *T) identities(access string) []string {
	a := t.send(get("/providers").as(access)).want(http.StatusOK)
	var list []linked
	if err := json.Unmarshal(a.body, &list); err != nil {
		a.fatalf("the body is not the list of identities: %v", err)
	}
	return strings.Fields(names(list))
}

func keycloakLinkRefused(t *T) {
	r := t.target.Realm
	_, s := t.member()
	k := t.arrival()
	tokens := t.issued(r, r.ClientID, somebody)
	for what, token := range map[string]any{
		"garbage": "garbage", "an empty text": "", "one's own access token": s.access, "an id_token": tokens.id, "a refresh token": tokens.refresh,
		"a token of another client": t.issued(r, "other", somebody).access, "a token of another realm": t.issued(r.Other, r.Other.ClientID, somebody).access,
		"an expired token": t.sealed(k.claim("exp", secondsFrom(-5*time.Second))), "a token by a foreign key": k.signedWith(keyPairs(t)[0]), "alg none": unsigned(k.head("alg", "none")),
	} {
		a := t.linkKeycloak(s, token).expect(what, http.StatusBadRequest, http.StatusUnprocessableEntity)
		if a.status == http.StatusBadRequest && !a.says("Invalid token") {
			a.errorf("%s: detail is %q", what, a.detail())
		}
	}
	for what, body := range map[string]any{"no token": map[string]any{}, "null": map[string]any{"token": nil}, "a number": map[string]any{"token": 1}, "a list": []any{}, "nothing": ""} {
		t.send(post("/providers/keycloak", body).as(s.access)).expect(what, http.StatusUnprocessableEntity)
	}
	if have := t.identities(s.access); slices.Contains(have, "keycloak") {
		t.Errorf("something is linked: %v", have)
	}
}

func keycloakUnlink(t *T) {
	k := t.arrival().claim("auth_time", secondsFrom(0))
	t.userOf(k)
	t.send(unlinkCall("keycloak").as(t.sealed(k))).refused("the last way to sign in", http.StatusConflict, "This is the last way to sign in")
	if have := t.identities(t.sealed(k)); !slices.Equal(have, []string{"keycloak"}) {
		t.Errorf("who came by Keycloak has the identities %v", have)
	}
	_, s := t.member()
	linked := t.arrival()
	t.linkKeycloak(s, t.sealed(linked)).done("linking")
	t.send(unlinkCall("keycloak").as(s.access)).done("unlinking beside another way to sign in")
	t.send(unlinkCall("keycloak").as(s.access)).refused("unlinking again", http.StatusNotFound, "Provider not linked")
	if id := number(t.me(s.access).want(http.StatusOK).object()["id"]); id == t.userOf(linked) {
		t.Errorf("an unlinked identity is the same user still")
	}
}

func keycloakVerifies(t *T) {
	k := t.arrival().claim("email_verified", false)
	id, access := t.userOf(k), t.sealed(k)
	email, _ := k.claims["email"].(string)
	link := t.verifyLink(account{email: email}, session{access: access}, 1)
	t.send(verifyWith(link).as(access)).want(http.StatusNoContent)
	if fields := t.me(access).want(http.StatusOK).object(); number(fields["id"]) != id || fields["is_verified"] != true {
		t.Errorf("after user %d has verified the address, the token is user %v, verified: %v", id, fields["id"], fields["is_verified"])
	}
}

func keycloakProvedLater(t *T) {
	acc, s := t.unverified()
	k := t.arrival().claim("email", acc.email)
	t.linkKeycloak(s, t.sealed(k.claim("email_verified", false))).done("linking")
	verified := func() bool { return t.me(t.sealed(k)).want(http.StatusOK).object()["is_verified"] == true }
	if !within(time.Second, verified) { // an app may look again only after five minutes
		t.exec("UPDATE oauth_accounts SET last_used_at = ? WHERE user_id = ? AND subject = ?", t.target.Dialect.stamp(time.Now().Add(-6*time.Minute)), acc.id, k.claims["sub"])
		if !within(5*time.Second, verified) {
			t.Fatalf("once Keycloak has verified the address, the user is not")
		}
	}
	if id := t.userOf(k); id != acc.id {
		t.Errorf("the token is user %d, want %d", id, acc.id)
	}
	t.dead("whoever had the account without proving its address", s)
	if t.target.Set.Has(feature.JWT) {
		t.login(acc.email, acc.password).expect("the password that was set before", http.StatusUnauthorized)
	}
	t.toldOfTakeover(acc.email, 2)
}
