// fastman: file google or oidc
package auth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// discoveryLifetime is how long what an issuer says of itself is good for, its keys
// included. A key that is not among them is looked for at once.
const discoveryLifetime = time.Hour

// openID speaks OpenID Connect Core 1.0, with discovery.
type openID struct {
	issuer, clientID string
	calls            *http.Client
	known            atomic.Pointer[discovery]
	// fastman: if google
	// isOwn tells whether an address is one that the issuer itself gives out.
	isOwn func(openIDClaims) bool
	// fastman: end
}

// discovery is what an issuer says of itself.
type discovery struct {
	at       time.Time
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	server   server
}

// openIDClaims are of an id_token, or of userinfo.
type openIDClaims struct {
	Email         string `json:"email"`
	EmailVerified any    `json:"email_verified"` // true, and nothing like it
	Name          string `json:"name"`
	Picture       string `json:"picture"`
	AuthorizedFor string `json:"azp"`
	// fastman: if google
	// HostedDomain is the Google Workspace that the account is of.
	HostedDomain string `json:"hd"`
	// fastman: end
}

func newOpenID(c OAuthClient, calls *http.Client) *openID {
	return &openID{issuer: c.Site, clientID: c.ID, calls: calls}
}

// fastman: if google
func newGoogle(c OAuthClient, calls *http.Client) protocol {
	google := newOpenID(c, calls)
	google.isOwn = isGoogleAddress
	return google
}

// isGoogleAddress follows Google's "Verify the Google ID token": any other address may
// belong to somebody else by now.
func isGoogleAddress(c openIDClaims) bool {
	return c.HostedDomain != "" || strings.HasSuffix(strings.ToLower(c.Email), "@gmail.com")
}

// fastman: end
func (o *openID) server(ctx context.Context) (server, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return server{}, err
	}
	return d.server, nil
}

// discover asks the issuer once in a while.
func (o *openID) discover(ctx context.Context) (*discovery, error) {
	if d := o.known.Load(); d != nil && time.Since(d.at) < discoveryLifetime {
		return d, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, o.calls), o.issuer)
	if err != nil {
		return nil, blame("discovery", err)
	}
	var told struct {
		Keys        string   `json:"jwks_uri"`
		NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&told); err != nil {
		return nil, blame("discovery", err)
	}
	where := server{Endpoint: found.Endpoint(), nonce: true}
	for _, address := range []string{where.AuthURL, where.TokenURL, told.Keys, cmp.Or(found.UserInfoEndpoint(), o.issuer)} {
		if !o.mayName(address) {
			return nil, failure("discovery: an address is not https")
		}
	}
	where.AuthStyle = oauth2.AuthStyleInHeader
	if slices.Contains(told.AuthMethods, "client_secret_post") {
		where.AuthStyle = oauth2.AuthStyleInParams
	}
	if told.NamesIssuer {
		where.issuer = o.issuer
	}
	d := &discovery{time.Now(), found, found.Verifier(&oidc.Config{ClientID: o.clientID}), where}
	o.known.Store(d)
	return d, nil
}

// mayName tells whether the issuer may have us ask that address: only one on this
// machine may name others on it.
func (o *openID) mayName(address string) bool {
	named, err := url.Parse(address)
	if err != nil {
		return false
	}
	if named.Scheme == "https" {
		return named.Host != ""
	}
	issuer, err := url.Parse(o.issuer)
	return err == nil && named.Scheme == "http" && isLoopback(named.Hostname()) && isLoopback(issuer.Hostname())
}

func (o *openID) profile(ctx context.Context, token *oauth2.Token, a authorization) (profile, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return profile{}, err
	}
	text, _ := token.Extra("id_token").(string)
	idToken, err := d.verifier.Verify(oidc.ClientContext(ctx, o.calls), text)
	if err != nil {
		return profile{}, failure("id_token: it is not valid")
	}
	var claims openIDClaims
	if err := idToken.Claims(&claims); err != nil {
		return profile{}, blame("id_token", err)
	}
	if idToken.Nonce != a.Nonce || !o.isFor(idToken.Audience, claims.AuthorizedFor) {
		return profile{}, failure("id_token: it is for somebody else")
	}
	if claims.Email == "" && d.provider.UserInfoEndpoint() != "" {
		if err := o.askUserInfo(ctx, d.provider, token, idToken.Subject, &claims); err != nil {
			return profile{}, err
		}
	}
	p := profile{subject: idToken.Subject, name: claims.Name, avatarURL: claims.Picture}
	if claims.EmailVerified == true {
		p.email = claims.Email
		// fastman: if google
		p.authoritative = o.isOwn != nil && o.isOwn(claims)
		// fastman: end
	}
	return p, nil
}

// isFor follows OpenID Connect Core, section 3.1.3.7, rules 4 and 5.
func (o *openID) isFor(audience []string, authorizedFor string) bool {
	return authorizedFor == o.clientID || authorizedFor == "" && len(audience) == 1
}

// askUserInfo is for issuers that say less in the id_token.
func (o *openID) askUserInfo(ctx context.Context, p *oidc.Provider, token *oauth2.Token, subject string, into *openIDClaims) error {
	info, err := p.UserInfo(oidc.ClientContext(ctx, o.calls), oauth2.StaticTokenSource(token))
	if err != nil {
		return blame("userinfo", err)
	}
	if info.Subject != subject { // section 5.3.2
		return failure("userinfo: it is about somebody else")
	}
	if err := info.Claims(into); err != nil {
		return blame("userinfo", err)
	}
	return nil
}
