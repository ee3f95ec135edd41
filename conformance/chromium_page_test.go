package conformance_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"fastman/conformance"
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
			env := inDevelopment(app, newProviders(t, whole))
			env["PASSKEY_RP_ID"], env["PASSKEY_ORIGIN"] = "localhost", "http://localhost:{port}"
			env["AUTH_PUBLIC_URL"], env["PASSKEY_EMAIL_RECOVERY"] = "http://localhost:{port}", "true"
			server := app.Boot(t, env)
			p := visitor{window{t, openChromium(t, program), server, name + "-page"}, mails, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
			p.prepare()
			p.usesThePage()
		})
	}
}

// visitor is somebody at the page.
type visitor struct {
	window
	mails *conformance.Mailbox
	app   string // its address
}

const visitorEmail = "visitor@example.com"

// prepare notes what a page must not do: break its own policy, or throw.
func (p visitor) prepare() {
	p.t.Helper()
	note := `window.faults = [];
		addEventListener("securitypolicyviolation", (e) => faults.push("policy: " + e.violatedDirective + " " + e.blockedURI));
		addEventListener("error", (e) => faults.push("error: " + e.message));
		addEventListener("unhandledrejection", (e) => faults.push("rejection: " + e.reason));`
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: note}); err != nil {
		p.t.Fatal(err)
	}
	if _, err := chromedp.Call(p.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		p.t.Fatal(err)
	}
}

func (p visitor) usesThePage() {
	phone := p.plugIn(true)
	p.open(p.app + "/auth/ui")
	p.shows("signin")
	p.pictures("signin")

	p.press(`a[href="#register"]`)
	p.shows("register")
	p.pictures("register")
	p.fill("#register-email", visitorEmail)
	p.press("#register .passkey-way")
	p.shows("account")
	p.reads("#account-email", visitorEmail)
	p.reads("#passkeys", "Chrome, Linux")
	p.pictures("account")

	p.press("#signout")
	p.says("You are signed out.")
	phone.unplug()
	_ = phone
}

// device is an authenticator that the browser plays.
type device struct {
	p  visitor
	id webauthn.AuthenticatorID
}

// plugIn adds a device with a screen lock of its own, which is open or not.
func (p visitor) plugIn(verified bool) device {
	p.t.Helper()
	added, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
		IsUserVerified: verified, AutomaticPresenceSimulation: true, DefaultBackupEligibility: true, DefaultBackupState: true,
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	return device{p, added.AuthenticatorID}
}

func (d device) unplug() {
	d.p.t.Helper()
	if _, err := chromedp.Call(d.p.ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: d.id}); err != nil {
		d.p.t.Fatal(err)
	}
}

// press clicks what stays on the page.
func (p visitor) press(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
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
	p.until(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf("[...document.querySelectorAll(%s)].some((e) => e.innerText.includes(%s))", quoted(selector), quoted(text)))
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
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
		if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
			p.t.Fatal(err)
		}
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

var _ = cmp.Or[string]
var _ runtime.Timestamp
