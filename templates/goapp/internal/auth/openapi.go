// fastman: file jwt or oauth or passkey
package auth

import (
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// OpenAPI describes the endpoints (OpenAPI 3.1) for Swagger UI and for what makes
// clients:
//
//	mux.HandleFunc("GET /openapi.json", authn.OpenAPI)
func (a *Auth) OpenAPI(w http.ResponseWriter, _ *http.Request) {
	paths := map[string]object{}
	for _, o := range a.operations() {
		path := a.config.Prefix + o.path
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][o.method] = o.describe()
	}
	err := answer(w, http.StatusOK, object{
		"openapi": "3.1.0",
		"info":    object{"title": a.config.appName(), "version": "1"},
		"paths":   paths,
		"components": object{
			"schemas": schemas(),
			"securitySchemes": object{
				// fastman: if keycloak
				"keycloak": a.keycloak.securityScheme(),
				// fastman: end
				// fastman: if jwt
				"session": a.securityScheme(),
				// fastman: end
				// fastman: if oauth or passkey
				"bearer": object{"type": "http", "scheme": "bearer"},
				// fastman: end
				// fastman: if oauth or ui
				"cookie": object{"type": "apiKey", "in": "cookie", "name": a.cookieName(sessionCookie)},
				// fastman: end
			},
		},
	})
	if err != nil {
		refuse(w, errNoAuth)
	}
}

type object map[string]any

// operation is one method of one path.
type operation struct {
	method, path, summary string
	signedIn              bool   // needs an access token
	body                  object // the schema of what is sent; nil: nothing
	form                  bool   // the body may be a form, too
	status                int
	answer                object // the schema of what comes back; nil: nothing
	// fastman: if oauth
	// query names what the address may carry.
	query []string
	// fastman: end
}

func (a *Auth) operations() []operation {
	all := []operation{
		{method: "get", path: "/me", summary: "The user who is signed in", signedIn: true, status: 200, answer: ref("User")},
		{method: "post", path: "/refresh", summary: "New tokens for a refresh token", body: texts("refresh_token"), status: 200, answer: ref("Token")},
		{method: "post", path: "/logout", summary: "End the session", signedIn: true, status: 204},
		{method: "get", path: "/sessions", summary: "The user's sessions", signedIn: true, status: 200,
			answer: object{"type": "array", "items": ref("Session")}},
		{method: "delete", path: "/sessions", summary: "End all other sessions", signedIn: true, status: 204},
		{method: "delete", path: "/sessions/{session_id}", summary: "End one session", signedIn: true, status: 204},
		{method: "post", path: "/verify/request", summary: "Mail a link that verifies the address", signedIn: true, status: 202, answer: object{}},
		{method: "post", path: "/verify", summary: "Verify the address with a mailed token", body: texts(
			"token",
			// fastman: if jwt
			"password?",
			// fastman: end
		), status: 204},
	}
	// fastman: if jwt
	all = append(all, passwordOperations()...)
	// fastman: end
	// fastman: if oauth or keycloak
	all = append(all, identityOperations()...)
	// fastman: end
	// fastman: if keycloak
	all = append(all, keycloakOperations()...)
	// fastman: end
	// fastman: if oauth
	all = append(all, oauthOperations()...)
	// fastman: end
	// fastman: if passkey
	all = append(all, passkeyOperations()...)
	// fastman: end
	// fastman: if oauth or ui
	all = append(all, operation{method: "get", path: "/logout", summary: "End the session of the cookie", status: 303})
	// fastman: end
	return all
}

func (o operation) describe() object {
	told := object{
		"summary": o.summary,
		"tags":    []string{"auth"},
		"responses": object{
			strconv.Itoa(o.status): described("Done", o.answer),
			"4XX":                  described("Refused", ref("Problem")),
		},
	}
	if o.signedIn {
		told["security"] = []object{
			// fastman: if jwt
			{"session": []string{}},
			// fastman: end
			// fastman: if oauth or passkey
			{"bearer": []string{}},
			// fastman: end
			// fastman: if oauth or ui
			{"cookie": []string{}},
			// fastman: end
			// fastman: if keycloak
			{"keycloak": []string{}},
			// fastman: end
		}
	}
	if o.body != nil {
		content := object{"application/json": object{"schema": o.body}}
		if o.form {
			content["application/x-www-form-urlencoded"] = object{"schema": o.body}
		}
		told["requestBody"] = object{"required": true, "content": content}
	}
	if all := o.parameters(); all != nil {
		told["parameters"] = all
	}
	return told
}

// parameters are that of the path, which is its last part, and those of the query.
func (o operation) parameters() []object {
	var all []object
	if _, name, found := strings.Cut(strings.TrimSuffix(o.path, "}"), "{"); found {
		all = append(all, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	// fastman: if oauth
	for _, name := range o.query {
		all = append(all, object{"name": name, "in": "query", "schema": object{"type": "string"}})
	}
	// fastman: end
	return all
}

func described(what string, schema object) object {
	if schema == nil {
		return object{"description": what}
	}
	return object{"description": what, "content": object{"application/json": object{"schema": schema}}}
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// texts is an object of strings; a question mark ends the name of an optional one.
func texts(names ...string) object {
	properties, required := object{}, []string{}
	for _, name := range names {
		name, optional := strings.CutSuffix(name, "?")
		properties[name] = object{"type": "string"}
		if !optional {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func schemas() object {
	detail := object{"type": []string{"string", "array"}}
	return object{
		"User":    schemaOf[publicUser](),
		"Token":   schemaOf[Token](),
		"Session": schemaOf[publicSession](),
		// fastman: if oauth or keycloak
		"Identity": schemaOf[publicIdentity](),
		// fastman: end
		// fastman: if passkey
		"Passkey": schemaOf[publicPasskey](),
		// fastman: end
		"Problem": object{"type": "object", "properties": object{"detail": detail}, "required": []string{"detail"}},
	}
}

// schemaOf describes a struct as encoding/json writes it.
func schemaOf[T any]() object {
	properties, required := object{}, []string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, optional, _ := strings.Cut(field.Tag.Get("json"), ",")
		properties[name] = typeOf(field.Type)
		if optional == "" {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func typeOf(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		nullable := maps.Clone(typeOf(t.Elem()))
		nullable["type"] = []any{nullable["type"], "null"}
		return nullable
	// fastman: if keycloak or passkey
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": typeOf(t.Elem())}
	// fastman: end
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.String:
		return object{"type": "string"}
	}
	return object{"type": "integer"}
}
