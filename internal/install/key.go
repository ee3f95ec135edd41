package install

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/plan"
	"fastman/internal/project"
)

// KeyOptions are the flags of generate:key.
type KeyOptions struct {
	Common
	Show   bool   // print a key, write nothing
	Rotate string // "", "announce", "switch", "retire"
}

const (
	current  = "SECRET_KEY"
	previous = "SECRET_KEY_PREVIOUS"
	// The remark that tells an announced key from a former one: both stand in
	// SECRET_KEY_PREVIOUS, because both only verify. On a line of its own, since
	// some readers of env files take what follows a value for a part of it.
	announced = "# SECRET_KEY_PREVIOUS holds the next key: announced, not yet in use"
)

var rotations = map[string]func(src []byte, file string) ([]byte, error){
	"": replaceKey, "announce": announceKey, "switch": switchKey, "retire": retireKey,
}

// GenerateKey writes a new SECRET_KEY into every env file, a different one each.
func GenerateKey(ctx context.Context, o KeyOptions, show func(key string)) (*Report, error) {
	if o.Show {
		if o.Rotate != "" {
			return nil, &Usage{What: "--show and --rotate do not go together", Hint: "fastman generate:key --show"}
		}
		show(newKey())
		return &Report{Command: "generate:key", Status: StatusDone, Files: []File{}}, nil
	}
	change, known := rotations[o.Rotate]
	if !known {
		return nil, unknownRotation(o.Rotate)
	}
	root, err := folder(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.DryRun || o.Diff {
		return changeKeys(ctx, o, root, change)
	}
	held, err := lock(root)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	if _, err := plan.Recover(root); err != nil {
		return nil, writeFailure(err)
	}
	return changeKeys(ctx, o, root, change)
}

func unknownRotation(name string) error {
	steps := []string{"announce", "switch", "retire"}
	hint := "use one of: " + strings.Join(steps, ", ")
	if near := feature.Nearest(name, steps); near != "" {
		hint = "did you mean --rotate=" + near + "?"
	}
	return &Usage{What: "unknown step of a rotation " + quote(name), Hint: hint}
}

// changeKeys changes all files or none: replicas that read different files would
// refuse each other's users.
func changeKeys(ctx context.Context, o KeyOptions, root string, change func([]byte, string) ([]byte, error)) (*Report, error) {
	files, err := keyFiles(root)
	if err != nil {
		return nil, err
	}
	p, err := plan.New(root)
	if err != nil {
		return nil, err
	}
	p.Label = "generate:key"
	report := &Report{Command: "generate:key", Status: StatusDone}
	for _, file := range files {
		src, err := p.Read(file)
		if err != nil {
			return nil, writeFailure(err)
		}
		out, err := change(src, file)
		if err != nil {
			return nil, err
		}
		if err := p.Write(file, src, out, 0o600); err != nil {
			return nil, writeFailure(err)
		}
		p.Mask(file)
		report.Files = append(report.Files, File{Path: file, Action: "edit"})
	}
	if err := noteKeys(root, p, files); err != nil {
		return nil, err
	}
	return report, writeKeys(ctx, o, p, report)
}

// noteKeys lets a removal know the keys again as values that fastman wrote. A variable
// that was there before the sign-in outlives it.
func noteKeys(root string, p *plan.Plan, files []string) error {
	m, err := readManifest(root)
	if err != nil || m == nil {
		return err
	}
	for _, file := range files {
		src, err := p.Read(file)
		if err != nil {
			return writeFailure(err)
		}
		before, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			return writeFailure(err)
		}
		if e := m.Edits[file]; e.noteKeys(before, src) {
			m.Edits[file] = e
		}
	}
	old, err := p.Read(manifestPath)
	if err != nil {
		return writeFailure(err)
	}
	data, err := encode(m)
	if err != nil {
		return err
	}
	if err := p.Write(manifestPath, old, data, 0o644); err != nil {
		return writeFailure(err)
	}
	return nil
}

// noteKeys reports whether there was a key to note.
func (e *edited) noteKeys(before, after []byte) (noted bool) {
	for _, key := range []string{current, previous} {
		_, was := edit.DotenvGet(before, key)
		value, is := edit.DotenvGet(after, key)
		if is && (!was || slices.ContainsFunc(e.Puts, func(p edit.Put) bool { return p.Key == key })) {
			e.put(edit.Put{Kind: "env", Key: key, Text: hash([]byte(value))})
			noted = true
		}
	}
	return noted
}

func writeKeys(ctx context.Context, o KeyOptions, p *plan.Plan, report *Report) error {
	if o.DryRun || o.Diff {
		report.Status, report.Headline = StatusDryRun, "would change the key in:"
		if o.Diff {
			report.Diff = p.Diff()
		}
		return nil
	}
	applied, err := p.Apply(ctx)
	if err != nil {
		return writeFailure(err)
	}
	report.Headline, report.Next = keyHeadline(o.Rotate)
	return applied.Done()
}

func keyHeadline(step string) (headline string, next []string) {
	switch step {
	case "announce":
		return "announced a new key: it is accepted, and does not sign yet",
			[]string{"restart every replica, then: fastman generate:key --rotate=switch"}
	case "switch":
		return "switched: the new key signs, the former one is still accepted",
			[]string{"restart every replica; when the last session under the former key has ended (REFRESH_TOKEN_EXPIRE_DAYS): fastman generate:key --rotate=retire"}
	case "retire":
		return "retired the former key", []string{"restart every replica"}
	}
	return "wrote a new SECRET_KEY; everybody is signed out when the app restarts", []string{"restart the app"}
}

// keyFiles are the env files of the project: beside it, or in the folders that an
// install noted.
func keyFiles(root string) ([]string, error) {
	m, err := readManifest(root)
	if err != nil {
		return nil, err
	}
	dirs := []string{"."}
	if m != nil {
		dirs = m.EnvDirs
	}
	files, _ := project.EnvFiles(root, dirs...)
	if len(files) == 0 {
		return nil, failure("no env file in "+filepath.Base(root), "make one first: touch .env")
	}
	return files, nil
}

// replaceKey is the answer to a leak: no former key may stay accepted.
func replaceKey(src []byte, file string) ([]byte, error) {
	out, err := put(src, file, current, newKey())
	if err != nil {
		return nil, err
	}
	if value, there := edit.DotenvGet(out, previous); there && value != "" {
		out, err = put(out, file, previous, "")
	}
	return withoutRemark(out), err
}

func announceKey(src []byte, file string) ([]byte, error) {
	value, _ := edit.DotenvGet(src, current)
	switch {
	case value == "":
		return nil, failure(file+": has no SECRET_KEY to rotate", "make one: fastman generate:key")
	case strings.Contains(value, ",") || strings.TrimSpace(value) != value:
		return nil, failure(file+": SECRET_KEY holds a comma or outer spaces, so that it cannot stand in the list SECRET_KEY_PREVIOUS",
			"replace it, which signs everybody out: fastman generate:key")
	}
	if value, _ := edit.DotenvGet(src, previous); value != "" {
		return nil, failure(file+": a rotation is under way: SECRET_KEY_PREVIOUS is set", nextStep(src))
	}
	next := newKey()
	out, err := put(src, file, previous, next)
	if err != nil {
		return nil, err
	}
	return withRemark(out), nil
}

func switchKey(src []byte, file string) ([]byte, error) {
	next, _ := edit.DotenvGet(src, previous)
	if next == "" || !hasRemark(src) {
		return nil, failure(file+": no announced key to switch to", nextStep(src))
	}
	former, _ := edit.DotenvGet(src, current)
	out, err := put(src, file, current, next)
	if err == nil {
		out, err = put(out, file, previous, former)
	}
	return withoutRemark(out), err
}

func retireKey(src []byte, file string) ([]byte, error) {
	if value, _ := edit.DotenvGet(src, previous); value == "" || hasRemark(src) {
		return nil, failure(file+": no former key to retire", nextStep(src))
	}
	return put(src, file, previous, "")
}

func nextStep(src []byte) string {
	value, _ := edit.DotenvGet(src, previous)
	switch {
	case value == "":
		return "begin with: fastman generate:key --rotate=announce"
	case hasRemark(src):
		return "go on with: fastman generate:key --rotate=switch"
	}
	return "go on with: fastman generate:key --rotate=retire"
}

// put sets a variable, whether it is there or not.
func put(src []byte, file, key, value string) ([]byte, error) {
	result := edit.DotenvReplace(src, key, value)
	if result.Status == edit.CannotPlace {
		result = edit.DotenvAdd(src, key, value)
	}
	if result.Status == edit.CannotPlace {
		return nil, failure(file+": "+result.Reason, "set "+key+" by hand: fastman generate:key --show")
	}
	return result.Out, nil
}

func hasRemark(src []byte) bool { return strings.Contains(string(src), announced) }

// withRemark puts the remark on a line of its own above SECRET_KEY_PREVIOUS.
func withRemark(src []byte) []byte {
	newline := "\n"
	if strings.Contains(string(src), "\r\n") {
		newline = "\r\n"
	}
	return edit.InsertAbove(src, previous, announced+newline)
}

func withoutRemark(src []byte) []byte {
	text := string(src)
	for _, newline := range []string{"\r\n", "\n"} {
		text = strings.ReplaceAll(text, announced+newline, "")
	}
	return []byte(text)
}
