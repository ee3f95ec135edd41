package verify_test

import (
	"slices"
	"testing"

	"fastman/internal/feature"
)

// Projects of one type, whose code or whose way to an account is another.
var (
	onlyKeycloak = feature.NewSet(feature.Keycloak)
	onlyPasskey  = feature.NewSet(feature.Passkey)
	onlyOAuth    = feature.NewSet(feature.OAuth).WithProviders(feature.GitHub)
)

// keycloakAlonePy is the module of projects that have nothing but Keycloak.
const keycloakAlonePy = "../../core/keycloak.py"

// nobodyPy is a user whom no token speaks of.
const nobodyPy = `KeycloakUser(id="0", email=None, username=None, name=None, roles=[], claims={})`

// Defects of the code that projects with nothing but Keycloak have.
var keycloakAloneMutants = []mutant{
	{
		"who shows no token is let in", `^keycloak/without-a-token`, true,
		edits{{keycloakAlonePy, `raise _unauthorized("Not authenticated")`, "return " + nobodyPy}},
		edits{{"require.go", "\tuser, err := v.auth.currentUser(r)\n", "\tuser, err := v.auth.currentUser(r)\n\t\tif errors.Is(err, errNotAuthenticated) {\n\t\t\tuser, err = &KeycloakUser{}, nil\n\t\t}\n"}},
	},
	{
		"who shows a token that does not count is let in", `^keycloak/(a-tampered|none-and|a-foreign)`, false,
		edits{{keycloakAlonePy, `raise _unauthorized("Could not validate credentials") from None`, "return " + nobodyPy}},
		edits{{"require.go", "\t\tif err != nil {\n\t\t\tfail(w, err)", "\t\tif err != nil && !errors.Is(err, errInvalidToken) {\n\t\t\tfail(w, err)"}},
	},
	{
		"the endpoint of the user asks for no token", `^keycloak/without-a-token`, false,
		edits{{keycloakAlonePy, "async def me(user: CurrentKeycloakUser, response: Response)", "async def me(response: Response, user: Annotated[KeycloakUser, Depends(lambda: " + nobodyPy + ")])"}},
		edits{{"app.go", "RequireUser(http.HandlerFunc(getMe))", "http.HandlerFunc(getMe)"}},
	},
	{
		"an app that no realm is set for lets everybody in", `^keycloak/placeholders`, false,
		edits{{keycloakAlonePy, "raise not_configured()", "return " + nobodyPy}},
		edits{{"require.go", "\tif text == \"\" && a.keycloak.issuer != \"\" {\n", "\tif a.keycloak.issuer == \"\" {\n\t\treturn &KeycloakUser{}, nil\n\t}\n\tif text == \"\" {\n"}},
	},
	{
		"a token in the address counts", `^keycloak/nothing-but-the-header`, false,
		edits{
			{keycloakAlonePy, "async def get_current_user(\n", "async def get_current_user(\n    request: Request,\n"},
			{keycloakAlonePy, "    if given is None:\n", "    if token := request.query_params.get(\"access_token\"):\n        given = HTTPAuthorizationCredentials(scheme=\"Bearer\", credentials=token)\n    if given is None:\n"},
			{keycloakAlonePy, "FastAPI, Response\n", "FastAPI, Request, Response\n"},
		},
		edits{{"require.go", "text := bearer(r.Header.Get(\"Authorization\"))\n", "text := bearer(r.Header.Get(\"Authorization\"))\n\tif text == \"\" {\n\t\ttext = r.URL.Query().Get(\"access_token\")\n\t}\n"}},
	},
	{
		"the user's answer may be stored by caches", `^keycloak/a-token-of-the-realm`, false,
		edits{{keycloakAlonePy, "    response.headers[\"Cache-Control\"] = \"no-store\"\n", ""}},
		edits{{"answers.go", `w.Header().Set("Cache-Control", "no-store")`, `w.Header().Set("Cache-Control", "private")`}},
	},
	{
		"no role is asked for", `^keycloak/a-missing-role`, false,
		edits{{keycloakAlonePy, "        check_roles(user, roles, client)\n", ""}},
		edits{{"keycloak_guards.go", "v.keycloak == nil || !isAllowed(v.keycloak)", "v.keycloak == nil || isAllowed == nil"}},
	},
	{
		"a refusal does not say how to sign in", `^keycloak/without-a-token`, false,
		edits{{keycloakAlonePy, `, **{"WWW-Authenticate": "Bearer"})`, ")"}},
		edits{{"answers.go", `"WWW-Authenticate", "Bearer"`, `"X-Authenticate", "Bearer"`}},
	},
}

// again are defects of others that a project of one type alone has, too: there people
// come by other ways, and other cases may have to catch them.
func again(names ...string) (all []mutant) {
	for _, group := range [][]mutant{jwtMutants, cookieMutants, oauthMutants, passkeyMutants} {
		for _, m := range group {
			if slices.Contains(names, m.name) {
				m.always = false
				all = append(all, m)
			}
		}
	}
	return all
}

var sessionDefects = []string{
	"the expiry of access tokens is not checked", "a disabled user stays signed in", "a session that nobody uses does not end", "a logout ends no session",
	"another's session can be ended", "a copied refresh token goes on to work", "one key signs all kinds of tokens",
}

var passkeyAloneMutants = again(append([]string{
	"a challenge serves again", "nobody need be recognised", "an account is entered by registering its address", "the last passkey can be removed", "a recovery code serves again",
}, sessionDefects...)...)

var oauthAloneMutants = again(append([]string{
	"the state is not compared", "a state serves in another browser", "PKCE is left out", "GitHub's unverified address counts",
	"the last provider can be unlinked", "scripts can read the session cookie", "the cookie is stored as it is",
}, sessionDefects...)...)

// Every defect that is named again is there.
func TestMutantsAlone(t *testing.T) {
	if len(passkeyAloneMutants) != 5+len(sessionDefects) || len(oauthAloneMutants) != 7+len(sessionDefects) {
		t.Errorf("there are %d and %d", len(passkeyAloneMutants), len(oauthAloneMutants))
	}
}
