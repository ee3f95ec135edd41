package verify

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"fastman/conformance"
	"fastman/internal/install"
)

// Report is what was found. It is what --json prints; fields are only ever added.
type Report struct {
	Command   string    `json:"command"`
	Status    Status    `json:"status"`
	Stack     string    `json:"stack"`
	Types     []string  `json:"types"`
	Providers []string  `json:"providers"`
	Prefix    string    `json:"prefix"`
	Target    string    `json:"target"`   // address of a running server, or what the app was started on
	Database  string    `json:"database"` // kind, version and place of the scratch database; "" is none
	Fastman   string    `json:"fastman"`  // version of the suite
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	Counts    Counts    `json:"counts"`
	Cases     []Result  `json:"cases"`
	Settings  []Finding `json:"settings"`

	Requirements []Requirement `json:"requirements"`

	lost map[string]lostRoute // of those that the cases ask for
}

// Status of a run.
type Status string

// Statuses, as exit statuses 0, 1 and 3.
const (
	StatusHeld     Status = "held"
	StatusFailed   Status = "failed"
	StatusUnjudged Status = "not-judged"
)

// Counts are the cases by their end, and the findings about settings.
type Counts struct {
	Held          int `json:"held"`
	Failed        int `json:"failed"`
	NotJudged     int `json:"not_judged"`
	NotApplicable int `json:"not_applicable"`
	Settings      int `json:"settings"`
}

// Outcome is how a case ended.
type Outcome string

// Outcomes.
const (
	Held          Outcome = "held"
	Failed        Outcome = "failed"
	NotJudged     Outcome = "not-judged"
	NotApplicable Outcome = "not-applicable"
	Listed        Outcome = "listed"
)

// Case is what a case shows.
type Case struct {
	Name    string   `json:"name"`
	Section string   `json:"section"`        // of the contract
	ASVS    []string `json:"asvs,omitempty"` // requirements of OWASP ASVS 5.0
	RFC     []string `json:"rfc,omitempty"`
}

// Result is one case and its end.
type Result struct {
	Case
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"` // request and answer, or the reason
	File    string  `json:"file,omitempty"`   // where to look
	Seconds float64 `json:"seconds"`
}

// Finding is a production setting that is not as it should be.
type Finding struct {
	File string `json:"file"`
	Name string `json:"name"` // variable
	What string `json:"what"`
	Cure string `json:"cure"`
	ASVS string `json:"asvs,omitempty"` // the requirement that it is against
}

func newReport(i *install.Installation, o Options) *Report {
	r := &Report{Command: "verify:auth", Stack: i.Stack, Prefix: i.Prefix, Types: []string{}, Providers: []string{}, Cases: []Result{}, Settings: []Finding{},
		Target: "the app on a scratch database", Fastman: o.Templates.Version, Started: time.Now().UTC().Truncate(time.Second)}
	if o.URL != "" {
		r.Target = o.URL
	}
	for _, t := range i.Set.Types() {
		r.Types = append(r.Types, string(t))
	}
	for _, p := range i.Set.Providers() {
		r.Providers = append(r.Providers, string(p))
	}
	return r
}

func describe(c conformance.Case) Case { return Case{c.Name, c.Section, c.ASVS, c.RFC} }

func (r *Report) add(result Result) { r.Cases = append(r.Cases, result) }

// judge takes a result of the suite in.
func (r *Report) judge(result conformance.Result, i *install.Installation) Result {
	judged := Result{Case: describe(result.Case), Detail: result.Detail, Seconds: result.Took.Seconds()}
	switch result.Outcome {
	case conformance.Passed:
		judged.Outcome = Held
	case conformance.Failed:
		judged.Outcome, judged.File = Failed, cmp.Or(r.ownCode(result.Case.Name), whereToLook(result.Case.Name, i))
	default:
		judged.Outcome = skipped(result)
		if result.Obstacle != nil {
			judged.Outcome, judged.Detail = r.obstructed(result)
		}
	}
	r.add(judged)
	return judged
}

// origins is the case that judges what the app's own code says of other sites.
const origins = "server/another-site-may-not-read-with-a-visitors-cookies"

// ownCode is where a look at the project's own code has found the cause of a failure.
func (r *Report) ownCode(name string) string {
	at := slices.IndexFunc(r.Settings, func(f Finding) bool { return f.What == everySite })
	if name != origins || at < 0 {
		return ""
	}
	return r.Settings[at].File
}

// skipped tells what the app has no use for from what the suite was not given.
func skipped(result conformance.Result) Outcome {
	for _, need := range result.Case.Needs {
		if result.Detail == "needs "+string(need) {
			return NotJudged
		}
	}
	return NotApplicable
}

// settle brings the cases into the order of the suite, counts, and says how it ended.
func (r *Report) settle() *Report {
	place := map[string]int{}
	for i, c := range conformance.Cases(everything) {
		place[c.Name] = i
	}
	slices.SortFunc(r.Cases, func(a, b Result) int { return place[a.Name] - place[b.Name] })
	r.Counts.Settings = len(r.Settings)
	r.Requirements = requirementsOf(r.Cases, r.Settings)
	for _, c := range r.Cases {
		switch c.Outcome {
		case Held:
			r.Counts.Held++
		case Failed:
			r.Counts.Failed++
		case NotJudged:
			r.Counts.NotJudged++
		case NotApplicable:
			r.Counts.NotApplicable++
		}
	}
	switch {
	case r.Counts.Failed+r.Counts.Settings > 0:
		r.Status = StatusFailed
	case r.Counts.NotJudged > 0 || r.Counts.Held == 0:
		r.Status = StatusUnjudged
	default:
		r.Status = StatusHeld
	}
	return r
}

// places are where the code stands that the cases of a group are about: of the FastAPI
// template, and of the Go one.
var places = map[string][2]string{
	"register":         {"service", "register"},
	"identity":         {"identity", "identity"},
	"password":         {"passwords", "passwords"},
	"hash":             {"security", "passwords"},
	"load":             {"security", "hash_queue"},
	"login":            {"service", "login"},
	"timing":           {"service", "login"},
	"me":               {"dependencies", "guards"},
	"token":            {"security", "tokens"},
	"jws":              {"security", "tokens"},
	"keys":             {"security", "keys"},
	"rotation":         {"security", "keys"},
	"refresh":          {"sessions", "sessions"},
	"forged":           {"sessions", "sessions"},
	"sessions":         {"sessions", "sessions"},
	"logout":           {"session_service", "sessions"},
	"change":           {"credentials", "credentials"},
	"set":              {"credentials", "credentials"},
	"forgot":           {"recovery", "recovery"},
	"reset":            {"recovery", "recovery"},
	"verify":           {"verification", "verification"},
	"reveal-false":     {"service", "register"},
	"mail":             {"mail", "mail"},
	"answers":          {"http", "answers"},
	"malformed":        {"http", "body"},
	"settings":         {"config", "config"},
	"start":            {"config", "config"},
	"storage":          {"models", "store"},
	"purge":            {"purge", "purge"},
	"proxy":            {"clients", "client"},
	"throttle":         {"throttle", "throttle"},
	"outage":           {"database", "failures"},
	"cookie":           {"cookies", "cookies"},
	"cross-site":       {"cookies", "cookies"},
	"oauth":            {"oauth_flow", "oauth"},
	"oauth-settings":   {"oauth_config", "config_oauth"},
	"native":           {"oauth_exchange", "oauth_native"},
	"providers":        {"identities", "linking"},
	"passkey":          {"passkey_ceremony", "passkey_verify"},
	"passkey-settings": {"passkey_config", "config_passkey"},
	"recovery":         {"passkey_recovery", "passkey_recovery"},
	"page":             {"ui_router", "page"},
	"server":           {"dependencies", "guards"},
	"log":              {"events", "events"},
	"keycloak":         {"../../core/keycloak_tokens", "keycloak"},
	"keycloak-user":    {"credentials", "keycloak_user"},
}

// whereToLook is the emitted file that a case is about, "" where it is not in the project.
func whereToLook(name string, i *install.Installation) string {
	group, _, _ := strings.Cut(name, "/")
	at, template := places[group], ""
	if i.IsGo() {
		template = path.Join("internal/auth", at[1]+".go")
	} else {
		template = path.Join("app/features/auth", at[0]+".py")
	}
	return i.Files[template]
}
