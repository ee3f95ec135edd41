package install

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"fastman/conformance"
	"fastman/conformance/standin"
	"fastman/internal/feature"
	"fastman/internal/run"
)

// DemoOptions are the flags of demo.
type DemoOptions struct {
	Dir      string // "": a new temporary folder
	Stack    string
	Set      feature.Set
	Check    bool
	Progress func(string)
}

// DemoReady is a demo that is up.
type DemoReady struct {
	URL     string
	Dir     string
	Routes  []Route
	Docs    string   // address of the API's description; "" is none
	Checked bool     // it ends by itself, after a check
	Page    string   // address of the page to sign in with; "" is none
	SignIn  []string // addresses for a browser, of stand-ins for the providers
	Realm   string   // issuer of the stand-in for Keycloak
	Curl    string   // signs in and asks who is signed in; ready to paste
}

const demoStart = 30 * time.Second

// Demo makes a project with sign-in, starts it, and hands over to ready. It ends
// when ctx ends; with Check it tries the app out by itself and removes the project.
func Demo(ctx context.Context, o DemoOptions, ready func(DemoReady)) error {
	if err := checkStack(o.Stack); err != nil {
		return err
	}
	o.Stack = cmp.Or(o.Stack, fastapiStack)
	providers, err := startProviders(ctx, o.Set)
	if err != nil {
		return err
	}
	if providers != nil {
		defer providers.Close()
	}
	realm, err := startRealm(ctx, o.Set)
	if err != nil {
		return err
	}
	if realm != nil {
		defer realm.Close()
	}
	parent, remove, err := demoFolder(o)
	if err != nil {
		return err
	}
	if o.Check {
		defer remove()
	}
	report, err := New(ctx, NewOptions{Common: Common{Dir: parent, Progress: o.Progress, Yes: true},
		Name: "demo", Stack: o.Stack, Set: o.Set})
	if err != nil {
		return err
	}
	if len(report.Left) > 0 {
		return failure("the demo could not be set up: "+report.Left[0].What, report.Left[0].Do)
	}
	d := DemoReady{Checked: o.Check, Dir: filepath.Join(parent, "demo"), Routes: report.Routes}
	server, err := serve(ctx, o, providers, realm, &d)
	if err != nil {
		return err
	}
	defer server.Stop(5 * time.Second)
	ready(d)
	if o.Check {
		if err := checkPage(ctx, d); err != nil {
			return err
		}
		if err := checkSignIn(ctx, providers, d); err != nil {
			return err
		}
		return checkDemo(ctx, d, o, realm)
	}
	return waitDemo(ctx, server)
}

func demoFolder(o DemoOptions) (dir string, remove func(), err error) {
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o755); err != nil {
			return "", nil, writeFailure(err)
		}
		return o.Dir, func() { _ = os.RemoveAll(filepath.Join(o.Dir, "demo")) }, nil
	}
	if dir, err = os.MkdirTemp("", "fastman-"); err != nil {
		return "", nil, writeFailure(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// serve starts the app on port 8000, or on a free one where that is taken.
func serve(ctx context.Context, o DemoOptions, providers *standin.Providers, realm *standin.Realm, d *DemoReady) (*run.Process, error) {
	port := demoPort()
	spec, err := demoSpec(ctx, o.Stack, d.Dir, fmt.Sprint(port))
	if err != nil {
		return nil, err
	}
	d.URL = demoHost(o.Set, port)
	spec.Env = append(spec.Env, demoEnv(providers, o.Set, d)...)
	spec.Env = append(spec.Env, passkeyEnv(o, d)...)
	if o.Set.Has(feature.JWT) {
		d.Curl = curl(d.URL, d.Routes)
	}
	spec.Env = append(spec.Env, realmEnv(realm, d)...)
	server, err := run.Start(ctx, spec)
	if err != nil {
		return nil, failure("the demo could not be started: "+err.Error(), "look at "+d.Dir)
	}
	if o.Stack == fastapiStack {
		d.Docs = d.URL + "/docs"
	}
	if err := answers(ctx, d.URL+"/health", server); err != nil {
		server.Stop(time.Second)
		return nil, err
	}
	return server, nil
}

// demoSpec is how the app is started on a port. A Go app is built first.
func demoSpec(ctx context.Context, stack, dir, port string) (run.Spec, error) {
	if stack == fastapiStack {
		return run.Spec{Args: []string{venvPython(filepath.Join(dir, ".venv")), "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", port}, Dir: dir}, nil
	}
	binary := filepath.Join(dir, "bin", "demo")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	res, err := run.Run(ctx, run.Spec{Args: []string{"go", "build", "-o", binary, "."}, Dir: dir, Timeout: goBuildTimeout})
	if err != nil {
		return run.Spec{}, &Failure{What: "the demo does not build", Detail: string(res.Stderr)}
	}
	return run.Spec{Args: []string{binary}, Dir: dir, Env: []string{"PORT=" + port}}, nil
}

func demoPort() int {
	for _, address := range []string{"127.0.0.1:8000", "127.0.0.1:0"} {
		if l, err := net.Listen("tcp", address); err == nil {
			defer l.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	return 8000
}

// answers waits until the server does, or has ended.
func answers(ctx context.Context, url string, server *run.Process) error {
	ctx, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if response, err := http.Get(url); err == nil {
			response.Body.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-server.Done():
			result, _ := server.Wait()
			return &Failure{What: "the demo ended instead of starting", Detail: string(result.Stderr)}
		case <-ctx.Done():
			return &Failure{What: fmt.Sprintf("the demo did not answer within %s", demoStart)}
		}
	}
}

// waitDemo lets the demo run until the user stops it.
func waitDemo(ctx context.Context, server *run.Process) error {
	select {
	case <-ctx.Done():
		return nil
	case <-server.Done():
		result, _ := server.Wait()
		return &Failure{What: "the demo has ended by itself", Detail: string(result.Stderr)}
	}
}

// checkDemo tries the running app out with the cases that need nothing but a URL.
func checkDemo(ctx context.Context, d DemoReady, o DemoOptions, realm *standin.Realm) error {
	checked, err := checkedRealm(ctx, realm)
	if err != nil {
		return err
	}
	target := conformance.Target{URL: d.URL, Set: o.Set, Issuer: "fastman:demo", Realm: checked}
	held := 0
	for result := range conformance.Run(ctx, target, quick) {
		switch result.Outcome {
		case conformance.Passed:
			held++
		case conformance.Failed:
			return &Failure{What: "the demo does not hold: " + result.Case.Name, Detail: result.Detail}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if held == 0 && len(d.SignIn) == 0 {
		return &Failure{What: "no case could be tried on the demo"}
	}
	if o.Progress != nil {
		if held > 0 {
			o.Progress(fmt.Sprintf("%d cases of the contract held", held))
		}
		if len(d.SignIn) > 0 {
			o.Progress(fmt.Sprintf("%d providers signed somebody in", len(d.SignIn)))
		}
	}
	return nil
}

// quick lets the cases through that show the way a user takes: register, sign in,
// with a passkey or without, see who is signed in, be refused without that or with a forged token of Keycloak.
func quick(c conformance.Case) bool {
	group, _, _ := strings.Cut(c.Name, "/")
	return slices.Contains(passkeyWay, c.Name) ||
		len(c.Needs) == 0 && slices.Contains([]string{"register", "login", "me", "keycloak"}, group)
}

// curl is one line for each step; the third one takes the token from the second.
func curl(url string, routes []Route) string {
	prefix := "/auth"
	for _, r := range routes {
		if path, found := strings.CutSuffix(r.Path, "/register"); found {
			prefix = path
		}
	}
	return fmt.Sprintf(`  curl -s %[1]s/register -H 'Content-Type: application/json' -d '{"email": "you@example.com", "password": "a long pass phrase"}'
  TOKEN=$(curl -s %[1]s/login -d 'username=you@example.com' -d 'password=a long pass phrase' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -s %[1]s/me -H "Authorization: Bearer $TOKEN"`, url+prefix)
}

// venvPython is the interpreter of a virtual environment.
func venvPython(venv string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(venv, "Scripts", "python.exe")
	}
	return filepath.Join(venv, "bin", "python")
}
