package install

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"fastman/conformance"
	"fastman/internal/feature"
)

// demoHost is where browsers look for the app: they have passkeys for localhost, and none
// for an IP address.
func demoHost(set feature.Set, port int) string {
	if set.Has(feature.Passkey) {
		return fmt.Sprintf("http://localhost:%d", port)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// passkeyEnv tells the app where its passkeys are used: here, or in a check where the
// authenticator of the cases takes itself to be.
func passkeyEnv(o DemoOptions, d *DemoReady) []string {
	if !o.Set.Has(feature.Passkey) {
		return nil
	}
	if o.Set.UI() {
		d.Page = d.URL + usualPrefix + "/ui"
	}
	if !o.Check {
		return []string{"PASSKEY_RP_ID=localhost", "PASSKEY_ORIGIN=" + d.URL}
	}
	var env []string
	for name, value := range conformance.Provided(feature.NewSet(feature.Passkey), nil) {
		if strings.HasPrefix(name, "PASSKEY_") {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// passkeyWay are the cases that show how passkeys come and let in.
var passkeyWay = []string{
	"passkey/makes-an-account-and-signs-in",
	"passkey/signs-in-without-a-name",
	"passkey/an-assertion-serves-once",
	"passkey/its-script-is-small-and-served",
}

// checkPage opens the page, where there is one.
func checkPage(ctx context.Context, d DemoReady) error {
	if d.Page == "" {
		return nil
	}
	status, _, err := visit(ctx, http.DefaultClient, http.MethodGet, d.Page, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s: %d", d.Page, status)
	}
	if err != nil {
		return &Failure{What: "the demo does not hold: the page does not open", Detail: err.Error()}
	}
	return nil
}
