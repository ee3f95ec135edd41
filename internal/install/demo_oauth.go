package install

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// startProviders starts stand-ins for the set's providers, so that a whole sign-in can be
// seen without an app being registered anywhere. Nobody may take them for real ones: they
// listen on this machine only, and never for production.
func startProviders(ctx context.Context, set feature.Set) (*standin.Providers, error) {
	if !set.Has(feature.OAuth) {
		return nil, nil
	}
	if err := notInProduction(); err != nil {
		return nil, err
	}
	providers, err := standin.Start(ctx, standin.Options{})
	if err != nil {
		return nil, failure("the stand-ins for the providers could not be started: "+err.Error(), "mend that, then run again")
	}
	return providers, nil
}

func notInProduction() error {
	if os.Getenv("ENVIRONMENT") != "production" {
		return nil
	}
	return failure("ENVIRONMENT is production, and the demo's providers let anybody in as anybody", "run the demo without it: env -u ENVIRONMENT fastman demo")
}

// demoEnv tells the app of its address and of the stand-ins.
func demoEnv(providers *standin.Providers, set feature.Set, d *DemoReady) []string {
	if providers == nil {
		return nil
	}
	providers.AllowCallbacks(d.URL + usualPrefix)
	var names []string
	for _, p := range set.Providers() {
		names = append(names, string(p))
		d.SignIn = append(d.SignIn, d.URL+usualPrefix+"/login/"+string(p))
	}
	env := []string{"AUTH_PUBLIC_URL=" + d.URL}
	for name, value := range providers.Env(names...) {
		env = append(env, name+"="+value)
	}
	return env
}

// checkSignIn signs in once with each provider, as a browser does.
func checkSignIn(ctx context.Context, providers *standin.Providers, d DemoReady) error {
	for _, address := range d.SignIn {
		provider := providers.Named(address[strings.LastIndexByte(address, '/')+1:])
		if err := signInOnce(ctx, provider, d.URL, address); err != nil {
			return &Failure{What: "the demo does not hold: nobody can sign in with " + provider.Name, Detail: err.Error()}
		}
	}
	return nil
}

func signInOnce(ctx context.Context, provider *standin.Provider, app, address string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	someone := provider.Put(standin.Account{Email: "someone@" + provider.Name + ".example", Verified: true, Name: "Someone", Username: "someone"})
	page, err := redirected(ctx, browser, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	back, err := redirected(ctx, browser, http.MethodPost, page, url.Values{"account": {someone.Subject}})
	if err != nil {
		return err
	}
	home, err := redirected(ctx, browser, http.MethodGet, back, nil)
	if err != nil {
		return err
	}
	status, _, err := visit(ctx, browser, http.MethodGet, app+home, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s after the sign-in: %d", home, status)
	}
	return err
}

// redirected returns where an answer sends the browser.
func redirected(ctx context.Context, browser *http.Client, method, address string, form url.Values) (string, error) {
	status, location, err := visit(ctx, browser, method, address, form)
	if err == nil && location == "" {
		err = fmt.Errorf("%s %s: %d, and no redirect", method, address, status)
	}
	return location, err
}

func visit(ctx context.Context, browser *http.Client, method, address string, form url.Values) (status int, location string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := browser.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	return response.StatusCode, response.Header.Get("Location"), nil
}
