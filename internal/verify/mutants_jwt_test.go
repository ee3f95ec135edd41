package verify_test

// Defects of passwords, tokens and sessions.
var jwtMutants = []mutant{
	{
		"the expiry of access tokens is not checked", `^token/exp-`, true,
		edits{{"security.py", "claims.exp <= now or ", ""}},
		edits{{"tokens.go", " && c.ExpiresAt.After(now)", ""}},
	},
	{
		"access tokens of the future are taken", `^token/iat-and-nbf`, false,
		edits{{"security.py", " or max(claims.iat, claims.nbf) > now + _CLOCK_SKEW", ""}},
		edits{{"tokens.go", "!c.IssuedAt.After(latest) && !c.NotBefore.After(latest)", "!latest.IsZero()"}},
	},
	{
		"the issuer and audience of access tokens are not compared", `^token/issuer`, false,
		edits{{"security.py", "if (claims.iss, claims.aud) != (config.issuer, config.issuer):", "if not claims.iss:"}},
		edits{{"tokens.go", "c.Issuer == t.issuer && c.Audience == t.issuer && ", ""}},
	},
	{
		"the type of a token is not looked at", `^token/typ-`, false,
		edits{{"security.py", `header.get("typ") != _TOKEN_TYPE or `, ""}},
		edits{{"tokens.go", ` || token.Header["typ"] != tokenType`, ""}},
	},
	{
		"a token chooses its algorithm", `^token/one-pinned`, false,
		edits{
			{"security.py", ` or header.get("alg") != _ALGORITHM`, ""},
			{"security.py", "algorithms=[_ALGORITHM],", `algorithms=["HS256", "HS384", "HS512"],`},
		},
		edits{{"tokens.go", "[]string{jwt.SigningMethodHS256.Alg()}", `[]string{"HS256", "HS384", "HS512"}`}},
	},
	{
		"an unknown key id stands for the newest key", `^token/kid-only-picks`, false,
		edits{{"security.py", `_access_keys.get(str(header.get("kid")))`, `_access_keys.get(str(header.get("kid")), _signing_key)`}},
		edits{{"tokens.go", "if !known {\n\t\treturn nil, errInvalidToken", "if !known {\n\t\treturn t.keys.access[t.keys.kid], nil"}},
	},
	{
		"one key signs all kinds of tokens", `^forged/only-the-refresh-key`, false,
		edits{{"security.py", `"fastman/refresh/v1"`, `"fastman/access/v1"`}},
		edits{{"keys.go", `"fastman/refresh/v1"`, `"fastman/access/v1"`}},
	},
	{
		"a token's user need not be its session's", `^token/sub-and-sid`, false,
		edits{{"sessions.py", "        User.id == bindparam(\"user_id\"),\n        User.is_active,\n", "        bindparam(\"user_id\").is_not(None),\n        User.is_active,\n"}},
		edits{{"sessions.go", "users.id = $2 AND users.is_active", "$2 > 0 AND users.is_active"}},
	},
	{
		"a disabled user stays signed in", `^me/a-disabled-user`, false,
		edits{{"sessions.py", "        User.id == bindparam(\"user_id\"),\n        User.is_active,\n", "        User.id == bindparam(\"user_id\"),\n"}},
		edits{{"sessions.go", "users.id = $2 AND users.is_active", "users.id = $2"}},
	},
	{
		"a session that nobody uses does not end", `^(me|refresh)/an-idle-session`, false,
		edits{{"sessions.py", "    AuthSession.expires_at > utc_now(),\n", ""}},
		edits{{"sessions.go", "AND auth_sessions.expires_at > clock_timestamp()", "AND auth_sessions.id <> ''"}},
	},
	{
		"a session that is used never ends", `^(me/an-old-session|refresh/no-refresh-outlives)`, false,
		edits{{"sessions.py", "    AuthSession.created_at > utc_now(-config.session_max_seconds),\n", ""}},
		edits{{"sessions.go", "AND auth_sessions.created_at > clock_timestamp()", "AND auth_sessions.expires_at > clock_timestamp()"}},
	},
	{
		"a logout ends no session", `^logout/ends-`, true,
		edits{{"session_service.py", "await write(end_session, claims.sid, user_id=claims.user_id)", "True"}},
		edits{{"sessions.go", "return endSession(ctx, db, claims.SessionID, claims.UserID)", "return nil"}},
	},
	{
		"another's session can be ended", `^sessions/delete-of-another`, false,
		edits{{"sessions.py", "ended = delete(AuthSession).where(\n        AuthSession.id == session_id, AuthSession.user_id == user_id\n", "ended = delete(AuthSession).where(\n        AuthSession.id == session_id, bool(user_id)\n"}},
		edits{{"sessions.go", "WHERE id = $1 AND user_id = $2 RETURNING id", "WHERE id = $1 AND $2 > 0 RETURNING id"}},
	},
	{
		"the log holds the ids of sessions", `^sessions/ends-are-logged`, false,
		edits{{"events.py", "return sha256(session_id.encode()).hexdigest()[:16]", "return session_id"}},
		edits{{"sessions.go", "return hex.EncodeToString(sum[:8])", "return hex.EncodeToString(sum[:0]) + id"}},
	},
	{
		"a copied refresh token goes on to work", `^refresh/two-generations-back`, false,
		edits{{"sessions.py", "if given.counter == row.refresh_counter - 1 and row.in_grace:", "if given.counter <= row.refresh_counter:"}},
		edits{{"sessions.go", "if given.counter == s.counter-1 && s.inGrace {", "if given.counter <= s.counter {"}},
	},
	{
		"the refresh token before the newest is good for minutes", `^refresh/the-grace`, false,
		edits{{"sessions.py", "_REFRESH_GRACE = 10\n", "_REFRESH_GRACE = 600\n"}},
		edits{{"sessions.go", "const refreshGrace = 10\n", "const refreshGrace = 600\n"}},
	},
	{
		"a disabled user goes on to refresh", `^refresh/a-disabled-user`, false,
		edits{{"sessions.py", "exists().where(User.id == AuthSession.user_id, User.is_active)", "exists().where(User.id == AuthSession.user_id)"}},
		edits{{"sessions.go", "users.id = auth_sessions.user_id AND users.is_active)", "users.id = auth_sessions.user_id)"}},
	},
	{
		"the HMAC of refresh tokens is not checked", `^forged/(a-wrong-hmac|any-changed)`, false,
		edits{{"security.py", "return any(hmac.compare_digest(self.text, text) for text in candidates)", "return bool(candidates)"}},
		edits{{"sessions.go", "if !a.tokens.isGenuine(given, salt) {", "if salt == \"\" {"}},
	},
	{
		"attempts are not bounded", `^throttle/one-`, true,
		edits{{"throttle.py", "if row.attempts <= bound.limit:", "if row.attempts > 0:"}},
		edits{{"throttle.go", "allowed := attempts <= b.limit", "allowed := attempts > 0"}},
	},
	{
		"one address may try out every account", `^throttle/one-address-over`, false,
		edits{{"throttle.py", "    if client.network:\n", "    if client.network is NotImplemented:\n"}},
		edits{{"throttle.go", `if from.network != "" {`, `if from.network == "-" {`}},
	},
	{
		"many addresses may try out one account", `^throttle/one-account-from-many`, false,
		edits{{"throttle.py", "PER_ACCOUNT = Bound(100, ", "PER_ACCOUNT = Bound(10**9, "}},
		edits{{"throttle.go", "limit: 100, seconds: 24 * hour", "limit: 1 << 30, seconds: 24 * hour"}},
	},
	{
		"sign-ins that succeed are counted as guesses", `^throttle/a-success`, false,
		edits{{"credentials.py", "    throttle.give_back(db, proof.attempt)\n", ""}},
		edits{{"credentials.go", "return user, giveBack(ctx, db, p.attempt)", "return user, nil"}},
	},
	{
		"an unknown user is answered without a hash", `^timing/unknown-user`, false,
		edits{{"passwords.py", "    if known is None:\n        return _spend(config.bcrypt_rounds)\n", "    if known is None:\n        return False\n"}},
		edits{{"credentials.go", "\tvar failed error\n\terr := a.hashing.run", "\tif stored == \"\" {\n\t\treturn nil\n\t}\n\tvar failed error\n\terr := a.hashing.run"}},
	},
	{
		"an unknown user is told apart from a wrong password", `^login/failures-are-one`, false,
		edits{{"service.py", "    session = await write(_sign_in, proof, client) if proof.matches else None\n", "    if proof.user is None:\n        raise throttle.HTTPException(404, \"Unknown user\")\n    session = await write(_sign_in, proof, client) if proof.matches else None\n"}},
		edits{{"login.go", "\tif opened.id == \"\" {\n", "\tif p.user == nil {\n\t\treturn Token{}, errNotFound\n\t}\n\tif opened.id == \"\" {\n"}},
	},
	{
		"who hides registrations lets unproved addresses sign in", `^reveal-false/sign-in-needs`, false,
		edits{{"service.py", "if not (config.reveal_registered or (proof.user and proof.user.is_verified)):", "if proof.user is None:"}},
		edits{{"login.go", "if p.matches && (p.user.IsVerified() || !a.config.HideRegistered) {", "if p.matches {"}},
	},
	{
		"two spellings of an address are two accounts", `^identity/email-is-unique-in-any-case`, false,
		edits{{"identity.py", "return nfc(text).casefold()", "return text"}},
		edits{{"identity.go", "cases.Fold().String(norm.NFC.String(text))", "cases.Fold().String(norm.NFC.String(text))[:0]+text"}},
	},
	{
		"passwords may be short", `^password/at-least`, false,
		edits{{"passwords.py", "if len(nfc(password)) < config.password_min_length:", "if len(nfc(password)) < 1:"}},
		edits{{"passwords.go", "utf8.RuneCountInString(norm.NFC.String(password)) < p.minLength", "utf8.RuneCountInString(norm.NFC.String(password)) < 1"}},
	},
	{
		"common passwords are taken", `^password/common`, false,
		edits{{"passwords.py", "if folded in _common_passwords():", "if not folded:"}},
		edits{{"passwords.go", "if isCommon(folded) {", `if folded == "" {`}},
	},
	{
		"the user's own name is taken as a password", `^password/the-users-own`, false,
		edits{{"passwords.py", "if folded in _own_words(email, username):", "if not folded:"}},
		edits{{"passwords.go", "if folded == identityKey(own) {", `if own == "\x00" {`}},
	},
	{
		"passwords are cut at 72 bytes", `^password/is-not-cut`, false,
		edits{{"passwords.py", `return base64.b64encode(hmac.digest(_PREHASH_KEY, password, "sha256"))`, "return password[:_BCRYPT_MAX_BYTES]"}},
		edits{{"passwords.go", "if len(password) <= bcryptMaxBytes {", "if password = password[:min(len(password), bcryptMaxBytes)]; password != \"\" {"}},
	},
	{
		"a change of password leaves the other sessions", `^change/ends-the-other`, false,
		edits{{"account.py", "return end_sessions(db, user.id, except_id=session_id)", "return []"}},
		edits{{"account.go", "return endSessions(ctx, db, user.ID, keepSession)", "_ = keepSession\n\treturn nil, nil"}},
	},
	{
		"a change of password leaves mailed links", `^change/takes-reset-links`, false,
		edits{{"account.py", "    drop_one_time_tokens(db, user, purpose=\"reset\")\n", ""}},
		edits{{"account.go", "if err := dropOneTime(ctx, db, user, toReset); err != nil {", "if err := ctx.Err(); err != nil {"}},
	},
	{
		"a first password needs no recent sign-in", `^set/first-password`, false,
		edits{{"router.py", "given: PasswordSet, user: RecentUser,", "given: PasswordSet, user: CurrentUser,"}},
		edits{{"handlers_password.go", "user, _, err := a.recentUser(r)", "user, _, err := a.currentUser(r)"}},
	},
	{
		"a mailed token is stored as it is", `^reset/only-the-hash`, false,
		edits{{"security.py", "return base64url(sha256(token.encode()).digest())", "return token"}},
		edits{{"one_time.go", "return base64url.EncodeToString(sum[:])", "return token[:max(0, len(token)-0*len(sum))]"}},
	},
	{
		"a mailed token serves again", `^reset/a-token-is-good-once`, false,
		edits{
			{"one_time.py", "        delete(AuthToken)\n        .where(", "        select(AuthToken.email_key)\n        .where("},
			{"one_time.py", "        .returning(AuthToken.email_key)\n", ""},
		},
		edits{{"one_time.go", "DELETE FROM auth_tokens WHERE token_hash = $1", "UPDATE auth_tokens SET purpose = purpose WHERE token_hash = $1"}},
	},
	{
		"a mailed token does not grow old", `^reset/late`, false,
		edits{
			{"one_time.py", "            AuthToken.expires_at > utc_now(),\n            AuthToken.email_key == User.email_key,\n", "            AuthToken.email_key == User.email_key,\n"},
			{"one_time.py", "            AuthToken.expires_at > utc_now(),\n        )\n", "        )\n"},
		},
		edits{
			{"one_time.go", " AND auth_tokens.expires_at > clock_timestamp()\n", "\n"},
			{"one_time.go", " AND purpose = $2 AND expires_at > clock_timestamp()\n", " AND purpose = $2\n"},
		},
	},
	{
		"a reset leaves the other sessions", `^reset/sets-the-password`, false,
		edits{{"recovery.py", "ended = end_sessions(db, user.id)", "ended: list[str] = []"}},
		edits{{"recovery.go", `ended, err := endSessions(ctx, db, user.ID, "")`, `ended, err := []string(nil), error(nil)`}},
	},
	{
		"accounts without a password are mailed a reset", `^forgot/mails-nobody`, false,
		edits{{"recovery.py", "return user.hashed_password is not None", "return True"}},
		edits{{"recovery.go", "with := ` AND users.hashed_password IS NOT NULL`", "with := ``"}},
	},
	{
		"mailed links follow the Host that was asked", `^forgot/the-link-does-not`, false,
		edits{{"dependencies.py", "        return config.public_url\n", "        return str(request.base_url).rstrip(\"/\")\n"}},
		edits{{"auth.go", "return a.config.PublicURL", `return "http://" + r.Host`}},
	},
	{
		"anybody's session proves an address", `^verify/another-users`, false,
		edits{{"verification.py", "if user.id != owner.id:", "if user is None:"}},
		edits{{"verification.go", "if user.ID != owner.ID {", "if user == nil {"}},
	},
	{
		"who squats on an address stays when it is proved", `^verify/ends-every`, false,
		edits{{"verification.py", "return end_sessions(db, user.id, except_id=keep)", "return []"}},
		edits{{"verification.go", "return endSessions(ctx, db, user.ID, keepSession)", "_ = keepSession\n\treturn nil, nil"}},
	},
	{
		"X-Forwarded-For is believed from anybody", `^proxy/a-forged-address`, false,
		edits{{"clients.py", "if peer and _is_trusted(peer):", "if peer:"}},
		edits{{"client.go", "if c.trusts(peer) {", "if peer.IsValid() {"}},
	},
	{
		"of several lines of X-Forwarded-For the first counts", `^proxy/a-chain`, false,
		edits{{"clients.py", `",".join(request.headers.getlist("x-forwarded-for"))`, `request.headers.get("x-forwarded-for", "")`}},
		edits{{"client.go", `strings.Join(r.Header.Values("X-Forwarded-For"), ",")`, `r.Header.Get("X-Forwarded-For")`}},
	},
	{
		"guesses from one address are forgotten after a minute", `^throttle/one-address-over`, false,
		edits{{"throttle.py", "PER_IP = Bound(100, 15 * _MINUTE)", "PER_IP = Bound(100, _MINUTE)"}},
		edits{{"throttle.go", "from.network, limit: 100, seconds: hour / 4", "from.network, limit: 100, seconds: 60"}},
	},
	{
		"guesses at one account are forgotten after an hour", `^throttle/one-account-from-many`, false,
		edits{{"throttle.py", "PER_ACCOUNT = Bound(100, 24 * _HOUR)", "PER_ACCOUNT = Bound(100, _HOUR)"}},
		edits{{"throttle.go", "account, limit: 100, seconds: 24 * hour", "account, limit: 100, seconds: hour"}},
	},
	{
		"answers may be stored by caches", `^answers/are-not-stored`, false,
		edits{{"http.py", `response.headers["Cache-Control"] = "no-store"`, `response.headers["Cache-Control"] = "private"`}},
		edits{{"answers.go", `w.Header().Set("Cache-Control", "no-store")`, `w.Header().Set("Cache-Control", "private")`}},
	},
	{
		"bodies may be of any size", `^malformed/huge`, false,
		edits{{"http.py", "_BODY_MAX_BYTES = 64 * 1024\n", "_BODY_MAX_BYTES = 64 * 1024 * 1024\n"}},
		edits{{"body.go", "bodyMaxBytes = 64 << 10", "bodyMaxBytes = 64 << 20"}},
	},
	{
		"a field may be there twice", `^malformed/twofold`, false,
		edits{{"http.py", "    if len(fields) != len(pairs):\n", "    if not isinstance(fields, dict):\n"}},
		edits{{"json.go", " && hasUniqueKeys(numberDecoder(document), 0)", ""}},
	},
	{
		"a placeholder serves as the key", `^start/refused-with-a-placeholder`, false,
		edits{{"config.py", "if any(word in value.casefold() for word in _PLACEHOLDERS):", "if not value:"}},
		edits{{"config.go", "if isPlaceholder(value) {", `if value == "" {`}},
	},
	{
		"production takes a cheap hash", `^start/refused-with-a-cheap`, false,
		edits{{"config.py", `"BCRYPT_ROUNDS", 10 if production else 4, 31`, `"BCRYPT_ROUNDS", 4, 31`}},
		edits{{"config.go", "leastLength, leastRounds = 8, 10", "leastLength, leastRounds = 8, 4"}},
	},
	{
		"the expiry of a token is remembered with its signature", `^token/one-that-was-good`, false,
		edits{
			{"security.py", "    _require_current(claims)\n    return claims\n", "    return claims\n"},
			{"security.py", "    return TokenClaims.model_validate(_verify_signature(token))", "    claims = TokenClaims.model_validate(_verify_signature(token))\n    _require_current(claims)\n    return claims"},
		},
		edits{{"tokens.go", "\tif !t.accepts(claims) {\n", "\tif !known && !t.accepts(claims) {\n"}},
	},
	{
		"a refresh makes a sign-in recent", `^refresh/makes-no-login`, false,
		edits{{"sessions.py", "        refreshed_at=utc_now(),\n        last_seen_at", "        refreshed_at=utc_now(),\n        authenticated_at=utc_now(),\n        last_seen_at"}},
		edits{{"sessions.go", "refreshed_at = clock_timestamp(),\n\t\tlast_seen_at", "refreshed_at = clock_timestamp(),\n\t\tauthenticated_at = clock_timestamp(), last_seen_at"}},
	},
	{
		"the token before the newest outlives its session", `^refresh/no-refresh-outlives`, false,
		edits{{"sessions.py", `.where(AuthSession.id == bindparam("session_id"), *_IS_LIVE, User.is_active)`, `.where(AuthSession.id == bindparam("session_id"), User.is_active)`}},
		edits{{"store.go", "selectSession+live", "selectSession"}},
	},
	{
		"of two first passwords at once the later one stays", `^set/is-409`, false,
		edits{{"account.py", "    if user is None or user.hashed_password is not None:\n", "    if user is None:\n"}},
		edits{{"account.go", " || (err == nil && now.hashedPassword != nil)", ""}},
	},
	{
		"the length of a password is counted before it is composed", `^password/at-least`, false,
		edits{{"passwords.py", "    if len(nfc(password)) <", "    if len(password) <"}},
		edits{{"passwords.go", "utf8.RuneCountInString(norm.NFC.String(password)) <", "utf8.RuneCountInString(password) <"}},
	},
	{
		"a hash of another cost tells that there is an account", `^timing/inactive`, false,
		edits{{"passwords.py", "range(int(known[1]), config.bcrypt_rounds)", "range(int(known[1]), 4)"}},
		edits{{"passwords.go", "for ; cheaper < cost; cheaper++ {", "for ; cheaper < 4; cheaper++ {"}},
	},
	{
		"registrations hash as many passwords at once as there are", `^load/hashing-is-bounded`, false,
		edits{{"service.py", "    hashed = await in_hash_queue(partial(hash_password, password))\n    try:", "    from anyio import to_thread\n\n    hashed = await to_thread.run_sync(partial(hash_password, password))\n    try:"}},
		edits{{"register.go", "hashed, err := a.hash(ctx, password)", "hashed, err := hashPassword(password, a.config.BcryptRounds)"}},
	},
	{
		"a domain in ASCII is another one at a sign-in", `^identity/email-is-unique-in`, false,
		edits{{"identity.py", "return identity_key(normalize_email(identifier))", "return identity_key(identifier)"}},
		edits{{"identity.go", "\t\t\tidentifier = email\n", "\t\t\t_ = email\n"}},
	},
	{
		"who is sent away is told to come back in a second", `^throttle/one-account-from-one`, false,
		edits{{"throttle.py", "return max(1, int((row.expires_at - row.now).total_seconds()) + 1)", "return 1"}},
		edits{{"throttle.go", "max(1, int(secondsLeft)+1)", "min(1, int(secondsLeft)+1)"}},
	},
	{
		"tokens of mailed links are not counted beside a password", `^throttle/bad-tokens`, false,
		edits{{"verification.py", "    attempt = await write(throttle.count_attempt, \"verify\", client=client)\n    owner", "    attempt = throttle.Attempt(None, ())\n    owner"}},
		edits{{"verification_password.go", "\tcounted, err := a.countAlone(ctx, \"verify\", from)\n\tif err != nil {\n\t\treturn err\n\t}\n", "\tvar counted attempt\n"}},
	},
	{
		"all IPv4 addresses that come as IPv6 are one", `^proxy/an-ipv6`, false,
		edits{{"clients.py", `getattr(address, "ipv4_mapped", None) or address`, "address"}},
		edits{{"client.go", `address.Unmap().WithZone("")`, `address.WithZone("")`}},
	},
	{
		"an answer without a body may be stored by caches", `^logout/ends-`, false,
		edits{{"http.py", "            response.headers[\"Cache-Control\"] = \"no-store\"\n", "            if response.status_code != status.HTTP_204_NO_CONTENT:\n                response.headers[\"Cache-Control\"] = \"no-store\"\n"}},
		edits{{"failures.go", "\tw.Header().Set(\"Cache-Control\", \"no-store\")\n", ""}},
	},
	{
		"all tokens of a session have one id", `^token/header-and-claims`, false,
		edits{{"security.py", `"jti": base64url(secrets.token_bytes(16)),`, `"jti": session_id,`}},
		edits{{"tokens.go", `"jti": randomText(16),`, `"jti": sessionID,`}},
	},
}

// Defects of the session that a browser holds.
var cookieMutants = []mutant{
	{
		"scripts can read the session cookie", `^cookie/has-the-flags`, false,
		edits{{"cookies.py", "        httponly=True,\n", ""}},
		edits{{"cookies.go", "HttpOnly: true, ", ""}},
	},
	{
		"the session cookie goes with requests of other sites", `^cookie/has-the-flags`, false,
		edits{{"cookies.py", `samesite="lax",`, "samesite=None,"}},
		edits{{"cookies.go", "SameSite: http.SameSiteLaxMode, ", ""}},
	},
	{
		"production sends the session cookie in clear", `^cookie/in-production`, false,
		edits{{"cookies.py", "secure=config.production,", "secure=False,"}},
		edits{{"cookies.go", ", Secure: a.config.production(),", ","}},
	},
	{
		"pages of other sites may act by the cookie", `^cross-site/unsafe`, true,
		edits{{"cookies.py", "if not _is_from_here(request):", "if request is None:"}},
		edits{{"cookies.go", "if unsafe && unknown || a.origins.Check(r) != nil {", "if unsafe && unknown {"}},
	},
	{
		"a request that does not say where it comes from may act by the cookie", `^cross-site/unsafe`, false,
		edits{{"cookies.py", "return is_same and not config.public_url", "return not origin or (is_same and not config.public_url)"}},
		edits{{"cookies.go", "if unsafe && unknown || a.origins", "if unsafe && unknown && r == nil || a.origins"}},
	},
	{
		"a sign-in keeps the cookie of before", `^oauth/a-planted-session`, false,
		edits{{"sessions.py", "method=method, client=client)\n    cookie = new_one_time_token()\n", "method=method, client=client)\n    cookie = former or new_one_time_token()\n"}},
		edits{{"cookies.go", "cookie := randomText(32)\n", "cookie := randomText(32)\n\tif before != \"\" {\n\t\tcookie = before\n\t}\n"}},
	},
	{
		"a session's id is its cookie", `^cookie/nothing-else`, false,
		edits{{"sessions.py", "method=method, client=client)\n    cookie = new_one_time_token()\n", "method=method, client=client)\n    cookie = session.id\n"}},
		edits{{"cookies.go", "cookie := randomText(32)\n", "cookie := sessionID\n"}},
	},
	{
		"the cookie is stored as it is", `^cookie/only-its-hash`, false,
		edits{
			{"sessions.py", "session.cookie_hash = hash_one_time_token(cookie)", "session.cookie_hash = cookie"},
			{"sessions.py", `{"cookie_hash": hash_one_time_token(cookie)}`, `{"cookie_hash": cookie}`},
		},
		edits{
			{"cookies.go", "hashOneTime(cookie), sessionID)", "cookie, sessionID)"},
			{"cookies.go", "row(ctx, hashOneTime(cookie))", "row(ctx, cookie)"},
		},
	},
	{
		"a session by cookie never ends", `^cookie/(an-idle|use-does-not)`, false,
		edits{{"sessions.py", `bindparam("cookie_hash"), *_IS_LIVE, User.is_active`, `bindparam("cookie_hash"), User.is_active`}},
		edits{{"store.go", "selectCookieUser+live", "selectCookieUser"}},
	},
	{
		"a cookie counts beside another credential", `^cookie/an-authorization-header`, false,
		edits{{"dependencies.py", "        if header is None:\n", "        if not (header or \"\").startswith(\"Bearer \"):\n"}},
		edits{{"cookies.go", `if r.Header.Get("Authorization") != "" {`, `if bearer(r.Header.Get("Authorization")) != "" {`}},
	},
	{
		"a link of another site signs people out", `^logout/another-site`, false,
		edits{{"sign_out.py", "if not _is_navigation(request):", "if request is None:"}},
		edits{{"logout.go", "if !isOwnNavigation(r) {", "if r == nil {"}},
	},
	{
		"an old sign-in can be moved to a cookie", `^page/only-a-recent`, false,
		edits{{"ui_router.py", "    await require_recent_login(user, claims)\n", ""}},
		edits{{"page.go", "_, claims, err := a.recentUser(r)", "_, claims, err := a.currentUser(r)"}},
	},
	{
		"refresh tokens outlive the move to a cookie", `^page/a-session-becomes`, false,
		edits{{"sessions.py", "cookie_hash=hash_one_time_token(cookie), salt=new_salt())", "cookie_hash=hash_one_time_token(cookie))"}},
		edits{{"page.go", "SET salt = $1 WHERE", "SET salt = coalesce(salt, $1) WHERE"}},
	},
	{
		"the use of a cookie makes a sign-in recent", `^cookie/use-makes-no-login`, false,
		edits{{"sessions.py", "last_seen_at=utc_now(), expires_at=", "last_seen_at=utc_now(), authenticated_at=utc_now(), expires_at="}},
		edits{{"cookies.go", "UPDATE auth_sessions SET last_seen_at = clock_timestamp(),", "UPDATE auth_sessions SET last_seen_at = clock_timestamp(), authenticated_at = clock_timestamp(),"}},
	},
	{
		"a sign-out leads where its address says", `^logout/leads-nowhere`, false,
		edits{{"sign_out.py", "status_code=status.HTTP_303_SEE_OTHER, headers={\"Location\": \"/\"}\n    )\n    drop", "status_code=status.HTTP_303_SEE_OTHER,\n        headers={\"Location\": request.query_params.get(\"next\", \"/\")},\n    )\n    drop"}},
		edits{{"logout.go", "\treturn redirect(w, \"/\", http.StatusSeeOther)\n}\n\nfunc isOwn", "\tif next := r.URL.Query().Get(\"next\"); next != \"\" {\n\t\treturn redirect(w, next, http.StatusSeeOther)\n\t}\n\treturn redirect(w, \"/\", http.StatusSeeOther)\n}\n\nfunc isOwn"}},
	},
}
