package edit

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// Requirement is one entry of a requirements file.
type Requirement struct {
	Name    string // normalised as in PEP 503; "" for an option
	Version string // "==1.4", ">=2,<3", "" when free
	Extras  string // "binary" of name[binary]
	Include string // the file of "-r FILE"

	Conditional bool // has a marker: not wanted on every machine
}

var (
	// The name at the head of a PEP 508 requirement, with extras.
	requirementName = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*`)
	includeOption   = regexp.MustCompile(`^(?:-r|--requirement)[\s=]*(.+)$`)
	eggName         = regexp.MustCompile(`[#&]egg=([A-Za-z0-9._-]+)`)
	lineComment     = regexp.MustCompile(`(?:^|\s+)#.*$`)
	continued       = regexp.MustCompile(`\\\r?\n`)
	nameRuns        = regexp.MustCompile(`[-_.]+`)
)

// PackageName is the normalised name in a requirement, "" when it has none.
func PackageName(spec string) string {
	m := requirementName.FindStringSubmatch(strings.TrimSpace(spec))
	if m == nil {
		return ""
	}
	return strings.ToLower(nameRuns.ReplaceAllString(m[1], "-"))
}

// PackageExtras is what stands in the brackets of a requirement.
func PackageExtras(spec string) string {
	if m := requirementName.FindStringSubmatch(strings.TrimSpace(spec)); m != nil {
		return m[2]
	}
	return ""
}

// PackageVersion is what a requirement says about versions, without markers.
func PackageVersion(spec string) string {
	spec, _, _ = strings.Cut(strings.TrimSpace(spec), ";")
	rest := spec[len(requirementName.FindString(spec)):]
	if strings.HasPrefix(rest, "@") {
		return ""
	}
	return strings.Trim(rest, " ()")
}

// Requirements lists the entries of a requirements file.
func Requirements(src []byte) []Requirement {
	text, _, ok := decodeRequirements(src)
	if !ok {
		return nil
	}
	var all []Requirement
	for _, line := range requirementLines(text) {
		if r, ok := parseRequirement(line); ok {
			all = append(all, r)
		}
	}
	return all
}

// requirementLines are the entries with their lines joined and no comments.
func requirementLines(text []byte) []string {
	var lines []string
	for _, line := range logicalLines(text[len(mark(text)):]) {
		if line = bareRequirement(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// logicalLines joins the lines that end in a backslash; every byte stays.
func logicalLines(text []byte) []string {
	var all []string
	open := false
	for line := range strings.Lines(string(text)) {
		if open {
			all[len(all)-1] += line
		} else {
			all = append(all, line)
		}
		comment := strings.HasPrefix(strings.TrimSpace(line), "#")
		open = !comment && strings.HasSuffix(strings.TrimRight(line, "\r\n"), `\`)
	}
	return all
}

func bareRequirement(line string) string {
	line = continued.ReplaceAllString(line, "")
	return strings.TrimSpace(lineComment.ReplaceAllString(strings.TrimRight(line, "\r\n"), ""))
}

func parseRequirement(line string) (Requirement, bool) {
	if m := includeOption.FindStringSubmatch(line); m != nil {
		return Requirement{Include: strings.Trim(m[1], `"'`)}, true
	}
	line, _, _ = strings.Cut(line, " --") // per-requirement options: --hash, --config-settings
	if m := eggName.FindStringSubmatch(line); m != nil {
		return Requirement{Name: PackageName(m[1])}, true
	}
	name := PackageName(line)
	if name == "" || strings.Contains(line, "://") && !strings.Contains(line, "@") {
		return Requirement{}, false
	}
	return Requirement{Name: name, Version: PackageVersion(line), Extras: PackageExtras(line), Conditional: strings.Contains(line, ";")}, true
}

// RequirementsAdd appends the requirements whose package has no entry yet; an entry
// is left alone whatever it says. UTF-16, which PowerShell writes, stays UTF-16.
func RequirementsAdd(src []byte, specs []string) Result {
	snippet := strings.Join(specs, "\n")
	text, encode, ok := decodeRequirements(src)
	if !ok {
		return Result{Status: CannotPlace, Out: src, Snippet: snippet, Reason: "is neither UTF-8 nor UTF-16 text"}
	}
	if bytes.Contains(text, []byte("--hash=")) || bytes.Contains(text, []byte("--require-hashes")) {
		return Result{Status: CannotPlace, Out: src, Snippet: snippet, Reason: "every entry in it is locked by a hash"}
	}
	var there []string
	for _, r := range Requirements(src) {
		there = append(there, r.Name)
	}
	missing := lacking(there, specs)
	if missing == nil {
		return Result{Status: AlreadyThere, Out: src}
	}
	return Result{Status: Done, Out: encode(appendLines(text, missing...)), Puts: packagePuts(missing)}
}

// RequirementsRemove takes the entries of the packages out, with what else stands on
// their lines. Comments on lines of their own, options and includes stay.
func RequirementsRemove(src []byte, specs []string) Result {
	text, encode, ok := decodeRequirements(src)
	if !ok {
		return Result{Status: CannotPlace, Out: src, Snippet: strings.Join(specs, "\n"), Reason: "is neither UTF-8 nor UTF-16 text"}
	}
	names := packageNames(specs)
	bom := mark(text)
	kept, found := slices.Clone(bom), false
	for _, line := range logicalLines(text[len(bom):]) {
		if r, ok := parseRequirement(bareRequirement(line)); ok && slices.Contains(names, r.Name) {
			found = true
			continue
		}
		kept = append(kept, line...)
	}
	if !found {
		return Result{Status: AlreadyThere, Out: src}
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		kept = bytes.TrimSuffix(bytes.TrimSuffix(kept, []byte("\n")), []byte("\r"))
	}
	return Result{Status: Done, Out: encode(kept)}
}

func packageNames(specs []string) []string {
	var names []string
	for _, spec := range specs {
		names = append(names, PackageName(spec))
	}
	return names
}

// lacking are the specs whose package is not there.
func lacking(there, specs []string) []string {
	var missing []string
	for _, spec := range specs {
		if !slices.Contains(there, PackageName(spec)) {
			missing = append(missing, spec)
		}
	}
	return missing
}

func packagePuts(specs []string) []Put {
	var puts []Put
	for _, spec := range specs {
		puts = append(puts, Put{Kind: "package", Key: PackageName(spec), Text: spec})
	}
	return puts
}

// decodeRequirements returns the text as UTF-8 and the way back, which is refused
// unless it leads to the same bytes.
func decodeRequirements(src []byte) (text []byte, encode func([]byte) []byte, ok bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(src, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(src, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		same := func(b []byte) []byte { return b }
		return src, same, bytes.IndexByte(src, 0) < 0
	}
	encode = func(text []byte) []byte { return encodeUTF16(text, order) }
	if len(src)%2 != 0 {
		return nil, nil, false
	}
	units := make([]uint16, len(src)/2)
	for i := range units {
		units[i] = order.Uint16(src[2*i:])
	}
	text = []byte(string(utf16.Decode(units)))
	return text, encode, bytes.Equal(encode(text), src)
}

func encodeUTF16(text []byte, order binary.ByteOrder) []byte {
	units := utf16.Encode([]rune(string(text)))
	out := make([]byte, 2*len(units))
	for i, unit := range units {
		order.PutUint16(out[2*i:], unit)
	}
	return out
}
