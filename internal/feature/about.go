package feature

// About says in one line what a type brings to an app, for whoever chooses.
func (t Type) About() string { return typeLines[t] }

// About says in one line whose accounts a provider's are.
func (p Provider) About() string { return providerLines[p] }

var typeLines = map[Type]string{
	JWT:      "e-mail and password, with tokens for a browser or mobile app",
	OAuth:    "a button: sign in with Google, GitHub and the like",
	Keycloak: "single sign-on with the accounts of a company, by Keycloak",
	Passkey:  "fingerprint, face or security key in place of a password",
	UI:       "a page for passkeys, sessions and all that: sign-in at /ui",
}

var providerLines = map[Provider]string{
	Google:  "Google accounts, private and of companies",
	GitHub:  "GitHub accounts, for apps that developers use",
	Discord: "Discord accounts, for games and communities",
	OIDC:    "any OpenID Connect provider, named by its address",
}
