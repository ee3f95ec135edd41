package project

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"fastman/internal/edit"
	"fastman/internal/run"
)

//go:embed reader.py
var readerScript string

const (
	// longestHello is how long an interpreter may take to start.
	longestHello = 20 * time.Second
	// longestAnswer is how long one file may take, whatever is in it.
	longestAnswer = 20 * time.Second
	// mostCrashes bounds how often the interpreter is started again.
	mostCrashes = 5
)

// reader is one process of the project's interpreter, which reads source for us.
type reader struct {
	python string
	proc   *run.Process
	out    *bufio.Reader
}

// greeting is the first line of the process.
type greeting struct{ Version, Path string }

// request is a verb of reader.py and what it is about.
type request struct {
	verb string
	data []byte
}

// answer is a PyFile's facts, or the columns of a table.
type answer struct {
	Body    []edit.Stmt
	Error   *edit.PyError
	Columns []string
}

func (r *reader) start(ctx context.Context) (hello greeting, err error) {
	r.proc, err = run.Start(ctx, run.Spec{
		Args:  []string{r.python, "-I", "-S", "-c", readerScript},
		Unset: []string{"PYTHONWARNINGS"},
	})
	if err != nil {
		r.proc = nil
		return hello, err
	}
	r.out = bufio.NewReaderSize(r.proc.Stdout, 64<<10)
	if err := r.receive(longestHello, &hello); err != nil {
		result := r.stop()
		return hello, fmt.Errorf("%w: %s", err, lastLine(result.Stderr))
	}
	return hello, nil
}

func (r *reader) stop() run.Result {
	if r.proc == nil {
		return run.Result{}
	}
	_ = r.proc.Stdin.Close()
	r.proc.Stop(time.Second)
	result, _ := r.proc.Wait()
	_ = r.proc.Stdout.Close()
	r.proc = nil
	return result
}

func (r *reader) receive(within time.Duration, into any) error {
	proc := r.proc
	guard := time.AfterFunc(within, func() { proc.Stop(0) })
	defer guard.Stop()
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// ask answers every request. A file on which the interpreter itself ends is
// answered as unreadable, and the others by a new process.
func (r *reader) ask(ctx context.Context, requests []request) ([]answer, error) {
	answers := make([]answer, len(requests))
	for next, crashes := 0, 0; next < len(requests); crashes++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.proc == nil {
			if _, err := r.start(ctx); err != nil {
				return nil, err
			}
		}
		next += r.exchange(requests[next:], answers[next:])
		if next == len(requests) {
			break
		}
		r.stop()
		if crashes == mostCrashes {
			return nil, errors.New("the interpreter keeps ending while it reads the project: " + r.python)
		}
		answers[next].Error = &edit.PyError{Message: "the interpreter ended while it read the file"}
		next++
	}
	return answers, nil
}

// exchange sends the requests and reads answers as long as they come.
func (r *reader) exchange(requests []request, answers []answer) int {
	sent := make(chan struct{})
	go func(to io.Writer) {
		defer close(sent)
		for _, req := range requests {
			line := append([]byte(req.verb+" "), base64.StdEncoding.AppendEncode(nil, req.data)...)
			if _, err := to.Write(append(line, '\n')); err != nil {
				return
			}
		}
	}(r.proc.Stdin)
	for i := range requests {
		if err := r.receive(longestAnswer, &answers[i]); err != nil {
			r.stop()
			<-sent
			return i
		}
	}
	<-sent
	return len(requests)
}

func lastLine(text []byte) string {
	const most = 200
	line := ""
	for _, l := range splitLines(text) {
		if l != "" {
			line = l
		}
	}
	return line[:min(len(line), most)]
}
