package conformance_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fastman/conformance"
	"fastman/conformance/standin"
	"fastman/internal/testbed"
)

// Somebody signs in with Chromium: from the app to the provider's page, by a button
// there back into the app, past another site's link to the logout, and out again.
// TEST_CHROMIUM is the browser's program, which ./test installs where it can; into
// TEST_SCREENSHOTS go pictures of what was seen.
func TestSignInWithChromium(t *testing.T) {
	program := os.Getenv("TEST_CHROMIUM")
	if program == "" {
		t.Skip("TEST_CHROMIUM names no browser")
	}
	providers := newProviders(t, whole)
	for name, app := range map[string]project{"fastapi": template(t, "sqlite:///./app.db"), "go": goTemplate(t, "sqlite:///./app.db")} {
		server := app.Boot(t, inDevelopment(app, providers))
		providers.AllowCallbacks(server.URL + "/auth")
		for _, p := range providers.All() {
			t.Run(name+" "+p.Name, func(t *testing.T) {
				window{t, openChromium(t, program), server, name + "-" + p.Name}.signsIn(p)
			})
		}
	}
}

// inDevelopment are the settings of an app that is reached where it listens.
func inDevelopment(app project, providers *standin.Providers) map[string]string {
	env := conformance.Provided(whole, providers)
	delete(env, "AUTH_PUBLIC_URL")
	for name, value := range app.env {
		env[name] = value
	}
	env["ENVIRONMENT"] = "development"
	return env
}

// openChromium starts a browser with a profile of its own, without a window.
func openChromium(t *testing.T, program string, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, // root has none
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(900, 700))
	ctx, end := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as this first context
		t.Fatal(err)
	}
	return ctx
}

// window is a tab of the browser, and whom it looks at.
type window struct {
	t      *testing.T
	ctx    context.Context
	server *testbed.Server
	name   string
}

// pageTime is how long a page may take.
const pageTime = 30 * time.Second

func (w window) signsIn(p *standin.Provider) {
	account := p.Put(standin.Account{Email: "chromium-" + w.name + "@example.com", Verified: true, Name: "Chromium's account", Username: "chromium"})
	w.open(w.server.URL + "/auth/login/" + p.Name + "?next=/auth/me")
	if banner := w.text(".banner"); banner != "local stand-in, not a real provider" {
		w.t.Errorf("the banner of the provider's page is %q", banner)
	}
	w.picture("page")
	w.click(`button[value="` + account.Subject + `"]`)
	if email := w.me()["email"]; email != account.Email {
		w.t.Errorf("after the sign-in /auth/me is %v", email)
	}
	w.picture("signed-in")

	w.followLinkOfAnotherSite("/auth/logout")
	w.picture("logout")
	w.open(w.server.URL + "/auth/me")
	if email := w.me()["email"]; email != account.Email {
		w.t.Errorf("a link of another site ends the session: /auth/me is %v", email)
	}
	w.followLinkOfAnotherSite("/auth/logout")
	w.click("button")
	w.open(w.server.URL + "/auth/me")
	if detail := w.me()["detail"]; detail != "Not authenticated" {
		w.t.Errorf("after the button /auth/me is %v", w.me())
	}
}

// followLinkOfAnotherSite goes to the app from a page that is the app's too, but under
// a name that browsers take for another site.
func (w window) followLinkOfAnotherSite(path string) {
	w.open(strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1) + "/openapi.json")
	follow := chromedp.Evaluate[chromedp.Void](`location.href = "` + w.server.URL + path + `"; undefined`)
	w.arrive("a link to "+path, follow)
}

func (w window) open(address string) { w.arrive(address, chromedp.Navigate(address)) }

func (w window) click(selector string) {
	w.arrive("a click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// arrive does what leads to another page, and waits until that is there.
func (w window) arrive(what string, step chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, end := context.WithTimeout(w.ctx, pageTime)
	defer end()
	if _, err := chromedp.RunResponse(ctx, step); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

func ask[T any](w window, action chromedp.Action[T]) T {
	w.t.Helper()
	ctx, end := context.WithTimeout(w.ctx, pageTime)
	defer end()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		w.t.Fatal(err)
	}
	return value
}

func (w window) text(selector string) string {
	w.t.Helper()
	return ask(w, chromedp.Evaluate[string](`document.querySelector("`+selector+`").innerText`))
}

// me is the JSON that the browser shows.
func (w window) me() map[string]any {
	w.t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(w.text("body")), &fields); err != nil {
		w.t.Fatalf("the browser shows %q: %v", w.text("body"), err)
	}
	return fields
}

// picture keeps what is seen, for somebody to look at.
func (w window) picture(of string) {
	w.t.Helper()
	folder := os.Getenv("TEST_SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, w.name+"-"+of+".png"), ask(w, chromedp.CaptureScreenshot()), 0o644); err != nil {
		w.t.Fatal(err)
	}
}
