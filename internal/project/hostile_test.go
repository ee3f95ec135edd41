package project

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/edit"
)

func startReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{python: python()}
	t.Cleanup(func() { r.stop() })
	return r
}

// A file that can't be parsed is named with the reason; those beside it are read.
func TestHostileSourcesAreUnreadable(t *testing.T) {
	sources := map[string]string{
		"syntax error":      "x = (\n",
		"NUL":               "x = 1\x00\n",
		"brackets":          strings.Repeat("(", 100_000),
		"closed brackets":   "x = " + strings.Repeat("(", 5_000) + "1" + strings.Repeat(")", 5_000),
		"unary":             "x = " + strings.Repeat("-", 100_000) + "1",
		"indentation":       "if x:\n\ty\n        z\n",
		"broken UTF-8":      "x = '\xff'\n",
		"unknown encoding":  "# coding: klingon\nx = 1\n",
		"encoding no text":  "# coding: hex\nx = 1\n",
		"UTF-16":            "\xff\xfex\x00=\x001\x00",
		"merge conflict":    "<<<<<<< HEAD\nx = 1\n",
		"python 2":          "print 'x'\n",
		"lone continuation": "x = \\",
	}
	r := startReader(t)
	for name, src := range sources {
		answers, err := r.ask(testContext, []request{{"facts", []byte(src)}, {"facts", []byte("ok = 1\n")}, {"check", []byte(src)}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if answers[0].Error == nil || answers[0].Error.Message == "" || answers[2].Error == nil {
			t.Errorf("%s: not reported: %+v", name, answers[0].Error)
		}
		if answers[1].Error != nil || len(answers[1].Body) != 1 {
			t.Errorf("%s: the next file was not read: %+v", name, answers[1].Error)
		}
	}
}

// Long but proper sources are read, or refused with a reason; the process lives on.
func TestHugeSourcesDoNotEndTheReader(t *testing.T) {
	r := startReader(t)
	for name, src := range map[string]string{
		"sum":        "x = " + strings.Repeat("1 + ", 100_000) + "1\n",
		"attributes": "x = a" + strings.Repeat(".b", 50_000) + "\n",
		"elif":       "if a: pass\n" + strings.Repeat("elif a: pass\n", 2_000),
		"list":       "x = [" + strings.Repeat("1,", 100_000) + "]\n",
		"calls":      "x = " + strings.Repeat("f(", 90) + strings.Repeat(")", 90) + "\n",
		"big number": "x = 1" + strings.Repeat("0", 4_000) + "\n",
		"statements": strings.Repeat("x = 1\n", 20_000),
	} {
		answers, err := r.ask(testContext, []request{{"facts", []byte(src)}, {"facts", []byte("ok = 1\n")}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if answers[0].Error == nil && len(answers[0].Body) == 0 || len(answers[1].Body) != 1 {
			t.Errorf("%s: %+v, then %+v", name, answers[0].Error, answers[1])
		}
	}
}

// An interpreter that ends in the middle costs the file that it was reading.
func TestReaderIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	fake := filepath.Join(dir, "python")
	script := "#!/bin/sh\n[ -e " + dir + "/once ] && exec " + python() + ` "$@"` + "\n" +
		"touch " + dir + `/once; echo '{"version":"3.12.0","path":""}'; read line; echo '{"body":[]}'; read line; kill -9 $$` + "\n"
	if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := &reader{python: fake}
	defer r.stop()
	answers, err := r.ask(testContext, []request{{"facts", nil}, {"facts", []byte("a = 1")}, {"facts", []byte("b = 1")}})
	if err != nil {
		t.Fatal(err)
	}
	if answers[0].Error != nil || answers[1].Error == nil || len(answers[2].Body) != 1 {
		t.Errorf("got %+v", answers)
	}
}

// Spans are places in the file as it is stored, whatever its encoding.
func TestSpansAreBytesOfTheFile(t *testing.T) {
	r := startReader(t)
	for name, src := range map[string]string{
		"utf-8":         "é = 'ß'; mark = 1\n",
		"bom":           "\xef\xbb\xbf'ß'; mark = 1\n",
		"bom crlf":      "\xef\xbb\xbf'ß'\r\n\r\nmark = 1\r\n",
		"cr":            "a = 1\rmark = 1\r",
		"latin-1":       "# coding: latin-1\n'\xdf\xe9'; mark = 1\n",
		"latin-1 vim":   "#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\n'\xa4'; mark = 1\n",
		"cp1252":        "# -*- coding: cp1252 -*-\n'\x80'; mark = 1\n",
		"shift-jis":     "# coding: shift_jis\n'\x83\x65'; mark = 1\n",
		"gbk":           "# coding=gbk\n'\xc4\xe3'; mark = 1\n",
		"form feed":     "a = 1\n\f\nmark = 1\n",
		"form feed in":  "if a:\n  \f  mark = 1\n",
		"tabs":          "if a:\n\tmark = 1\n",
		"continuation":  "a = 1; \\\n  mark = 1\n",
		"line sep":      "a = '\u2028\u0085'; mark = 1\n",
		"long string":   "a = '''x\n\ny'''; mark = 1\n",
		"astral":        "a = '😀'; mark = 1\n",
		"latin fstring": "# coding: latin-1\na = f'\xe9{x.y}\xe9'; mark = 1\n",
		"no cookie":     "'''\n# coding: latin-1 it is not\n''' ; 'ß' ; mark = 1\n",
	} {
		answers, err := r.ask(testContext, []request{{"facts", []byte(src)}})
		if err != nil {
			t.Fatal(err)
		}
		if answers[0].Error != nil {
			t.Errorf("%s: %s", name, answers[0].Error.Message)
			continue
		}
		seen := false
		f := &edit.PyFile{Body: answers[0].Body}
		f.Walk(func(s *edit.Stmt) {
			if s.Binds("mark") {
				seen = src[s.Start:s.End] == "mark = 1"
			}
		})
		if !seen {
			t.Errorf("%s: the span is not that of the statement: %+v", name, f.Body)
		}
	}
}

// Nothing of the project runs while it is looked at.
func TestNoCodeOfTheProjectRuns(t *testing.T) {
	root := t.TempDir()
	trap := "open(" + "'" + filepath.ToSlash(filepath.Join(root, "ran")) + "', 'w')\n"
	for _, file := range []string{"main.py", "sitecustomize.py", "usercustomize.py", "ast.py", "json.py", "binascii.py", "alembic/env.py", "app/__init__.py"} {
		write(t, filepath.Join(root, file), []byte(trap+"from fastapi import FastAPI\napp = FastAPI()\n"))
	}
	t.Setenv("PYTHONPATH", root)
	t.Setenv("PYTHONSTARTUP", filepath.Join(root, "main.py"))
	p, err := Look(testContext, root, Options{Python: python(), App: "main:app"})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if exists(filepath.Join(root, "ran")) || exists(filepath.Join(root, "__pycache__")) {
		t.Error("code of the project ran")
	}
}

// A generated file that does not parse is named, with its line.
func TestCheckPython(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "main.py"), []byte("from fastapi import FastAPI\napp = FastAPI()\n"))
	p, err := Look(testContext, root, Options{Python: python()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sources := map[string][]byte{"a.py": []byte("x = 1\n"), "b.py": []byte("\nx = = 1\n"), "big.py": bytes.Repeat([]byte("x = 'long line'\n"), 20_000)}
	var unreadable *Unreadable
	if err := p.CheckPython(testContext, sources); !errors.As(err, &unreadable) || unreadable.Path != "b.py" || unreadable.Line != 2 {
		t.Errorf("got %v", err)
	}
	delete(sources, "b.py")
	if err := p.CheckPython(testContext, sources); err != nil {
		t.Error(err)
	}
}
