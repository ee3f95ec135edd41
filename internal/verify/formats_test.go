package verify

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// hostile is what an app may answer that wants to be read as something else.
const hostile = "\x00\x1b[2J\x07]]><!--</script></pre><script>alert(1)</script>&amp;\"'\xff\xfe\xed\xa0\x80\uFFFF\u0085é\r\nsecond"

// Whatever an app answers, a build server, a browser and a program can read the result, and
// it is the same as without.
func TestReportsOfHostileAnswers(t *testing.T) {
	r := &Report{Cases: []Result{
		{Case: Case{Name: "me/a", Section: hostile}, Outcome: Failed, Detail: hostile, File: hostile},
		{Case: Case{Name: "me/b"}, Outcome: NotJudged, Detail: hostile},
		{Case: Case{Name: "me/c"}, Outcome: NotApplicable, Detail: hostile},
	}, Settings: []Finding{{hostile, hostile, hostile, hostile, hostile}}, Target: hostile, Prefix: hostile}
	r.settle()

	tests := 0
	for decoder := xml.NewDecoder(strings.NewReader(string(r.JUnit()))); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the JUnit file: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "testcase" {
			tests++
		}
	}
	if tests != 4 {
		t.Errorf("the JUnit file has %d tests", tests)
	}
	if page := string(r.HTML()); strings.Contains(page, "<script") || strings.Contains(page, "<!--") || strings.ContainsAny(page, "\x00\x1b\x07") || strings.Count(page, "</pre>") != 2 {
		t.Errorf("the page holds what it was told:\n%s", page)
	}
	var back Report
	if text, err := json.Marshal(r); err != nil || json.Unmarshal(text, &back) != nil || len(back.Cases) != 3 {
		t.Errorf("the JSON: %v", err)
	}
}

// A page that is handed on can be read without colours, by those who listen, and needs
// nothing from anywhere.
func TestPageIsAccessible(t *testing.T) {
	r := &Report{Cases: []Result{
		{Case: Case{Name: "me/a", ASVS: []string{"7.2.1"}}, Outcome: Failed, Detail: "status 200"},
		{Case: Case{Name: "me/b"}, Outcome: Held},
		{Case: Case{Name: "me/c"}, Outcome: NotApplicable, Detail: "not installed"},
	}, Settings: []Finding{{".env", "DEBUG", "is on", "DEBUG=false", ""}}}
	page := string(r.settle().HTML())
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	seen := map[string]int{}
	for level := 0; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		name := start.Name.Local
		if len(name) == 2 && name[0] == 'h' && name[1] <= '6' && name[1] >= '1' {
			if next := int(name[1] - '0'); next > level+1 {
				t.Errorf("a heading of level %d follows one of %d", next, level)
			} else {
				level = next
			}
		}
		for _, attribute := range start.Attr {
			seen[name+" "+attribute.Name.Local]++
			if strings.Contains(attribute.Value, "://") {
				t.Errorf("%s needs %s", name, attribute.Value)
			}
		}
		seen[name]++
	}
	if seen["h1"] != 1 || seen["main"] != 1 || seen["html lang"] != 1 || seen["title"] != 1 || seen["th"] != seen["th scope"] || seen["table"] != seen["thead"] || seen["script"]+seen["img"]+seen["link"] > 0 {
		t.Errorf("%v", seen)
	}
	if !strings.Contains(page, "me/a <b class=\"failed\">(failed)</b>") {
		t.Error("which evidence failed is said by colour alone")
	}
}
