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
	"time"

	"golang.org/x/oauth2"
)

// What this app asks of providers. None of it holds a connection of the database.

const (
	callsPatience = 10 * time.Second // for all calls of one sign-in together
	callsMaxBytes = 1 << 20          // of an answer
	callsMax      = 16               // sign-ins that wait at once: a provider that hangs must not pile them up
)

var (
	errCallsBusy = &problem{
		status: http.StatusServiceUnavailable, detail: "Too many sign-ins at the same time, try again later", retryAfter: 2,
	}
	errProviderAnswer = &problem{status: http.StatusBadGateway, detail: "The provider did not answer as expected"}
)

// calls are those to all providers.
type calls struct {
	client *http.Client
	places chan struct{} // of sign-ins that wait
}

// newCalls makes a client that follows no redirect, which might lead inside of our
// network.
func newCalls() *calls {
	return &calls{
		client: &http.Client{
			Transport:     boundedTransport{},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       callsPatience,
		},
		places: make(chan struct{}, callsMax),
	}
}

// enter takes a place until leave is called. It returns errCallsBusy when all are
// taken.
func (c *calls) enter() (leave func(), err error) {
	select {
	case c.places <- struct{}{}:
		return func() { <-c.places }, nil
	default:
		return nil, errCallsBusy
	}
}

// context makes x/oauth2, and what is built on it, use the client.
func (c *calls) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, c.client)
}

// boundedTransport reads no answer that is too large.
type boundedTransport struct{}

func (boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, callsMaxBytes)
	}
	return response, err
}

// fastman: if github or discord
// getJSON asks an address in the name of whoever the token was given for.
func (c *calls) getJSON(ctx context.Context, token *oauth2.Token, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	token.SetAuthHeader(r)
	r.Header.Set("Accept", "application/json")
	response, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return statusError(response.StatusCode)
	}
	return json.Unmarshal(body, into)
}

// statusError is an answer that is none.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// fastman: end
// failure is why a provider was not believed.
type failure struct {
	told    *problem // to the client
	reason  string   // for the log, in one word
	problem string   // and in more
}

func (f failure) Error() string { return f.reason + ": " + f.problem }

func (f failure) Unwrap() error { return f.told }

func disbelieve(reason, problem string) error { return failure{errProviderAnswer, reason, problem} }

// unavailable says which call failed. The words of the provider are kept out of it, as
// they may repeat a token.
func unavailable(call string, err error) error {
	why := "the answer is not what it should be"
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		why = fmt.Sprintf("status %d", refused.Response.StatusCode)
		// fastman: if github or discord
	} else if refused, ok := errors.AsType[statusError](err); ok {
		why = refused.Error()
		// fastman: end
	} else if unanswered, ok := errors.AsType[*url.Error](err); ok {
		why = unanswered.Err.Error()
	}
	return disbelieve("unavailable", call+": "+why)
}

// refusedExchange is unavailable for the token endpoint, which may also say no (RFC
// 6749, section 5.2): the app has another secret or redirect address there, or the code
// is none.
func refusedExchange(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || refused.ErrorCode == "" || refused.Response.StatusCode >= http.StatusInternalServerError {
		return unavailable("token", err)
	}
	if !errorCode.MatchString(refused.ErrorCode) {
		return errSignInRefused
	}
	return failure{errSignInRefused, "refused", refused.ErrorCode}
}

// errorCode is what a provider's code for an error looks like, and no token does.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)
