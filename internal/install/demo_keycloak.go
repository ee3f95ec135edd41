package install

import (
	"context"
	"fmt"

	"fastman/conformance"
	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// startRealm starts a stand-in for a realm of Keycloak, nil for a set without.
func startRealm(ctx context.Context, set feature.Set) (*standin.Realm, error) {
	if !set.Has(feature.Keycloak) {
		return nil, nil
	}
	if err := notInProduction(); err != nil {
		return nil, err
	}
	realm, err := standin.StartRealm(ctx, standin.Options{}, "")
	if err != nil {
		return nil, failure("the stand-in for Keycloak could not be started: "+err.Error(), "mend that, then run again")
	}
	return realm, nil
}

// realmEnv tells the app of the realm, and the realm of the app.
func realmEnv(realm *standin.Realm, d *DemoReady) []string {
	if realm == nil {
		return nil
	}
	d.Realm = realm.URL
	realm.AllowRedirects(d.URL + "/docs/oauth2-redirect")
	d.Curl = joinLines(d.Curl, curlRealm(realm, d.URL+usualPrefix))
	var env []string
	for name, value := range realm.Env() {
		env = append(env, name+"="+value)
	}
	return env
}

func joinLines(text, more string) string {
	if text == "" {
		return more
	}
	return text + "\n" + more
}

// curlRealm signs in at the realm, and shows the token to the app.
func curlRealm(realm *standin.Realm, module string) string {
	return fmt.Sprintf(`  TOKEN=$(curl -s %s/protocol/openid-connect/token -d grant_type=password -d client_id=%s -d username=developer -d password=developer | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -s %s/me -H "Authorization: Bearer $TOKEN"`, realm.URL, realm.ClientID, module)
}

// checkedRealm is the realm for the cases of a check, with another one beside it, whose
// tokens are refused.
func checkedRealm(ctx context.Context, realm *standin.Realm) (*conformance.Realm, error) {
	if realm == nil {
		return nil, nil
	}
	other, err := startRealm(ctx, feature.NewSet(feature.Keycloak))
	if err != nil {
		return nil, err
	}
	checked := conformance.StandinRealm(realm)
	checked.Other = conformance.StandinRealm(other)
	return checked, nil
}
