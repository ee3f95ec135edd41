package conformance

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

const (
	// tolerance is how far two medians may lie apart, and two quartiles.
	tolerance = 0.05
	// grain is a difference that the work of the request before can make, in an app that
	// answers in a few milliseconds: no more than few statements, and no hash or mail.
	grain = 750 * time.Microsecond
	// rounds are measured first; when they leave a doubt, twice as many are, and again,
	// for as long as that takes less than doubtful. Samples are only ever added, never
	// thrown away, so that a difference which is really there gets clearer and can't be
	// waited out.
	rounds   = 30
	doubtful = 40 * time.Second
	// Past glaring there is no doubt after so many rounds.
	glaring = 0.3
	enough  = 4 * rounds
	// triesPerAccount stays under the bound of 10 per account and address.
	triesPerAccount = 8
)

var timingCases = []Case{
	{
		Name: "timing/unknown-user-and-wrong-password", Section: "No enumeration: same status, body and time",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot}, Turn: Alone, Run: timingUnknown,
	},
	{
		Name: "timing/inactive-and-passwordless-users", Section: "No enumeration: same status, body and time",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedDB}, Turn: Alone, Run: timingInactive,
	},
	{
		Name: "timing/passwords-that-are-hashed-twice", Section: "No enumeration: same status, body and time",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot}, Turn: Alone, Run: timingDecomposed,
	},
}

// attempt is one way to fail at login; every call of it is another try.
type attempt struct {
	name string
	next func() call
}

func wrongPassword(t *T, password string) attempt {
	return tries("a wrong password", password, func() string { return t.register().email })
}

func unknownUser(password string) attempt {
	return tries("an unknown user", password, func() string { return newAccount().email })
}

// tries takes another account before the bound on tries is reached.
func tries(name, password string, make func() string) attempt {
	email, used := "", 0
	return attempt{name, func() call {
		if used%triesPerAccount == 0 {
			email = make()
		}
		used++
		return loginForm(email, password)
	}}
}

func timingUnknown(t *T) {
	app := t.slowHash()
	password := "wrong horse " + unique()
	app.sameTime(wrongPassword(app, password), unknownUser(password))
	long := strings.Repeat("wrong horse ", 40)
	app.sameTime(wrongPassword(app, long), unknownUser(long))
}

func timingInactive(t *T) {
	app := t.slowHash()
	password := "wrong horse " + unique()
	inactive := tries("an inactive user", password, func() string {
		acc := app.register()
		app.exec("UPDATE users SET is_active = ? WHERE id = ?", false, acc.id)
		return acc.email
	})
	passwordless := tries("a user without a password", password, func() string {
		acc := app.register()
		app.exec("UPDATE users SET hashed_password = NULL WHERE id = ?", acc.id)
		return acc.email
	})
	imported := tries("a user whose hash is a cheap one", password, func() string {
		acc := app.register()
		app.importHash(acc, "$2b$04$"+strings.Repeat(".", 53))
		return acc.email
	})
	app.sameTime(wrongPassword(app, password), inactive, passwordless, imported)
}

func timingDecomposed(t *T) {
	app := t.slowHash()
	password := "e\u0301te\u0301 1936 " + unique()
	app.sameTime(wrongPassword(app, password), unknownUser(password))
}

// slowHash is the app with a hash that outweighs the noise of a machine, and no other
// difference between two attempts: one that 5 % of it hides, production hides all the more.
func (t *T) slowHash() *T { return t.boot(map[string]string{"BCRYPT_ROUNDS": "8"}) }

// sameTime measures the attempts in turn and compares each with the first.
func (t *T) sameTime(attempts ...attempt) {
	samples := make([][]time.Duration, len(attempts))
	began := time.Now()
	for want := rounds; ; want *= 2 {
		from := t
		for len(samples[0]) < want {
			if len(samples[0])%10 == 0 {
				from = t.fresh()
			}
			from.measure(attempts, samples)
		}
		late := time.Since(began) > doubtful
		switch {
		case compare(attempts, samples, apart) == "":
			return
		case late, want >= enough && compare(attempts, samples, glaringly) != "":
			if problem := compare(attempts, samples, surely); problem != "" {
				t.Errorf("%s", problem)
			}
			return
		}
	}
}

// measure makes each attempt once, beginning with another one each time.
func (t *T) measure(attempts []attempt, samples [][]time.Duration) {
	first := len(samples[0])
	for i := range attempts {
		i = (first + i) % len(attempts)
		c := attempts[i].next()
		a := t.send(c).want(http.StatusUnauthorized, http.StatusAccepted, http.StatusOK)
		samples[i] = append(samples[i], a.took)
	}
}

// compare tells what the first attempt differs from.
func compare(attempts []attempt, samples [][]time.Duration, differ func(reference, other []time.Duration) bool) string {
	for i := 1; i < len(attempts); i++ {
		if differ(samples[0], samples[i]) {
			reference, m := median(samples[0]), median(samples[i])
			return fmt.Sprintf("%s takes %v, %s %v (medians of %d): %+.1f %%, at most 5 %% is allowed",
				attempts[0].name, reference.Round(10*time.Microsecond), attempts[i].name, m.Round(10*time.Microsecond),
				len(samples[0]), float64(m-reference)/float64(reference)*100)
		}
	}
	return ""
}

// apart: half of the samples of a busy machine may be what else it does, but then the
// fastest quarter is not. A leak shows in both.
func apart(reference, other []time.Duration) bool { return apartBy(tolerance, reference, other) }

// surely is apart, and not by chance.
func surely(reference, other []time.Duration) bool {
	return apart(reference, other) && uneven(reference, other)
}

func glaringly(reference, other []time.Duration) bool {
	return apartBy(glaring, reference, other) && uneven(reference, other)
}

func apartBy(tolerance float64, reference, other []time.Duration) bool {
	for _, q := range []float64{0.5, 0.25} {
		a, b := quantile(reference, q), quantile(other, q)
		if math.Abs(float64(b-a)) <= tolerance*float64(a) || (b-a).Abs() <= grain {
			return false
		}
	}
	return true
}

// uneven is whether one of two wins more rounds than chance lets it: a sign test at four
// standard deviations of a coin, which are sqrt(n)/2 each.
func uneven(reference, other []time.Duration) bool {
	won, n := 0.0, float64(len(reference))
	for round := range reference {
		if other[round] < reference[round] {
			won++
		}
	}
	return math.Abs(won-n/2) > 2*math.Sqrt(n)
}

func median(samples []time.Duration) time.Duration { return quantile(samples, 0.5) }

// quantile is the mean of the two samples that are next to it.
func quantile(samples []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(samples))
	at := q * float64(len(sorted)-1)
	return (sorted[int(math.Floor(at))] + sorted[int(math.Ceil(at))]) / 2
}
