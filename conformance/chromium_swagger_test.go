package conformance_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fastman/internal/testbed"
)

// The page /docs of a FastAPI app signs somebody in at a real Keycloak: Authorize, a
// password in Keycloak's own window, and then /auth/me knows who it is.
func signsInBySwagger(t *testing.T, server *testbed.Keycloak) {
	program := os.Getenv("TEST_CHROMIUM")
	if program == "" {
		t.Skip("TEST_CHROMIUM names no browser")
	}
	server.Await(t)
	app, name := newFastAPI(t, onlyKeycloak, ""), newName()
	maps.Copy(app.env, map[string]string{"KEYCLOAK_URL": server.URL, "KEYCLOAK_REALM": name, "KEYCLOAK_CLIENT_ID": "app"})
	running := app.Boot(t, app.env)
	makeRealm(t, server, name, running.URL+"/docs/oauth2-redirect")
	w := window{t, openChromium(t, program, swaggerHere(t)...), running, "swagger"}
	w.open(running.URL + "/docs")
	w.press(".btn.authorize")
	if client := ask(w, chromedp.Value(chromedp.CSS("input[data-name=clientId]"))); client != "app" {
		t.Errorf("the client in the page is %q", client)
	}
	w.picture("authorize")
	w.keycloakWindow(`button[aria-label="Apply given OAuth2 credentials"]`, "developer")
	w.press(".btn-done")
	w.press(".opblock-summary-path[data-path='/auth/me']")
	w.press(".try-out__btn")
	w.press(".execute")
	w.await(".live-responses-table .response-col_status")
	w.picture("me")
	if shown := w.text(".live-responses-table"); !strings.Contains(shown, "200") || !strings.Contains(shown, "developer@example.com") || !strings.Contains(shown, "admin") {
		t.Errorf("after the sign-in the page shows of /auth/me:\n%s", shown)
	}
}

// swaggerHere lets a browser find the scripts of /docs on this machine, and not at the
// network that FastAPI names.
func swaggerHere(t *testing.T) []chromedp.ExecAllocatorOption {
	t.Helper()
	files := testbed.SwaggerUI(t)
	cdn := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, path.Base(r.URL.Path))
	}))
	t.Cleanup(cdn.Close)
	address := strings.TrimPrefix(cdn.URL, "https://")
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", "MAP cdn.jsdelivr.net "+address), chromedp.Flag("ignore-certificate-errors", true),
	}
}

// press clicks on what does not lead to another page.
func (w window) press(selector string) {
	w.t.Helper()
	w.do("a click on "+selector, w.ctx, chromedp.Click(chromedp.CSS(selector)))
}

func (w window) await(selector string) {
	w.t.Helper()
	w.do(selector, w.ctx, chromedp.WaitVisible(chromedp.CSS(selector)))
}

func (w window) do(what string, in context.Context, steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, end := context.WithTimeout(in, pageTime)
	defer end()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.picture("failed")
		w.t.Fatalf("%s: %v", what, err)
	}
}

// keycloakWindow signs a user in, in the window that a click opens.
func (w window) keycloakWindow(selector, user string) {
	w.t.Helper()
	opened := chromedp.WaitNewTarget(w.ctx, func(info *target.Info) bool { return info.URL != "" })
	w.press(selector)
	popup, end := chromedp.NewContext(w.ctx, chromedp.WithTargetID(<-opened))
	defer end()
	w.do("Keycloak's window", popup, chromedp.SendKeys(chromedp.CSS("#username"), user), chromedp.SendKeys(chromedp.CSS("#password"), user+kb.Enter))
	w.await(`button[aria-label="Remove authorization"]`)
}
