// fastman: file google or oidc
package auth

import (
	"cmp"
	"context"
	"errors"
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
	calls            *calls
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
	Email         string  `json:"email"`
	EmailVerified any     `json:"email_verified"` // true, and nothing like it
	Name          string  `json:"name"`
	Picture       string  `json:"picture"`
	AuthorizedFor string  `json:"azp"`
	NotBefore     float64 `json:"nbf"`
	// fastman: if google
	// HostedDomain is the Google Workspace that the account is of.
	HostedDomain string `json:"hd"`
	// fastman: end
	// fastman: if oidc
	// DomainVerified is what Microsoft has in place of EmailVerified: true, or "1".
	DomainVerified any `json:"xms_edov"`
	// fastman: end
}

func (c openIDClaims) isVerified() bool {
	// fastman: if oidc
	if c.DomainVerified == true || c.DomainVerified == "1" {
		return true
	}
	// fastman: end
	return c.EmailVerified == true
}

func newOpenID(c OAuthClient, calls *calls) *openID {
	return &openID{issuer: c.Site, clientID: c.ID, calls: calls}
}

// fastman: if google
func newGoogle(c OAuthClient, calls *calls) protocol {
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
	leave, err := o.calls.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	found, err := oidc.NewProvider(o.calls.context(ctx), o.issuer)
	if _, differs := errors.AsType[*oidc.IssuerMismatchError](err); differs {
		return nil, disbelieve("unavailable", "discovery: another issuer in its metadata")
	}
	if err != nil {
		return nil, unavailable("discovery", err)
	}
	var told metadata
	if err := found.Claims(&told); err != nil {
		return nil, unavailable("discovery", err)
	}
	where := server{Endpoint: found.Endpoint(), issuer: o.issuer, namesIssuer: told.NamesIssuer}
	userInfo := cmp.Or(found.UserInfoEndpoint(), o.issuer) // not all have it
	for _, address := range []string{where.AuthURL, where.TokenURL, told.Keys, userInfo} {
		if !o.mayName(address) {
			return nil, disbelieve("unavailable", "discovery: it names an address that is not https")
		}
	}
	where.AuthStyle = oauth2.AuthStyleInHeader // which every server knows, if it says nothing
	if slices.Contains(told.AuthMethods, "client_secret_post") {
		where.AuthStyle = oauth2.AuthStyleInParams
	}
	d := &discovery{time.Now(), found, found.Verifier(&oidc.Config{ClientID: o.clientID}), where}
	o.known.Store(d)
	return d, nil
}

// metadata is what go-oidc leaves to others of OpenID Connect Discovery, section 3.
type metadata struct {
	Keys        string   `json:"jwks_uri"`
	NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
}

// mayName tells whether the issuer may have us ask that address. One that is not https
// itself is on this machine, and may name what it serves.
func (o *openID) mayName(address string) bool {
	named, err := url.Parse(address)
	if err != nil || named.Host == "" {
		return false
	}
	issuer, err := url.Parse(o.issuer)
	return err == nil && (named.Scheme == "https" || named.Scheme == issuer.Scheme && named.Host == issuer.Host)
}

func (o *openID) profile(ctx context.Context, token *oauth2.Token, a authorization) (profile, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return profile{}, err
	}
	text, _ := token.Extra("id_token").(string)
	idToken, err := d.verifier.Verify(ctx, text)
	if ctx.Err() != nil {
		return profile{}, unavailable("keys", ctx.Err())
	}
	if err != nil {
		return profile{}, disbelieve("id_token", tokenProblem(err))
	}
	var claims openIDClaims
	if err := idToken.Claims(&claims); err != nil {
		return profile{}, disbelieve("id_token", "claims of other types")
	}
	switch {
	case idToken.Nonce != a.Nonce:
		return profile{}, disbelieve("id_token", "nonce")
	case !o.isFor(idToken.Audience, claims.AuthorizedFor):
		return profile{}, disbelieve("id_token", "azp")
	case !isPast(idToken.IssuedAt, claims.NotBefore):
		return profile{}, disbelieve("id_token", "iat or nbf")
	}
	if claims.Email == "" && d.provider.UserInfoEndpoint() != "" {
		if err := o.askUserInfo(ctx, d.provider, token, idToken.Subject, &claims); err != nil {
			return profile{}, err
		}
	}
	p := profile{subject: idToken.Subject, name: claims.Name, avatarURL: claims.Picture}
	if claims.isVerified() {
		p.email = claims.Email
		// fastman: if google
		p.authoritative = o.isOwn != nil && o.isOwn(claims)
		// fastman: end
	}
	return p, nil
}

// tokenProblem is the part of an id_token that go-oidc found wrong.
func tokenProblem(err error) string {
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return "exp"
	}
	for words, part := range map[string]string{
		"malformed jwt": "header", "verify signature": "signature", "different provider": "iss", "expected audience": "aud",
	} {
		if strings.Contains(err.Error(), words) {
			return part
		}
	}
	return "it is not one"
}

// isFor follows OpenID Connect Core, section 3.1.3.7, rules 4 and 5.
func (o *openID) isFor(audience []string, authorizedFor string) bool {
	return authorizedFor == o.clientID || authorizedFor == "" && len(audience) == 1
}

// isPast tells whether a token was issued, and is valid already, by a clock that may go
// ahead.
func isPast(issuedAt time.Time, notBefore float64) bool {
	latest := time.Now().Add(clockSkew * time.Second)
	return !issuedAt.IsZero() && !issuedAt.After(latest) && notBefore <= float64(latest.Unix())
}

// askUserInfo is for issuers that say less in the id_token.
func (o *openID) askUserInfo(ctx context.Context, p *oidc.Provider, token *oauth2.Token, subject string, into *openIDClaims) error {
	info, err := p.UserInfo(o.calls.context(ctx), oauth2.StaticTokenSource(token))
	if err != nil {
		return unavailable("userinfo", err)
	}
	if info.Subject != subject { // section 5.3.2
		return disbelieve("subject", "userinfo is about somebody else")
	}
	if err := info.Claims(into); err != nil {
		return unavailable("userinfo", err)
	}
	return nil
}
