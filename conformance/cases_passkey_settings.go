package conformance

import (
	"net/http"

	"fastman/internal/feature"
)

var passkeySettingsCases = []Case{
	{
		Name: "passkey-settings/unsafe-values-stop-the-start", Section: "passkey: Origins and RP id exactly those of the settings",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 5.4.2"}, Needs: []Need{NeedBoot}, Run: passkeyRefusedStarts,
	},
	{
		Name: "passkey-settings/are-really-used", Section: "passkey: Origins and RP id exactly those of the settings",
		Type: feature.Passkey, RFC: []string{"WebAuthn L3 5.4.2"}, Needs: []Need{NeedBoot}, Run: passkeySettingsUsed,
	},
	{
		Name: "passkey-settings/production-on-localhost-is-warned-of", Section: "passkey: Origins and RP id exactly those of the settings",
		Type: feature.Passkey, Needs: []Need{NeedBoot}, Run: passkeyLocalProduction,
	},
}

func passkeyRefusedStarts(t *T) {
	const noOrigins, notOurs = "PASSKEY_ORIGIN is not a list of origins", "PASSKEY_ORIGIN does not belong to PASSKEY_RP_ID"
	for origin, text := range map[string]string{
		"app.example": noOrigins, "https://app.example/path": noOrigins, "https://app.example https://www.app.example": noOrigins,
		"https://evil.example": notOurs, "https://app.example,https://app.example.evil.example": notOurs, "https://notapp.example": notOurs,
	} {
		t.refuses("PASSKEY_ORIGIN="+origin, map[string]string{"PASSKEY_ORIGIN": origin}, text)
	}
	t.refuses("PASSKEY_EMAIL_RECOVERY=maybe", map[string]string{"PASSKEY_EMAIL_RECOVERY": "maybe"}, "PASSKEY_EMAIL_RECOVERY")
}

func passkeySettingsUsed(t *T) {
	app := t.boot(map[string]string{
		"PASSKEY_RP_ID": "localhost", "PASSKEY_RP_NAME": "Another name", "PASSKEY_ORIGIN": "http://localhost:8000,android:apk-key-hash:" + newVerifier()[:43],
	})
	email := newAccount().email
	o := app.offer(registerOptions(email))
	if rp := dig(o.fields, "rp"); rp["id"] != "localhost" || rp["name"] != "Another name" {
		t.Errorf("the options are of the party %v", rp)
	}
	there := func(c *ceremony) { c.rp, c.client["origin"] = "localhost", "http://localhost:8000" }
	k := newPasskey(algES256)
	app.send(registerVerify(email, k.create(o.challenge, o.handle, there))).expect("a registration there", http.StatusCreated)
	app.send(app.presenting(k, there)).expect("a sign-in there", http.StatusOK)
	app.send(app.presenting(k)).refused("a sign-in at the address of another app", http.StatusBadRequest, notVerified)
	t.send(t.presenting(k, there)).refused("a sign-in there, with this app", http.StatusBadRequest, notVerified)
}

func passkeyLocalProduction(t *T) {
	env := t.inProduction("PASSKEY_RP_ID", "localhost", "PASSKEY_ORIGIN", "http://localhost:8000")
	app := t.boot(env)
	app.logs("PASSKEY_RP_ID")
	app.logs("PASSKEY_ORIGIN")
	app.send(get("/me")).expect("/me meanwhile", http.StatusUnauthorized)
}
