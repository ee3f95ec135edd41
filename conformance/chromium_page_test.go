package conformance_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"fastman/conformance"
	"fastman/conformance/standin"
)

// Somebody works with the page of passkeys in Chromium, whose authenticator is played by
// the browser itself: an account, a second device, signing in by button, autofill and
// password, sessions, recovery, and all that goes wrong on the way.
func TestPageWithChromium(t *testing.T) {
	program := os.Getenv("TEST_CHROMIUM")
	if program == "" {
		t.Skip("TEST_CHROMIUM names no browser")
	}
	for name, app := range map[string]project{"fastapi": template(t, "sqlite:///./app.db"), "go": goTemplate(t, "sqlite:///./app.db")} {
		t.Run(name, func(t *testing.T) {
			mails := newMailbox(t, app)
			providers := newProviders(t, whole)
			env := inDevelopment(app, providers)
			env["PASSKEY_RP_ID"], env["PASSKEY_ORIGIN"] = "localhost", "http://localhost:{port}"
			env["AUTH_PUBLIC_URL"], env["PASSKEY_EMAIL_RECOVERY"] = "http://localhost:{port}", "true"
			server := app.Boot(t, env)
			address := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
			providers.AllowCallbacks(address + "/auth")
			p := visitor{window{t, openChromium(t, program), server, name + "-page"}, mails, providers, openSQLite(t, app), address}
			p.prepare()
			p.usesThePage()
		})
	}
}

// visitor is somebody at the page.
type visitor struct {
	window
	mails     *conformance.Mailbox
	providers *standin.Providers
	db        *sql.DB
	app       string // its address
}

const visitorEmail = "visitor@example.com"

// prepare notes what a page must not do: break its own policy, or throw.
func (p visitor) prepare() {
	p.t.Helper()
	note := `window.faults = [];
		addEventListener("securitypolicyviolation", (e) => faults.push("policy: " + e.violatedDirective + " " + e.blockedURI));
		addEventListener("error", (e) => faults.push("error: " + e.message));
		addEventListener("unhandledrejection", (e) => faults.push("rejection: " + e.reason));`
	order(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: note})
	order(p, webauthn.Enable, webauthn.EnableParams{})
}

func (p visitor) usesThePage() {
	phone := p.plugIn(webauthn.AuthenticatorTransportInternal)
	p.registers()
	p.isRefused(phone)
	p.signsInByAutofill(phone)
	p.signsInWithAnOldBrowser()
	p.managesPasskeys(phone)
	p.confirmsTheAddress(phone)
	p.usesAPassword()
	phone.isTouched(true)
	p.confirmsWhoItIs()
	p.connectsAProvider()
	phone.isTouched(false)
	p.getsBackIn()
	p.endsSessions()
}

func (p visitor) registers() {
	p.open(p.app + "/auth/ui")
	p.shows("signin")
	p.pictures("signin")
	p.press(`#signin a[href="#register"]`)
	p.shows("register")
	p.pictures("register")
	p.fill("#register-email", visitorEmail)
	p.press("#register .passkey-way")
	p.shows("account")
	p.reads("#account-email", visitorEmail)
	p.reads("#passkeys", "Chrome, Linux")
	p.pictures("account")
	p.press("#passkey-add")
	p.says("This device has a passkey for that account already.")
	p.pictures("problem")
}

// isRefused: without the user's finger or PIN, by the browser or by the app; when nobody
// answers; when the app is away.
func (p visitor) isRefused(phone device) {
	p.signsOutOf(noAutofill)
	phone.isUnlocked(false)
	p.press("#signin-passkey")
	p.says("That was cancelled, and nothing has changed.")
	phone.isUnlocked(true)

	phone.lies(webauthn.SetResponseOverrideBitsParams{IsBadUV: yes()})
	p.press("#signin-passkey")
	p.says("This passkey is not known here.")
	phone.lies(webauthn.SetResponseOverrideBitsParams{IsBogusSignature: yes()})
	p.press("#signin-passkey")
	p.says("This passkey is not known here.")
	phone.lies(webauthn.SetResponseOverrideBitsParams{})

	phone.isTouched(false)
	p.answersWith(`(options) => ({ ...options, timeout: 200 })`)
	p.press("#signin-passkey")
	p.says("That took too long.")
	p.answersWith(`() => { throw new TypeError("no network") }`)
	p.press("#signin-passkey")
	p.says("The server can’t be reached.")
}

// signsInByAutofill: the browser waits without being asked, until a passkey is chosen, which
// one that is played by Chromium is at once.
func (p visitor) signsInByAutofill(phone device) {
	p.open(p.app + "/auth/ui")
	p.shows("signin")
	p.answersWith(`(options) => { window.asked = (window.asked ?? 0) + 1; return { ...options, timeout: 200 }; }`)
	p.runs(`import("./static/passkey.js").then(({ authenticate }) => authenticate({ conditional: true, base: "." }))`)
	p.until("new options in place of those that grew old", `window.asked > 2`)
	phone.isTouched(true)
	p.open(p.app + "/auth/ui")
	p.shows("account")
}

// noAutofill is a browser of some years ago, as far as the page can tell.
const noAutofill = `delete PublicKeyCredential.isConditionalMediationAvailable`

// signsInWithAnOldBrowser: one without the functions that read and write JSON, too.
func (p visitor) signsInWithAnOldBrowser() {
	p.signsOutOf(noAutofill + `; delete PublicKeyCredential.parseCreationOptionsFromJSON;
		delete PublicKeyCredential.parseRequestOptionsFromJSON; delete PublicKeyCredential.prototype.toJSON`)
	p.press("#signin-passkey")
	p.shows("account")
}

func (p visitor) managesPasskeys(phone device) {
	phone.isTouched(false)
	key := p.plugIn(webauthn.AuthenticatorTransportUsb)
	p.press("#passkey-add")
	p.says("The passkey was added.")
	p.press("#passkeys li:nth-child(2) .rename")
	p.until("the dialog", `document.getElementById("rename").open`)
	p.fill("#rename-name", "A key on my ring")
	p.pictures("rename")
	p.press("#rename .primary")
	p.says("The passkey was renamed.")
	p.reads("#passkeys", "A key on my ring")

	p.press("#passkeys li:nth-child(2) .remove")
	p.reads("#remove-name", "A key on my ring")
	p.pictures("remove")
	p.press("#remove .quiet")
	p.press("#passkeys li:nth-child(2) .remove")
	p.press("#remove .danger")
	p.says("The passkey was removed.")
	key.unplug()
	phone.isTouched(true)
	p.press("#passkeys .remove")
	p.press("#remove .danger")
	p.says("It is your only way to sign in.")
}

func (p visitor) confirmsTheAddress(phone device) {
	phone.isTouched(false)
	p.press("#verify-request")
	p.says("A mail with a link is on its way.")
	p.follow("confirm your e-mail address")
	p.says("Your e-mail address is confirmed.")
	p.until("a confirmed address", `document.getElementById("unverified").hidden`)
}

func (p visitor) usesAPassword() {
	p.fill("#password-new", "password")
	p.press("#password-form button")
	p.says("That is one of the most common passwords.")
	p.fill("#password-new", "the first pass phrase")
	p.press("#password-form button")
	p.says("The password was saved.")
	p.fill("#password-current", "the first pass phrase")
	p.fill("#password-new", "the second pass phrase")
	p.press("#password-form button")
	p.says("The password was saved.")

	p.signsOutOf(noAutofill)
	p.fill("#signin-email", visitorEmail)
	p.fill("#signin-password", "the first pass phrase")
	p.press("#signin-form button:last-child")
	p.says("The e-mail address or the password is not right.")
	p.fill("#signin-password", "the second pass phrase")
	p.press("#signin-form button:last-child")
	p.shows("account")

	p.signsOut()
	p.press(`#signin a[href="#recover"]`)
	p.shows("recover")
	p.pictures("recover")
	p.fill("#recover-address", visitorEmail)
	p.press(`#recover-mail button[value="forgot"]`)
	p.says("a mail with a link is on its way")
	p.follow("choose a new password")
	p.shows("reset")
	p.pictures("reset")
	p.fill("#reset-new", "the third pass phrase")
	p.press("#reset-form button")
	p.says("The password was saved. Sign in with it.")
	p.fill("#signin-email", visitorEmail)
	p.fill("#signin-password", "the third pass phrase")
	p.press("#signin-form button:last-child")
	p.shows("account")
}

// confirmsWhoItIs: some time after the sign-in, with the password or with a passkey.
func (p visitor) confirmsWhoItIs() {
	for confirm, with := range map[string]func(){
		"#again-passkey": func() {},
		"#again-form button:last-child": func() {
			p.fill("#again-password", "the third pass phrase")
		},
	} {
		p.agesSessions()
		p.press("#codes-make")
		p.reads("#again-email", visitorEmail)
		p.pictures("again")
		with()
		p.press(confirm)
		p.until("recovery codes", `document.querySelectorAll("#codes:not([hidden]) code").length === 10`)
		p.open(p.app + "/auth/ui")
		p.shows("account")
	}
	p.agesSessions()
	p.press("#codes-make")
	p.press("#again .quiet")
	p.says("That was cancelled, and nothing has changed.")
	p.agesSessions()
}

func (p visitor) connectsAProvider() {
	google := p.providers.Named("google")
	account := google.Put(standin.Account{Email: "visitor-elsewhere@example.com", Verified: true, Name: "Visitor"})
	p.press("[data-provider=google] .link")
	p.press("#again-passkey")
	p.until("the provider's page", `document.querySelector(".banner") !== null`)
	p.click(`button[value="` + account.Subject + `"]`)
	p.shows("account")
	p.until("a linked identity", `document.querySelector("[data-provider=google] .link").hidden`)
	p.press("[data-provider=google] .unlink")
	p.says("That way to sign in was disconnected.")
}

// getsBackIn by a recovery code, once, and by a mailed link.
func (p visitor) getsBackIn() {
	p.press("#codes-make")
	p.reads("#codes", "Print them")
	p.pictures("codes")
	code := p.text("#codes code")
	p.signsOutOf(noAutofill)
	refused := "The address or the code is not right."
	for _, answer := range []string{"You are in. Add a passkey now", refused} {
		p.press(`#signin a[href="#recover"]`)
		p.fill("#recover-email", visitorEmail)
		p.fill("#recover-text", " "+strings.ToUpper(code)+" ")
		p.press("#recover-code button")
		p.says(answer)
		if answer != refused {
			p.signsOut()
		}
	}
	p.fill("#recover-address", visitorEmail)
	p.press(`#recover-mail button[value="recover"]`)
	p.says("a mail with a link is on its way")
	p.follow("recover your account")
	p.says("You are in. Add a passkey now")
}

func (p visitor) endsSessions() {
	p.signsInElsewhere()
	p.open(p.app + "/auth/ui")
	p.reads("#sessions", "curl")
	p.pictures("sessions")
	p.press("#sessions li:not(:has(.badge)) .end")
	p.says("The session was ended.")
	p.until("no other session", `document.querySelectorAll("#sessions li").length === 1`)
	p.signsInElsewhere()
	token := p.signsInElsewhere()
	p.open(p.app + "/auth/ui")
	p.press("#sessions-end")
	p.says("You are signed out everywhere else.")
	if status := p.status(http.MethodGet, "/me", token, ""); status != http.StatusUnauthorized {
		p.t.Errorf("another session after its end: %d", status)
	}
	p.status(http.MethodDelete, "/sessions", p.signsInElsewhere(), "")
	p.press("#codes-make")
	p.shows("signin")
}

// signsOut leaves the account, with the browser's own functions.
func (p visitor) signsOut() {
	p.t.Helper()
	p.press("#signout")
	p.says("You are signed out.")
}

// signsOutOf leaves the account for a page on which a script has run.
func (p visitor) signsOutOf(script string) {
	p.t.Helper()
	p.runs(script)
	p.signsOut()
}

func (p visitor) runs(script string) {
	p.t.Helper()
	ask(p.window, chromedp.Evaluate[chromedp.Void](script+"; undefined"))
}

// answersWith changes what the app's options are on the way to the page.
func (p visitor) answersWith(change string) {
	p.t.Helper()
	p.runs(`window.original ??= fetch; fetch = async (path, init) => {
		if (!path.endsWith("/options")) return original(path, init);
		return Response.json((` + change + `)(await (await original(path, init)).json()));
	}`)
}

var links = regexp.MustCompile(`(?m)^\S+/auth/ui#\S+`)

// follow opens the link of the newest mail, once it is there.
func (p visitor) follow(subject string) {
	p.t.Helper()
	for end := time.Now().Add(pageTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		mails := p.mails.To(visitorEmail)
		if len(mails) == 0 || !strings.Contains(mails[len(mails)-1].Subject, subject) {
			continue
		}
		link := links.FindString(mails[len(mails)-1].Text)
		if link == "" {
			p.t.Fatalf("the mail has no link to the page:\n%s", mails[len(mails)-1].Text)
		}
		p.open("about:blank") // or only the fragment would change
		p.open(link)
		return
	}
	p.t.Fatalf("no mail %q came", subject)
}

// agesSessions makes every sign-in an old one.
func (p visitor) agesSessions() {
	p.t.Helper()
	if _, err := p.db.Exec(`UPDATE auth_sessions SET authenticated_at = '2026-01-01 00:00:00.000000'`); err != nil {
		p.t.Fatal(err)
	}
}

// signsInElsewhere opens a session with another program.
func (p visitor) signsInElsewhere() (token string) {
	p.t.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	body := p.request(http.MethodPost, "/login", "", `{"username": "`+visitorEmail+`", "password": "the third pass phrase"}`)
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Token == "" {
		p.t.Fatalf("a sign-in with curl: %s", body)
	}
	return answer.Token
}

// device is an authenticator that the browser plays.
type device struct {
	p  visitor
	id webauthn.AuthenticatorID
}

// plugIn adds a device whose user unlocks and touches it at once.
func (p visitor) plugIn(transport webauthn.AuthenticatorTransport) device {
	p.t.Helper()
	added, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: transport, HasResidentKey: true, HasUserVerification: true,
		IsUserVerified: true, AutomaticPresenceSimulation: true, DefaultBackupEligibility: true, DefaultBackupState: true,
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	return device{p, added.AuthenticatorID}
}

func (d device) unplug() {
	d.p.t.Helper()
	order(d.p, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: d.id})
}

// isTouched is whether its user reacts at all.
func (d device) isTouched(on bool) {
	d.p.t.Helper()
	order(d.p, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: d.id, Enabled: on})
}

// isUnlocked is whether its user has the finger or the PIN.
func (d device) isUnlocked(on bool) {
	d.p.t.Helper()
	order(d.p, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id, IsUserVerified: on})
}

// lies makes it answer what is not so.
func (d device) lies(how webauthn.SetResponseOverrideBitsParams) {
	d.p.t.Helper()
	how.AuthenticatorID = d.id
	order(d.p, webauthn.SetResponseOverrideBits, how)
}

func yes() *bool { on := true; return &on }

// order is a command of the browser's protocol.
func order[P, R any](p visitor, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatal(err)
	}
}

// request asks the app as another program does, and status for what it says to that.
func (p visitor) request(method, path, token, body string) string {
	p.t.Helper()
	text, _ := p.exchange(method, path, token, body)
	return text
}

func (p visitor) status(method, path, token, body string) int {
	p.t.Helper()
	_, status := p.exchange(method, path, token, body)
	return status
}

func (p visitor) exchange(method, path, token, body string) (string, int) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.ctx, method, p.app+"/auth"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("User-Agent", "curl/8")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text), response.StatusCode
}

// press clicks what is seen, and is not at work: not by coordinates, as the status line moves the page.
func (p visitor) press(selector string) {
	p.t.Helper()
	element := `document.querySelector(` + quoted(selector) + `)`
	p.until(selector, element+`?.checkVisibility() && `+element+`.ariaBusy !== "true" || false`)
	p.runs(element + `.click()`)
}

func (p visitor) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.CSS(selector), text))
}

func (p visitor) do(step chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, end := context.WithTimeout(p.ctx, pageTime)
	defer end()
	if err := chromedp.Do(ctx, step); err != nil {
		p.t.Fatal(err)
	}
}

// shows waits for a view of the page.
func (p visitor) shows(view string) {
	p.t.Helper()
	p.until("the view "+view, `!document.getElementById("`+view+`").hidden`)
}

// says waits for a text of the status line.
func (p visitor) says(text string) { p.t.Helper(); p.reads(".status", text) }

// reads waits for a text within an element.
func (p visitor) reads(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf("[...document.querySelectorAll(%s)].some((e) => e.checkVisibility() && e.innerText.includes(%s))", quoted(selector), quoted(text)))
}

func quoted(text string) string {
	out, _ := json.Marshal(text) // of a string it never fails
	return string(out)
}

// until waits until an expression holds, and finds what the page did wrong meanwhile.
func (p visitor) until(what, expression string) {
	p.t.Helper()
	for end := time.Now().Add(pageTime); ; time.Sleep(20 * time.Millisecond) {
		holds := ask(p.window, chromedp.Evaluate[bool](expression))
		if faults := ask(p.window, chromedp.Evaluate[[]string](`window.faults`)); len(faults) > 0 {
			p.t.Fatalf("before %s the page had: %q", what, faults)
		}
		if holds {
			return
		}
		if time.Now().After(end) {
			p.picture("stuck")
			p.t.Fatalf("%s did not come; the page says %q", what, p.text("body"))
		}
	}
}

// pictures keeps what is seen in both themes, and on a narrow screen.
func (p visitor) pictures(of string) {
	p.t.Helper()
	if os.Getenv("TEST_SCREENSHOTS") == "" {
		return
	}
	for _, theme := range []string{"light", "dark"} {
		order(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
		p.wholePicture(of + "-" + theme)
	}
	p.do(chromedp.EmulateViewport(320, 640))
	p.wholePicture(of + "-narrow")
	p.do(chromedp.EmulateViewport(900, 700))
}

func (p visitor) wholePicture(of string) {
	p.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("%s/%s-%s.png", os.Getenv("TEST_SCREENSHOTS"), p.name, of), ask(p.window, chromedp.FullScreenshot(100)), 0o644); err != nil {
		p.t.Fatal(err)
	}
}
