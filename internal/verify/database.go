package verify

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"time"

	"fastman/internal/run"
)

// The drivers of databases are larger than all of fastman, and the project has its own.
// So a connection is a process of the project's stack, db.py or db.go.txt, that is given
// a statement as a line of JSON and answers with one.

// openDatabase returns a database as database/sql has it.
func openDatabase(spec run.Spec) *sql.DB { return sql.OpenDB(connector{spec}) }

type connector struct{ spec run.Spec }

func (c connector) Driver() driver.Driver { return nil }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	process, err := run.Start(context.WithoutCancel(ctx), c.spec)
	if err != nil {
		return nil, err
	}
	return &connection{process: process, answers: bufio.NewReader(process.Stdout)}, nil
}

// connection is one process.
type connection struct {
	process *run.Process
	answers *bufio.Reader
}

type statement struct {
	SQL   string `json:"sql"`
	Args  []any  `json:"args"`
	Query bool   `json:"query"`
}

type outcome struct {
	Columns []string
	Rows    [][]*string
	N       int64
	Error   string
}

func (c *connection) do(ctx context.Context, query bool, text string, args []driver.NamedValue) (*outcome, error) {
	defer context.AfterFunc(ctx, func() { c.process.Stop(0) })() // a server may never answer
	s := statement{SQL: text, Args: []any{}, Query: query}
	for _, arg := range args {
		s.Args = append(s.Args, encodeArg(arg.Value))
	}
	line, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if _, err := c.process.Stdin.Write(append(line, '\n')); err != nil {
		return nil, driver.ErrBadConn
	}
	answer, err := c.answers.ReadBytes('\n')
	if err != nil {
		return nil, driver.ErrBadConn
	}
	var o outcome
	if err := json.Unmarshal(answer, &o); err != nil {
		return nil, err
	}
	if o.Error != "" {
		return nil, errors.New(o.Error)
	}
	return &o, nil
}

// encodeArg keeps what JSON has no form for.
func encodeArg(value driver.Value) any {
	switch v := value.(type) {
	case time.Time:
		return map[string]string{"time": v.Format(time.RFC3339Nano)}
	case []byte:
		return string(v)
	}
	return value
}

func (c *connection) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	o, err := c.do(ctx, false, text, args)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(o.N), nil
}

func (c *connection) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	o, err := c.do(ctx, true, text, args)
	if err != nil {
		return nil, err
	}
	return &rows{o}, nil
}

func (c *connection) Close() error {
	_ = c.process.Stdin.Close()
	c.process.Stop(time.Second)
	return c.process.Stdout.Close()
}

var errUnused = errors.New("the suite has no use for it")

func (c *connection) Prepare(string) (driver.Stmt, error) { return nil, errUnused }
func (c *connection) Begin() (driver.Tx, error)           { return nil, errUnused }

type rows struct{ *outcome }

func (r *rows) Columns() []string { return r.outcome.Columns }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(into []driver.Value) error {
	if len(r.Rows) == 0 {
		return io.EOF
	}
	for i, text := range r.Rows[0] {
		into[i] = nil
		if text != nil {
			into[i] = *text
		}
	}
	r.Rows = r.Rows[1:]
	return nil
}
