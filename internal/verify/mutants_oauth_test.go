package verify_test

// Defects of signing in with a provider.
var oauthMutants = []mutant{
	{
		"the state is not compared", `^oauth/a-state-that-is-none`, false,
		edits{
			{"cookies.py", "return request.cookies.get(_name(_attempt(attempt_id(state))))", "return next((v for n, v in request.cookies.items() if \"auth_attempt_\" in n), None)"},
			{"oauth_flow.py", `row = take_challenge(db, attempt_id(state), "oauth", mine)`, `row = db.query(AuthChallenge).filter(AuthChallenge.purpose == "oauth", mine).one_or_none()`},
		},
		edits{
			{"oauth_handlers.go", "\tc.browser = a.readCookie(r, authorizationCookieOf(c.state))\n", "\tfor _, cookie := range r.Cookies() {\n\t\tif strings.HasPrefix(cookie.Name, authorizationCookie) {\n\t\t\tc.browser = cookie.Value\n\t\t}\n\t}\n"},
			{"oauth_handlers.go", `if len(query["state"]) != 1 || c.browser == "" {`, `if c.browser == "" {`},
			{"challenges.go", "WHERE id = $1 AND purpose = $2", "WHERE (id = $1 OR browser_hash = $3) AND purpose = $2"},
		},
	},
	{
		"a state serves again", `^oauth/a-state-serves-once`, false,
		edits{{"oauth_flow.py", `row = take_challenge(db, attempt_id(state), "oauth", mine)`, `row = db.query(AuthChallenge).filter(AuthChallenge.id == attempt_id(state), mine).one_or_none()`}},
		edits{{"oauth.go", "authorizationChallenge.take(ctx, db, c.state, c.browser, &back.authorization)\n", "authorizationChallenge.take(ctx, db, c.state, c.browser, &back.authorization)\n\t\tif back.used {\n\t\t\terr = authorizationChallenge.issue(ctx, db, c.state, holder{browser: c.browser, userID: back.linking}, back.authorization)\n\t\t}\n"}},
	},
	{
		"a state serves in another browser", `^oauth/another-browsers-state`, false,
		edits{{"oauth_flow.py", "mine = AuthChallenge.browser_hash == hash_one_time_token(cookie)", "mine = AuthChallenge.browser_hash.is_not(None)"}},
		edits{{"challenges.go", "AND coalesce(browser_hash, '') = coalesce($3, '')", "AND (browser_hash IS NULL) = ($3 IS NULL)"}},
	},
	{
		"a state of one provider serves at another", `^oauth/providers-are-not-mixed-up`, false,
		edits{{"service.py", "if attempt.provider != provider.name:", "if not attempt.provider:"}},
		edits{{"oauth.go", " || back.Provider != s.name", ""}},
	},
	{
		"the issuer of a callback is not compared", `^oauth/iss-is-compared`, false,
		edits{{"oauth_exchange.py", "if callback.iss is not None or endpoints.promises_issuer:", "if callback.iss is None and endpoints.promises_issuer:"}},
		edits{{"oauth.go", `c.issuer != where.issuer && (c.issuer != "" || where.namesIssuer)`, `c.issuer == "" && where.namesIssuer`}},
	},
	{
		"PKCE is left out", `^oauth/login-goes-to`, false,
		edits{
			{"oauth_exchange.py", "        code_challenge=code_challenge(attempt.verifier),\n        code_challenge_method=\"S256\",\n", ""},
			{"oauth_exchange.py", "        code_verifier=attempt.verifier,\n", ""},
		},
		edits{
			{"oauth.go", "[]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(begun.Verifier)}", "[]oauth2.AuthCodeOption{}"},
			{"oauth.go", ", oauth2.VerifierOption(begun.Verifier))", ")"},
		},
	},
	{
		"all attempts have one verifier", `^oauth/every-attempt-has-secrets`, false,
		edits{{"oauth_router.py", "verifier=new_one_time_token(),", `verifier="x" * 43,`}},
		edits{{"oauth.go", "s.name, oauth2.GenerateVerifier()", `s.name, strings.Repeat("x", 43)`}},
	},
	{
		"the nonce is not compared", `^oauth/an-id-token-of-another`, false,
		edits{{"oauth_openid.py", `"nonce": nonce is None or not hmac.compare_digest(token.nonce, nonce),`, `"nonce": nonce is None,`}},
		edits{{"oauth_openid.go", "case idToken.Nonce != a.Nonce:", `case idToken.Nonce == "":`}},
	},
	{
		"the signature of an id_token is not verified", `^oauth/a-forged-id-token`, false,
		edits{{"oauth_openid.py", "decode(token, key, algorithms=[algorithm])", "decode(token, key, algorithms=[algorithm], options={\"verify_signature\": False})"}},
		edits{{"oauth_openid.go", "&oidc.Config{ClientID: o.clientID}", "&oidc.Config{ClientID: o.clientID, InsecureSkipSignatureCheck: true}"}},
	},
	{
		"the issuer of an id_token is not compared", `^oauth/a-forged-id-token`, false,
		edits{{"oauth_openid.py", `"iss": token.iss != provider.url,`, `"iss": not token.iss,`}},
		edits{{"oauth_openid.go", "&oidc.Config{ClientID: o.clientID}", "&oidc.Config{ClientID: o.clientID, SkipIssuerCheck: true}"}},
	},
	{
		"the audience of an id_token is not compared", `^oauth/a-forged-id-token`, false,
		edits{{"oauth_openid.py", `"aud": client_id not in audience,`, `"aud": not audience,`}},
		edits{{"oauth_openid.go", "&oidc.Config{ClientID: o.clientID}", "&oidc.Config{ClientID: o.clientID, SkipClientIDCheck: true}"}},
	},
	{
		"the expiry of an id_token is not checked", `^oauth/a-forged-id-token`, false,
		edits{{"oauth_openid.py", `"exp": token.exp <= now,`, `"exp": token.exp <= 0,`}},
		edits{{"oauth_openid.go", "&oidc.Config{ClientID: o.clientID}", "&oidc.Config{ClientID: o.clientID, SkipExpiryCheck: true}"}},
	},
	{
		"an id_token for another client is taken", `^oauth/a-forged-id-token`, false,
		edits{{"oauth_openid.py", "\"azp\": token.azp != client_id\n        and not (token.azp is None and len(audience) == 1),", `"azp": False,`}},
		edits{{"oauth_openid.go", "case !o.isFor(idToken.Audience, claims.AuthorizedFor):", "case len(idToken.Audience) == 0:"}},
	},
	{
		"userinfo may be somebody else's", `^oauth/userinfo-of-somebody-else`, false,
		edits{{"oauth_openid.py", `if said.get("sub") != claims["sub"]:`, "if not said:"}},
		edits{{"oauth_openid.go", "if info.Subject != subject {", "if info == nil {"}},
	},
	{
		"discovery may speak for another issuer", `^oauth/discovery-is-checked`, false,
		edits{{"oauth_openid.py", "if metadata.issuer != issuer:", "if not metadata.issuer:"}},
		edits{{"oauth_openid.go", "oidc.NewProvider(o.calls.context(ctx), o.issuer)", "oidc.NewProvider(oidc.InsecureIssuerURLContext(o.calls.context(ctx), o.issuer), o.issuer)"}},
	},
	{
		"discovery may lead to addresses inside", `^oauth/discovery-leads-to-no-internal`, false,
		edits{{"oauth_openid.py", "if not all(_is_safe(address, issuer) for address in addresses):", "if not all(addresses):"}},
		edits{{"oauth_openid.go", "if !o.mayName(address) {", `if address == "" {`}},
	},
	{
		"redirects of a provider are followed", `^oauth/redirects-of-a-provider`, false,
		edits{{"oauth_calls.py", "follow_redirects=False,", "follow_redirects=True,"}},
		edits{{"oauth_calls.go", "{ return http.ErrUseLastResponse }", "{ return nil }"}},
	},
	{
		"a provider's token reaches the log", `^oauth/no-token-of-a-provider`, false,
		edits{{"oauth_exchange.py", "    return Grant(\n        access_token=token,\n", "    print(token)\n    return Grant(\n        access_token=token,\n"}},
		edits{{"oauth.go", "\tif !strings.EqualFold(token.TokenType, \"Bearer\") {\n", "\tprintln(token.AccessToken)\n\tif !strings.EqualFold(token.TokenType, \"Bearer\") {\n"}},
	},
	{
		"an identity is known by its subject alone", `^oauth/the-same-subject-elsewhere`, false,
		edits{{"identities.py", "OAuthAccount.provider == provider.key, OAuthAccount.subject == profile.subject", "OAuthAccount.subject == profile.subject"}},
		edits{{"identities.go", "(SELECT user_id FROM oauth_accounts WHERE provider = $1 AND subject = $2)", "(SELECT user_id FROM oauth_accounts WHERE $1 <> '' AND subject = $2)"}},
	},
	{
		"an OpenID provider's unverified address counts", `^oauth/without-a-verified-email`, false,
		edits{{"oauth_openid.py", `email=claims.get("email") if is_verified else None,`, `email=claims.get("email"),`}},
		edits{{"oauth_openid.go", "if claims.isVerified() {", `if claims.Email != "" {`}},
	},
	{
		"GitHub's unverified address counts", `^oauth/github-counts-only`, false,
		edits{{"oauth_github.py", ` and email.get("verified") is True`, ""}},
		edits{{"oauth_github.go", "if e.Primary && e.Verified {", "if e.Primary {"}},
	},
	{
		"Discord's unverified address counts", `^oauth/without-a-verified-email`, false,
		edits{{"oauth_discord.py", `user.get("email") if user.get("verified") is True else None`, `user.get("email")`}},
		edits{{"oauth_discord.go", "if !user.Verified {", `if user.ID == "" {`}},
	},
	{
		"any provider's word for an address opens its account", `^oauth/the-address-of-an-account`, true,
		edits{{"identities.py", "return profile.is_authoritative or config.links_verified_email", "return True"}},
		edits{{"admission.go", "case len(subjects) > 0, !who.authoritative && a.config.OAuthLinkByEmail != linkVerified:", "case len(subjects) > 0:"}},
	},
	{
		"Google speaks for domains that end like its own", `^oauth/google-is-authoritative`, false,
		edits{{"oauth_openid.py", `.endswith("@gmail.com")`, `.endswith("gmail.com")`}},
		edits{{"oauth_openid.go", `"@gmail.com")`, `"gmail.com")`}},
	},
	{
		"who squats on an address keeps the password", `^oauth/a-squatters-account`, false,
		edits{{"linked_accounts.py", "user.hashed_password = user.oauth_provider =", "user.oauth_provider ="}},
		edits{{"takeover.go", "SET hashed_password = NULL, name = $1", "SET name = $1"}},
	},
	{
		"a sign-in may lead to another site", `^oauth/next-leads-nowhere`, false,
		edits{{"redirects.py", `path.startswith("/") and "//" not in path and `, `path.startswith("/") and `}},
		edits{{"next.go", `!strings.Contains(before, "//")`, `before != ""`}},
	},
	{
		"addresses of native apps are compared by their beginning", `^native/only-listed`, false,
		edits{{"oauth_router.py", "if start.app_redirect not in config.app_redirects:", `if not (start.app_redirect or "").startswith(config.app_redirects):`}},
		edits{{"oauth_native.go", "case !slices.Contains(a.config.AppRedirects, to.AppRedirect):", "case !slices.ContainsFunc(a.config.AppRedirects, func(listed string) bool { return strings.HasPrefix(to.AppRedirect, listed) }):"}},
	},
	{
		"a native app's code serves again", `^native/a-code-serves-once`, false,
		edits{{"oauth_flow.py", `row = take_challenge(db, challenge_id, "oauth_code")`, `row = db.query(AuthChallenge).filter(AuthChallenge.id == challenge_id).one_or_none()`}},
		edits{{"oauth_native.go", "_, found, err := codeChallenge.take(ctx, db, code, \"\", &given)\n", "owner, found, err := codeChallenge.take(ctx, db, code, \"\", &given)\n\t\tif found {\n\t\t\terr = codeChallenge.issue(ctx, db, code, holder{userID: owner}, given)\n\t\t}\n"}},
	},
	{
		"a native app's verifier is not compared", `^native/a-code-needs-its-verifier`, false,
		edits{{"oauth_flow.py", "if not hmac.compare_digest(code_challenge(verifier), issued.code_challenge):", "if not verifier:"}},
		edits{{"oauth_native.go", "oauth2.S256ChallengeFromVerifier(verifier) != given.CodeChallenge", `oauth2.S256ChallengeFromVerifier(verifier) == ""`}},
	},
	{
		"linking needs no recent sign-in", `^providers/linking-needs`, false,
		edits{
			{"oauth_router.py", "    ClientDep,\n    RecentUser,\n", "    ClientDep,\n    CurrentUser,\n    RecentUser,\n"},
			{"oauth_router.py", "    user: RecentUser,\n", "    user: CurrentUser,\n"},
		},
		edits{{"oauth_handlers.go", "if err := a.requireRecent(r.Context(), claims); err != nil {", "if err := r.Context().Err(); err != nil {"}},
	},
	{
		"a link goes on when its session has ended", `^providers/a-link-belongs`, false,
		edits{{"identities.py", `if user is None or not is_live(db, attempt.session or "", user_id=user.id):`, "if user is None:"}},
		edits{{"linking.go", "if err == nil && !alive {", "if err == nil && !alive && userID == 0 {"}},
	},
	{
		"unlinking needs no recent sign-in", `^providers/unlinking-needs`, false,
		edits{{"providers_router.py", "    await require_recent_login(user, claims)\n", ""}},
		edits{{"identity_handlers.go", "if err := a.requireRecent(r.Context(), claims); err != nil {", "if err := r.Context().Err(); err != nil {"}},
	},
	{
		"the last provider can be unlinked", `^providers/the-last-way-in`, false,
		edits{{"linked_accounts.py", "    require_way_in(db, user)\n", ""}},
		edits{{"linking.go", "if err := a.wantWayIn(ctx, db, now); err != nil {", "if err := ctx.Err(); err != nil {"}},
	},
	{
		"an identity of a provider that is gone is a way in", `^providers/the-last-way-in`, false,
		edits{{"ways_in.py", "                OAuthAccount.provider.in_(served_keys()),\n", ""}},
		edits{{"linking.go", `a.nameOf(key) != ""`, `key != ""`}},
	},
	{
		"a native app's code outlives a takeover", `^oauth/a-squatters-account`, false,
		edits{{"challenges.py", "    db.execute(delete(AuthChallenge).where(AuthChallenge.user_id == user_id))", "    db.flush()"}},
		edits{
			{"identities.go", "\t\t`DELETE FROM auth_challenges WHERE user_id = $1`,\n", ""},
			{"passkey_credentials.go", "\t\t`DELETE FROM auth_challenges WHERE user_id = $1`,\n", ""},
		},
	},
	{
		"verifying an address leaves the identities of before", `^oauth/verifying-keeps`, false,
		edits{{"ownership.py", "            db.delete(account)\n", "            db.flush()\n"}},
		edits{{"ownership.go", "\tif err := a.dropIdentitiesBeside(ctx, db, user, method); err != nil {\n\t\treturn err\n\t}\n", ""}},
	},
	{
		"sign-ins with providers are not logged", `^oauth/callback-signs-in`, false,
		edits{{"service.py", "        \"auth.oauth.ok\",\n", "        \"auth.ok\",\n"}},
		edits{{"admission.go", `"auth.oauth.ok"`, `"auth.ok"`}},
	},
}
