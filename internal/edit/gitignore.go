package edit

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// examples are env files without secrets: they belong in version control.
var examples = []string{".env.example", ".env.sample", ".env.template"}

// GitignoreEnv makes git ignore every env file but the examples. Only lines that
// change what git does are added. Where the user takes an env file out again
// ("!.env.ci"), that still counts: ours go before it.
func GitignoreEnv(src []byte) Result {
	if r, refused := refuseUTF16(src, ".env\n.env.*\n!"+strings.Join(examples, "\n!")); refused {
		return r
	}
	out, puts := addIgnores(src)
	for _, name := range examples {
		if !ignores(out, name) && !ignores(out, "sub/"+name) {
			continue
		}
		out = appendLines(out, "!"+name)
		puts = append(puts, ignorePut("!"+name))
	}
	if len(puts) == 0 {
		return Result{Status: AlreadyThere, Out: src}
	}
	return Result{Status: Done, Out: out, Puts: puts}
}

func ignorePut(line string) Put { return Put{Kind: "ignore", Key: line, Text: line} }

// addIgnores adds the two patterns where they lack.
func addIgnores(src []byte) (out []byte, puts []Put) {
	var lines []string
	for _, pattern := range []string{".env", ".env.*"} {
		if !covers(src, pattern) && !slices.Contains(ignoreLines(src), pattern) {
			lines = append(lines, pattern)
			puts = append(puts, ignorePut(pattern))
		}
	}
	if lines == nil {
		return src, nil
	}
	if at := firstEnvException(src); at >= 0 {
		end := lineEnding(src)
		return slices.Concat(src[:at], []byte(strings.Join(lines, end)+end), src[at:]), puts
	}
	return appendLines(src, lines...), puts
}

// covers probes whether pattern would add nothing; the names begin and end with
// letters that patterns like ".env.[lp]*" part.
func covers(src []byte, pattern string) bool {
	names := []string{".env"}
	if pattern == ".env.*" {
		names = []string{".env.local", ".env.production", ".env.test", ".env.0", ".env.staging"}
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !ignores(src, name) || !ignores(src, "sub/"+name)
	})
}

// firstEnvException is where the first line "!.env…" begins, or -1.
func firstEnvException(src []byte) int {
	at := len(mark(src))
	for line := range bytes.Lines(src[at:]) {
		if bytes.HasPrefix(line, []byte("!")) && bytes.Contains(line, []byte(".env")) {
			return at
		}
		at += len(line)
	}
	return -1
}

func ignoreLines(src []byte) []string {
	var lines []string
	for line := range strings.Lines(string(src[len(mark(src)):])) {
		lines = append(lines, strings.TrimRight(line, "\r\n \t"))
	}
	return lines
}

// ignores reports whether git ignores the file name under these patterns: the last
// one that matches decides. Patterns with "**" inside count as no match.
func ignores(src []byte, name string) bool {
	ignored := false
	for _, line := range ignoreLines(src) {
		pattern, not := strings.CutPrefix(line, "!")
		if pattern == "" || strings.HasPrefix(line, "#") || strings.HasSuffix(pattern, "/") {
			continue
		}
		if ignoreMatch(pattern, name) {
			ignored = !not
		}
	}
	return ignored
}

func ignoreMatch(pattern, name string) bool {
	pattern = strings.ReplaceAll(pattern, "[!", "[^")
	anywhere := strings.TrimPrefix(pattern, "**/")
	if !strings.Contains(anywhere, "/") {
		pattern, name = anywhere, path.Base(name)
	}
	ok, err := path.Match(strings.TrimPrefix(pattern, "/"), name)
	return err == nil && ok
}
