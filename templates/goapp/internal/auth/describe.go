// fastman: file keycloak only

//go:build fastman

package auth

import "net/http"

type object map[string]any

// OpenAPI describes the endpoint (OpenAPI 3.1) for Swagger UI and for what makes clients:
//
//	mux.HandleFunc("GET /openapi.json", authn.OpenAPI)
func (a *Auth) OpenAPI(w http.ResponseWriter, _ *http.Request) {
	text, orNull := object{"type": "string"}, object{"type": []string{"string", "null"}}
	json := func(schema object) object { return object{"application/json": object{"schema": schema}} }
	err := answer(w, http.StatusOK, object{
		"openapi": "3.1.0",
		"info":    object{"title": "Sign-in", "version": "1"},
		"paths": object{a.config.Prefix + "/me": object{"get": object{
			"summary":  "The user who is signed in",
			"tags":     []string{"auth"},
			"security": []object{{"bearer": []string{}}, {"keycloak": []string{}}},
			"responses": object{
				"200": object{"description": "Done", "content": json(object{"$ref": "#/components/schemas/User"})},
				"4XX": object{"description": "Refused", "content": json(object{"$ref": "#/components/schemas/Problem"})},
			},
		}}},
		"components": object{
			"schemas": object{
				"User": object{
					"type":     "object",
					"required": []string{"id", "email", "username", "name", "roles"},
					"properties": object{
						"id": text, "email": orNull, "username": orNull, "name": orNull,
						"roles": object{"type": "array", "items": text},
					},
				},
				"Problem": object{"type": "object", "required": []string{"detail"}, "properties": object{"detail": text}},
			},
			"securitySchemes": object{
				"bearer":   object{"type": "http", "scheme": "bearer"},
				"keycloak": a.keycloak.securityScheme(),
			},
		},
	})
	if err != nil {
		refuse(w, errNoAuth)
	}
}
