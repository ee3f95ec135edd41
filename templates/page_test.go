package templates_test

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"fastman/internal/cut"
	"fastman/internal/feature"
)

const (
	pageOfFastAPI = "app/features/auth/static/"
	pageOfGo      = "internal/auth/static/"
)

func pageFile(t *testing.T, name string) string {
	t.Helper()
	text, err := library.Read("fastapi", pageOfFastAPI+name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Both stacks serve the same page and the same script.
func TestStacksShareThePage(t *testing.T) {
	names, err := library.Tree("fastapi", strings.TrimSuffix(pageOfFastAPI, "/"))
	if err != nil || len(names) != 4 {
		t.Fatalf("%q (%v)", names, err)
	}
	for _, name := range names {
		name = strings.TrimPrefix(name, pageOfFastAPI)
		if other, err := library.Read("goapp", pageOfGo+name); err != nil || string(other) != pageFile(t, name) {
			t.Errorf("%s differs (%v)", name, err)
		}
	}
}

// The script for pages is under 3 KiB.
func TestPasskeyScriptIsSmall(t *testing.T) {
	out, _, err := cut.File("passkey.js", []byte(pageFile(t, "passkey.js")), feature.NewSet(feature.Passkey))
	if err != nil || len(out) >= 3<<10 {
		t.Errorf("%d bytes (%v)", len(out), err)
	}
}

var (
	named   = regexp.MustCompile(`\$\("([\w-]+)"\)|onSubmit\("([\w-]+)"|\bshow\("([\w-]+)"\)|list\("([\w-]+)", "([\w-]+)"`)
	said    = regexp.MustCompile(`\btext\("([\w-]+)"\)|error: "([\w-]+)"`)
	inline  = regexp.MustCompile(`(?i)\son\w+=|\sstyle=|<style|<script[^>]*>[^<]|javascript:`)
	ofInput = regexp.MustCompile(`<input id="([\w-]+)"[^>]*>`)
)

// In every set the page has all that its script asks for: elements, and texts.
func TestPageHasWhatItsScriptNeeds(t *testing.T) {
	for _, set := range feature.Combinations(library.Types, library.Providers) {
		if !set.UI() {
			continue
		}
		page, script := cutPage(t, "ui.html", set), cutPage(t, "ui.js", set)
		for _, found := range named.FindAllStringSubmatch(script, -1) {
			for _, id := range found[1:] {
				if id != "" && !strings.Contains(page, `id="`+id+`"`) {
					t.Errorf("%s: no element %s", set, id)
				}
			}
		}
		for _, found := range said.FindAllStringSubmatch(script, -1) {
			if name := found[1] + found[2]; name != "refused" && !strings.Contains(page, `data-text="`+name+`"`) {
				t.Errorf("%s: no text %s", set, name)
			}
		}
	}
}

func cutPage(t *testing.T, name string, set feature.Set) string {
	t.Helper()
	out, keep, err := cut.File(name, []byte(pageFile(t, name)), set)
	if err != nil || !keep || cut.Marked(out) {
		t.Fatalf("%s of %s: %v, %v", name, set, keep, err)
	}
	if bytes.Contains(out, []byte("assword")) && !set.Has(feature.JWT) && name == "ui.js" {
		t.Errorf("%s of %s speaks of passwords", name, set)
	}
	return string(out)
}

// The page keeps to a policy without inline scripts and styles, and a screen reader has
// a name for every field.
func TestPageIsPlainAndLabelled(t *testing.T) {
	page := pageFile(t, "ui.html")
	if found := inline.FindAllString(page, -1); len(found) > 0 {
		t.Errorf("inline: %q", found)
	}
	for _, input := range ofInput.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `for="`+input[1]+`"`) {
			t.Errorf("%s has no label", input[1])
		}
		if !strings.Contains(input[0], "autocomplete=") {
			t.Errorf("%s does not say what a password manager may fill in", input[1])
		}
	}
}

// Text and controls can be told from what they stand on, in both themes (WCAG 2.2, 1.4.3
// and 1.4.11).
func TestPageHasContrast(t *testing.T) {
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(pageFile(t, "ui.css"), -1)
	if len(themes) != 2 {
		t.Fatalf("%d themes", len(themes))
	}
	for i, theme := range themes {
		colours := map[string]float64{}
		for _, c := range regexp.MustCompile(`--([\w-]+): #(\w{6});`).FindAllStringSubmatch(theme[1], -1) {
			colours[c[1]] = luminance(t, c[2])
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"text", "page", 4.5}, {"text", "card", 4.5}, {"text", "tint", 4.5}, {"muted", "card", 4.5}, {"muted", "page", 4.5},
			{"accent", "card", 4.5}, {"accent", "tint", 4.5}, {"on-accent", "accent", 4.5}, {"danger", "card", 4.5}, {"danger", "tint", 4.5},
			{"good", "card", 4.5}, {"border", "card", 3}, {"border", "tint", 3}, {"accent", "page", 3},
		} {
			if got := contrast(colours[pair.front], colours[pair.back]); got < pair.least {
				t.Errorf("theme %d: %s on %s has %.2f, want %.1f", i, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

// luminance is WCAG's relative one.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
