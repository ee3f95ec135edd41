// fastman: file oauth
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// What this app asks of providers. None of it holds a connection of the database.

const (
	callsPatience = 10 * time.Second // for all calls of one sign-in together
	callsMaxBytes = 1 << 20          // of an answer
	callsMax      = 16               // at once: a provider that hangs must not pile up requests
)

var (
	errCallsBusy      = &problem{status: http.StatusServiceUnavailable, detail: "Too many sign-ins at the moment, try again shortly", retryAfter: 2}
	errProviderAnswer = &problem{status: http.StatusBadGateway, detail: "The provider did not answer as expected"}
)

// failure is why a provider was not believed, in words for the log. A client is told
// errProviderAnswer alone.
type failure string

func (f failure) Error() string { return string(f) }

func (f failure) Unwrap() error { return errProviderAnswer }

// blame says what failed. The words of the provider are kept out of it, as they may
// repeat a token; its code for the error is not (RFC 6749, section 5.2).
func blame(what string, err error) error {
	if errors.Is(err, errCallsBusy) {
		return errCallsBusy
	}
	why := "the answer is not what it should be"
	if told, ok := errors.AsType[failure](err); ok {
		why = string(told)
	} else if told, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		why = fmt.Sprintf("status %d", told.Response.StatusCode)
		if errorCode.MatchString(told.ErrorCode) {
			why = told.ErrorCode
		}
	} else if unanswered, ok := errors.AsType[*url.Error](err); ok {
		why = unanswered.Err.Error()
	}
	return failure(what + ": " + why)
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// newCalls returns a client that follows no redirect, which might lead inside of our
// network.
func newCalls() *http.Client {
	return &http.Client{
		Transport:     &callsTransport{places: make(chan struct{}, callsMax)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callsPatience,
	}
}

// callsTransport bounds how many calls run at once, and how much they bring.
type callsTransport struct{ places chan struct{} }

func (t *callsTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case t.places <- struct{}{}:
	default:
		return nil, errCallsBusy
	}
	leave := sync.OnceFunc(func() { <-t.places })
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		leave()
		return nil, err
	}
	response.Body = callsBody{http.MaxBytesReader(nil, response.Body, callsMaxBytes), leave}
	return response, nil
}

// callsBody keeps the place of its call until it is closed.
type callsBody struct {
	io.ReadCloser
	leave func()
}

func (b callsBody) Close() error {
	b.leave()
	return b.ReadCloser.Close()
}

// fastman: if github or discord
// getJSON asks an address in the name of whoever the token was given for.
func getJSON(ctx context.Context, calls *http.Client, token *oauth2.Token, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	token.SetAuthHeader(r)
	r.Header.Set("Accept", "application/json")
	response, err := calls.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return failure(fmt.Sprintf("status %d", response.StatusCode))
	}
	return json.Unmarshal(body, into)
}

// fastman: end
