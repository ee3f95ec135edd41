package verify_test

// Defects of passkeys, and of the way back for who has lost them.
var passkeyMutants = []mutant{
	{
		"a challenge serves again", `^passkey/an-(assertion|attestation)-serves-once`, false,
		edits{{"passkey_challenges.py", "return take_challenge(db, hash_one_time_token(challenge), purpose)", "return db.query(AuthChallenge).filter(AuthChallenge.id == hash_one_time_token(challenge), AuthChallenge.purpose == purpose, AuthChallenge.expires_at > utc_now()).one_or_none()"}},
		edits{{"passkey.go", "userID, found, err = of.take(ctx, db, secret, \"\", data)\n", "userID, found, err = of.take(ctx, db, secret, \"\", data)\n\t\tif found {\n\t\t\terr = of.issue(ctx, db, secret, holder{userID: userID}, data)\n\t\t}\n"}},
	},
	{
		"a challenge does not grow old", `^passkey/an-old-challenge`, false,
		edits{{"challenges.py", "        AuthChallenge.expires_at > utc_now(),\n", ""}},
		edits{{"challenges.go", "AND purpose = $2 AND expires_at > clock_timestamp()", "AND purpose = $2"}},
	},
	{
		"a challenge of one address serves another", `^passkey/a-challenge-is-of-one`, false,
		edits{{"passkey_challenges.py", "if row is None or row.email_key != identity_key(email):", "if row is None:"}},
		edits{{"passkey.go", "if identityKey(begun.Email) != identityKey(email) {", `if email == "" {`}},
	},
	{
		"a challenge of one ceremony serves another", `^passkey/a-challenge-is-of-one`, false,
		edits{{"challenges.py", "        AuthChallenge.purpose == purpose,\n", "        AuthChallenge.purpose != \"\",\n"}},
		edits{{"challenges.go", "WHERE id = $1 AND purpose = $2 AND", "WHERE id = $1 AND $2 <> '' AND"}},
	},
	{
		"a challenge of one session serves another", `^passkey/a-further-one-needs-the-session`, false,
		edits{{"passkey_registration.py", "return found == (attempt.user_id, attempt.session)", "return found is not None and found[0] == attempt.user_id"}},
		edits{{"passkey.go", " || by.sessionID != begun.Session", ""}},
	},
	{
		"the signature is not verified", `^passkey/forged-assertions`, true,
		edits{{"passkey_ceremony.py", `    with _refusing("signature"):`, `    with __import__("contextlib").suppress(Exception):`}},
		edits{{"passkey_verify.go", "err != nil || !good {", "err != nil && good {"}},
	},
	{
		"a page of any origin may ask", `^passkey/forged-assertions`, false,
		edits{
			{"passkey_ceremony.py", "        or fields.get(\"origin\") not in passkey_config.origins\n", ""},
			{"passkey_ceremony.py", "expected_origin=list(passkey_config.origins),\n            credential_public_key", "expected_origin=asked.fields.get(\"origin\"),\n            credential_public_key"},
		},
		edits{{"passkey_verify.go", "!slices.Contains(c.PasskeyOrigins, origin)", `origin == ""`}},
	},
	{
		"a page of another site may frame ours", `^passkey/forged-assertions`, false,
		edits{{"passkey_ceremony.py", "        or fields.get(\"crossOrigin\", False) is not False\n", ""}},
		edits{{"passkey_verify.go", "isSaid && crossOrigin != false", "isSaid && crossOrigin == nil"}},
	},
	{
		"nobody need be recognised", `^passkey/forged-assertions`, false,
		edits{
			{"passkey_ceremony.py", "if not (flags.up and flags.uv)", "if not flags.up"},
			{"passkey_ceremony.py", "credential_current_sign_count=0,\n            require_user_verification=True,", "credential_current_sign_count=0,\n            require_user_verification=False,"},
		},
		edits{{"passkey_verify.go", " || !flags.HasUserVerified()", ""}},
	},
	{
		"the handle of an account is not compared", `^passkey/forged-assertions`, false,
		edits{{"service.py", "if given.response.user_handle != user.webauthn_handle:", "if user.webauthn_handle is None:"}},
		edits{{"passkey_verify.go", ` || shown.userHandle != known.handle`, ""}},
	},
	{
		"a counter may go back", `^passkey/a-counter-that-goes-back`, false,
		edits{{"passkey_ceremony.py", "if not _moves_on(passkey.sign_count, signed.sign_count):", "if signed.sign_count < 0:"}},
		edits{{"passkey.go", "if isCopied(known, used) {", "if used.signCount < 0 {"}},
	},
	{
		"a passkey may become one that is synced", `^passkey/backup-is-followed`, false,
		edits{{"passkey_ceremony.py", "if signed.flags.be != passkey.backup_eligible:", "if passkey.backup_eligible is None:"}},
		edits{{"passkey_verify.go", "if data.Flags.HasBackupEligible() != known.backupEligible {", `if known.id == "" {`}},
	},
	{
		"RSA keys may be short", `^passkey/keys-that-are-none`, false,
		edits{{"passkey_ceremony.py", "_RSA_BITS = range(2048, 4097)", "_RSA_BITS = range(1, 99_999)"}},
		edits{{"passkey_verify.go", "rsaMinBits <= bits && bits <= rsaMaxBits", "bits > 0"}},
	},
	{
		"a credential id that is taken changes hands", `^passkey/an-id-that-is-taken`, false,
		edits{
			{"passkey_registration.py", "if is_known(db, new.id):", "if not new.id:"},
			{"passkeys.py", "    db.add(passkey)\n", "    db.merge(passkey)\n"},
		},
		edits{{"passkey_credentials.go", "ON CONFLICT DO NOTHING RETURNING id", "ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, public_key = excluded.public_key RETURNING id"}},
	},
	{
		"an account is entered by registering its address", `^passkey/somebodys-address`, false,
		edits{{"passkey_registration.py", "        db.expunge(owner)  # as it was read, whatever is rolled back\n        raise _AddressTaken(owner)\n", "        owner.webauthn_handle = attempt.handle\n        _insert(db, owner, given, new, client)\n        return owner, open_session(db, owner, method=\"passkey\", client=client)\n"}},
		edits{{"passkey.go", "\t\treturn misfit{reason: \"foreign\"}\n", "\t\tdone.user, err = db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1`, identityKey(begun.Email))\n"}},
	},
	{
		"another's passkey can be changed", `^passkey/another-users-is-404`, false,
		edits{{"passkeys.py", "if found is None or found[1].id != user_id:", "if found is None:"}},
		edits{{"passkey_credentials.go", "WHERE id = $2 AND user_id = $3 RETURNING", "WHERE id = $2 AND $3 > 0 RETURNING"}},
	},
	{
		"a further passkey needs no recent sign-in", `^passkey/a-further-one-needs-a-recent`, false,
		edits{{"passkey_router.py", "if not await read(is_recent, claims):", "if not claims.iss:"}},
		edits{{"passkey_handlers.go", "err = a.requireRecent(r.Context(), &Claims{SessionID: by.sessionID})", "err = r.Context().Err()"}},
	},
	{
		"removing a passkey needs no recent sign-in", `^passkey/removing-needs-a-recent`, false,
		edits{{"passkey_router.py", "        await require_recent_login(user, claims)\n", ""}},
		edits{{"passkey_handlers.go", "if err := a.requireRecent(r.Context(), claims); err != nil {", "if err := r.Context().Err(); err != nil {"}},
	},
	{
		"the last passkey can be removed", `^passkey/the-last-one-stays`, false,
		edits{{"passkeys.py", "    require_way_in(db, user)\n", ""}},
		edits{{"passkey_credentials.go", "if err := a.wantWayIn(ctx, db, now); err != nil {", "if err := ctx.Err(); err != nil {"}},
	},
	{
		"a removed passkey leaves the sessions that it has opened", `^passkey/removing-ends`, false,
		edits{{"passkeys.py", `return end_sessions_of(db, user_id, method="passkey", except_id=session_id)`, "return []"}},
		edits{{"passkey_credentials.go", "method = $2 AND id <> $3 RETURNING id", "method = $2 AND id <> $3 AND method IS NULL RETURNING id"}},
	},
	{
		"options are not bounded", `^passkey/options-are-bounded`, false,
		edits{{"service.py", "    throttle.count_attempt(db, \"passkey\", client=client)\n    return open_authentication(db)\n", "    return open_authentication(db)\n"}},
		edits{{"passkey.go", "if _, err := a.countAttempt(ctx, db, \"passkey\", from, \"\"); err != nil {\n\t\t\treturn err\n\t\t}\n\t\treturn authenticationChallenge", "if err := ctx.Err(); err != nil {\n\t\t\treturn err\n\t\t}\n\t\treturn authenticationChallenge"}},
	},
	{
		"a recovery code serves again", `^recovery/a-code-serves-once`, false,
		edits{{"passkey_recovery.py", "db.scalar(delete(AuthToken).where(*its_row).returning(AuthToken.user_id))", "db.scalar(select(AuthToken.user_id).where(*its_row))"}},
		edits{{"passkey_recovery.go", "DELETE FROM auth_tokens WHERE token_hash = $1", "UPDATE auth_tokens SET purpose = purpose WHERE token_hash = $1"}},
	},
	{
		"recovery codes are stored as they are", `^recovery/only-hashes`, false,
		edits{
			{"passkey_recovery.py", "token_hash=hash_one_time_token(code),", "token_hash=code,"},
			{"passkey_recovery.py", "AuthToken.token_hash == hash_one_time_token(code),", "AuthToken.token_hash == code,"},
		},
		edits{
			{"passkey_recovery.go", "hashOneTime(code), fmt.Sprintf(", "code, fmt.Sprintf("},
			{"passkey_recovery.go", "hashOneTime(code), id)", "code, id)"},
		},
	},
	{
		"guesses at recovery codes are not bounded", `^recovery/guesses-are-bounded`, false,
		edits{{"passkey_recovery.py", `"recovery", client=client, account=account)`, `"recovery", client=client)`}},
		edits{{"passkey_recovery.go", `a.countAttempt(ctx, db, "recovery", from, account)`, `a.countAttempt(ctx, db, "recovery", from, account[:0])`}},
	},
	{
		"a recovery leaves the other sessions", `^recovery/a-code-signs-in`, false,
		edits{{"passkey_recovery.py", "ended = end_sessions(db, user.id)", "ended: list[str] = []"}},
		edits{{"passkey_recovery.go", `if done.ended, err = endSessions(ctx, db, done.user.ID, ""); err != nil {`, "if err := ctx.Err(); err != nil {"}},
	},
	{
		"recovery codes need no recent sign-in", `^recovery/codes-need-a-recent`, false,
		edits{{"passkey_router.py", "async def make_recovery_codes(user: RecentUser,", "async def make_recovery_codes(user: CurrentUser,"}},
		edits{{"passkey_handlers.go", "user, _, err := a.recentUser(r)", "user, _, err := a.currentUser(r)"}},
	},
	{
		"recovery by mail cannot be switched off", `^recovery/by-mail-is-off`, false,
		edits{{"passkey_router.py", "if not passkey_config.email_recovery:", "if passkey_config is None:"}},
		edits{{"passkey_handlers.go", "if !a.config.PasskeyEmailRecovery {", `if a.config.PasskeyRPID == "" {`}},
	},
	{
		"recovery is mailed to addresses that nobody has proved", `^recovery/only-who-can`, false,
		edits{{"passkey_recovery.py", "if user is None or not user.is_verified:", "if user is None:"}},
		edits{{"passkey_recovery.go", " AND users.email_verified_at IS NOT NULL", ""}},
	},
	{
		"verifying an address by a passkey leaves the password of before", `^passkey/verifying-by-its-session-takes`, false,
		edits{{"ownership.py", "        user.hashed_password = None\n", "        db.flush()\n"}},
		edits{{"ownership.go", "\tif err := dropPasswordBeside(ctx, db, user, method); err != nil {\n\t\treturn err\n\t}\n", ""}},
	},
	{
		"tokens of recovery links are not counted", `^recovery/guesses-are-bounded`, false,
		edits{{"passkey_recovery.py", "    attempt = await write(throttle.count_attempt, \"recovery\", client=client)\n", "    attempt = throttle.Attempt(None, ())\n"}},
		edits{{"passkey_recovery.go", "\tcounted, err := a.countAlone(ctx, \"recovery\", from)\n\tif err != nil {\n\t\treturn session{}, err\n\t}\n", "\tvar counted attempt\n"}},
	},
	{
		"guesses at recovery codes are not logged", `^recovery/a-code-signs-in`, false,
		edits{{"passkey_recovery.py", "        _report_failed(user_id, client)\n", ""}},
		edits{{"passkey_recovery.go", "\t\ta.logFailedRecovery(ctx, meant, from)\n", ""}},
	},
}
