package verify_test

// Defects of taking the tokens of a realm. On FastAPI the library compares some claims a
// second time: there a defect is one of both.
var keycloakMutants = []mutant{
	{
		"the signature of the realm is not verified", `^keycloak/a-tampered-token`, true,
		edits{{tokensPy, "            await self._backend.authenticate(_connection(token))\n", "            pass\n"}},
		edits{{"keycloak.go", "if _, err := key.verifier.Verify(ctx, text); err != nil {", "if key.verifier == nil {"}},
	},
	{
		"a token for another client is taken", `^keycloak/a-token-for-another-client`, false,
		edits{
			{tokensPy, "if self.client_id not in listed:", "if not listed:"},
			{tokensPy, "                    \"aud\": client_id,\n", ""},
		},
		edits{{"keycloak_token.go", "case !slices.Contains(t.audience, clientID):", "case len(t.audience) == 0 && !slices.Contains(t.audience, clientID):"}},
	},
	{
		"an id_token serves as an access token", `^keycloak/an-id-token`, false,
		edits{
			{tokensPy, `if claims.get("typ") != "Bearer":`, `if claims.get("typ") == "":`},
			{tokensPy, "                    \"typ\": \"Bearer\",\n", ""},
		},
		edits{{"keycloak_token.go", `case t.kind != "Bearer":`, `case t.kind == "":`}},
	},
	{
		"a token of another realm is taken", `^keycloak/another-realms-token`, false,
		edits{
			{tokensPy, "if realm is None or issuer == realm.issuer:", "if issuer:"},
			{tokensPy, "if issuer != self.issuer:", "if not issuer:"},
			{tokensPy, "                    \"iss\": issuer,\n", ""},
		},
		edits{
			{"keycloak.go", "if token.issuer != k.issuer {", `if token.issuer == "" {`},
			{"keycloak_keys.go", "SkipClientIDCheck: true,", "SkipClientIDCheck: true, SkipIssuerCheck: true,"},
		},
	},
	{
		"a token of the realm lives a minute longer", `^keycloak/times-are-kept`, false,
		edits{{tokensPy, "if expires <= now:", "if expires + 60 <= now:"}},
		edits{{"keycloak_token.go", "case !t.expiresAt.After(now):", "case !t.expiresAt.Add(time.Minute).After(now):"}},
	},
	{
		"tokens of the realm from the future are taken", `^keycloak/times-are-kept`, false,
		edits{{tokensPy, "if max(issued, begins) > now + _CLOCK_SKEW:", "if max(issued, begins) < 0:"}},
		edits{{"keycloak_token.go", "case t.issuedAt.After(latest) || t.notBefore.After(latest):", "case latest.IsZero():"}},
	},
	{
		"a key verifies other algorithms than its own", `^keycloak/other-algorithms-of-the-key`, false,
		edits{{keysPy, "for name in algorithms if name == only)", "for name in algorithms if name)"}},
		edits{{"keycloak_keys.go", `key.Algorithm != "" && key.Algorithm != algorithm`, `algorithm == ""`}},
	},
	{
		"a key for encrypting signs", `^keycloak/keys-serve`, false,
		edits{{keysPy, ` or entry.get("use", "sig") != "sig"`, ""}},
		edits{{"keycloak_keys.go", ` || key.Use != "" && key.Use != "sig"`, ""}},
	},
	{
		"each unknown key id makes a call", `^keycloak/new-keys-are-fetched`, false,
		edits{{keysPy, "if self._clock() - self._unknown_at < _UNKNOWN_EVERY:", "if self._clock() < self._unknown_at:"}},
		edits{{"keycloak_keys.go", "if now.Sub(r.unknown) < unknownPause {", "if now.Before(r.unknown) {"}},
	},
	{
		"a Keycloak that is down lets everybody in", `^keycloak/down-at-start`, false,
		edits{{tokensPy, "        except _Refused as refused:\n", "        except KeysUnavailable:\n            pass\n        except _Refused as refused:\n"}},
		edits{{"keycloak.go", "\tkey, set, err := k.keys.find(ctx, header.keyID)\n", "\tkey, set, err := k.keys.find(ctx, header.keyID)\n\tif errors.Is(err, errKeycloakDown) {\n\t\treturn token, nil\n\t}\n"}},
	},
	{
		"the realm's keys may come from where it redirects to", `^keycloak/garbage-for-keys`, false,
		edits{{keysPy, "httpx.AsyncClient(verify=tls, timeout=None)", "httpx.AsyncClient(verify=tls, timeout=None, follow_redirects=True)"}},
		edits{{"keycloak_keys.go", "{ return http.ErrUseLastResponse }", "{ return nil }"}},
	},
	{
		"roles of other clients count", `^keycloak/a-token-of-the-realm`, false,
		edits{{tokensPy, "*_roles(claims, self.client_id)}", "*(role for client in claims.get(\"resource_access\", {}) for role in _roles(claims, client))}"}},
		edits{{"keycloak_user.go", "\tu.Roles = append(u.Roles, u.clientRoles[client]...)\n", "\tfor _, roles := range u.clientRoles {\n\t\tu.Roles = append(u.Roles, roles...)\n\t}\n"}},
	},
	{
		"no role is asked for", `^keycloak/a-missing-role`, false,
		edits{{"../../core/keycloak.py", "        check_roles(user, roles, client)\n", ""}},
		edits{{"keycloak_guards.go", "v.keycloak == nil || !isAllowed(v.keycloak)", "v.keycloak == nil || isAllowed == nil"}},
	},
	{
		"a role of the realm serves for one of a client", `^keycloak/a-missing-role`, false,
		edits{{tokensPy, "set(roles) <= set(_roles(self.claims, client))", "set(roles) <= {*_roles(self.claims, client), *_roles(self.claims, None)}"}},
		edits{{"keycloak_user.go", "holdsAll(u.clientRoles[client], roles)", "holdsAll(slices.Concat(u.clientRoles[client], u.realmRoles), roles)"}},
	},
	{
		"a role's name is compared in any case", `^keycloak/a-missing-role`, false,
		edits{{tokensPy, "set(roles) <= set(_roles(self.claims, client))", "{r.lower() for r in roles} <= {r.lower() for r in _roles(self.claims, client)}"}},
		edits{
			{"keycloak_user.go", "return !slices.Contains(all, role)", "return !slices.ContainsFunc(all, func(one string) bool { return strings.EqualFold(one, role) })"},
			{"keycloak_user.go", "\t\"slices\"\n", "\t\"slices\"\n\t\"strings\"\n"},
		},
	},
	{
		"a session of the app's own has every role", `^keycloak-user/sessions-of-the-app`, false,
		edits{{"dependencies.py", "        raise keycloak_problem(status.HTTP_403_FORBIDDEN, \"Forbidden\")\n    return claims.person", "        return KeycloakUser(\"0\", None, None, None, [], {\"realm_access\": {\"roles\": [\"admin\"]}})\n    return claims.person"}},
		edits{{"keycloak_guards.go", "v.keycloak == nil || !isAllowed(v.keycloak)", "v.keycloak != nil && !isAllowed(v.keycloak)"}},
	},
	{
		"the realm's word for an address opens its account", `^keycloak-user/a-taken-address`, false,
		edits{{"keycloak_users.py", "if owner is None or owner.is_verified or not _is_verified(person):", "if owner is None:"}},
		edits{{"keycloak_local.go", `case user.IsVerified() || who.email == "" || !user.IsActive:`, "case !user.IsActive:"}},
	},
	{
		"an address is verified by anything but false", `^keycloak-user/an-address-is-verified`, false,
		edits{{"keycloak_users.py", `return person.claims.get("email_verified") is True`, `return bool(person.claims.get("email_verified"))`}},
		edits{{"keycloak_local.go", "if claims.EmailVerified == true {", "if claims.EmailVerified != nil && claims.EmailVerified != false {"}},
	},
	{
		"a user of the realm who is disabled here stays signed in", `^keycloak-user/a-disabled-user`, false,
		edits{{"keycloak_users.py", "if row is None or not row.is_active:", "if row is None:"}},
		edits{{"keycloak_local.go", "\tif !user.IsActive {\n", "\tif user.ID == 0 {\n"}},
	},
	{
		"an old sign-in at the realm counts as recent", `^keycloak-user/a-recent-login`, false,
		edits{{"keycloak_users.py", "return -_CLOCK_SKEW <= time.time() - at < _RECENT_LOGIN", "return -_CLOCK_SKEW <= time.time() - at"}},
		edits{{"keycloak_local.go", "at.Before(ago)", "ago.IsZero()"}},
	},
	{
		"linking the realm needs no recent sign-in", `^keycloak-user/linking-takes`, false,
		edits{{"providers_router.py", "given: KeycloakLink, user: RecentUser,", "given: KeycloakLink, user: CurrentUser,"}},
		edits{{"keycloak_link.go", "if err := a.requireRecent(r.Context(), claims); err != nil {", "if err := r.Context().Err(); err != nil {"}},
	},
	{
		"verifying an address by the realm's token cuts its user off", `^keycloak-user/verifying-by-its-token`, false,
		edits{{"ownership.py", "        method = \"keycloak\"\n", "        method = None\n"}},
		edits{{"ownership.go", "return byKeycloak, nil", `return "", nil`}},
	},
	{
		"an address that the realm verifies later stays a stranger's", `^keycloak-user/an-address-proved-later`, false,
		edits{{"keycloak_users.py", "    if email and not user.is_verified and identity_key(email) == user.email_key:", "    if email and not user.is_verified and email == user.name:"}},
		edits{{"keycloak_local.go", "done, err = follow(ctx, db, user, who)", "done, err = admission{user: user}, showProfile(ctx, db, user, who)"}},
	},
	{
		"a sign-in at the realm may lie ahead and be recent", `^keycloak-user/a-recent-login`, false,
		edits{{"keycloak_users.py", "return -_CLOCK_SKEW <= time.time() - at < _RECENT_LOGIN", "return time.time() - at < _RECENT_LOGIN"}},
		edits{{"keycloak_local.go", "at.After(ahead) || at.Before(ago)", "ahead.IsZero() || at.Before(ago)"}},
	},
}

// The files of the realm's tokens and keys, from the folder of the others.
const (
	tokensPy = "../../core/keycloak_tokens.py"
	keysPy   = "../../core/keycloak_keys.py"
)
