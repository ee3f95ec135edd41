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
