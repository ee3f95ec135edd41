package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"fastman/internal/install"
	"fastman/internal/verify"
)

func verifyCmd(term *terminal) *cobra.Command {
	var o verify.Options
	var list bool
	junit, html := reportFile{form: (*verify.Report).JUnit}, reportFile{form: (*verify.Report).HTML}
	cmd := &cobra.Command{
		Use:   "verify:auth [-- ARGUMENT...]",
		Short: "Show that the sign-in of this project still holds, with your edits",
		Long: "Starts the app of this project, as it stands, on a scratch database with scratch keys,\n" +
			"and tries it out as an attacker would. Your data, env files and servers are not touched.\n" +
			"What stands after -- is given to the program as it starts, with {port} replaced by its port.\n" +
			"A project on PostgreSQL is tried out on PostgreSQL: on one that is started for it where its\n" +
			"programs are installed, or in a database that is made and dropped on the server that\n" +
			verify.ServerVariable + "=postgresql://user:password@host/postgres names.\n" +
			"Exit status: 0 all held, 1 something failed, 3 something could not be judged.",
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() == 0 {
				return nil
			}
			return exactly("no arguments but those of the program, after --", 0)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Args = args
			term.json = o.JSON
			o.Templates, o.Progress = library(), term.progress
			do := verify.Run
			if list {
				do = verify.List
			}
			defer junit.close()
			defer html.close()
			if err := errors.Join(junit.open(), html.open()); err != nil {
				return err
			}
			report, err := do(cmd.Context(), o)
			if err != nil {
				return unjudged(cmd.Context(), term, err)
			}
			if o.JSON {
				err = term.printJSON(report)
			} else {
				term.verified(report)
			}
			if err := errors.Join(err, junit.write(report), html.write(report)); err != nil {
				return unjudged(context.Background(), term, &install.Failure{What: "the result could not be written: " + err.Error(), Hint: "make room there, then run again"})
			}
			return verdict(report)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", ".", "folder of the project")
	flags.StringVar(&o.Only, "only", "", "run only the cases whose name matches this expression")
	flags.BoolVar(&list, "list", false, "name the cases and run none")
	flags.BoolVar(&o.JSON, "json", false, "print the result as JSON")
	flags.StringVar(&junit.name, "junit", "", "write the result to this file as JUnit XML")
	flags.StringVar(&html.name, "html", "", "write the result to this file as one page, to hand to an auditor")
	flags.StringVar(&o.Database, "database", "", "kind of the scratch database: sqlite or postgresql (default: the project's own)")
	flags.StringVar(&o.URL, "url", "", "try a running server out, by what harms nobody")
	flags.BoolVar(&o.Own, "i-own-this-host", false, "with --url: the server may be on another machine")
	return cmd
}

// verdict is the exit status of a run.
func verdict(report *verify.Report) error {
	switch report.Status {
	case verify.StatusFailed:
		return errNotHeld
	case verify.StatusUnjudged:
		return &leftover{}
	}
	return nil
}

// errNotHeld ends a command that has said all there is to say.
var errNotHeld = errors.New("something does not hold")

// unjudged prints why nothing can be said about an app.
func unjudged(ctx context.Context, term *terminal, err error) error {
	var u *verify.Unjudged
	var f *install.Failure
	switch {
	case ctx.Err() != nil:
		f = &install.Failure{What: "it was stopped before it had a result", Hint: "run it again: fastman verify:auth"}
	case errors.As(err, &u):
		f = &install.Failure{What: u.What, Detail: u.Detail, Hint: u.Hint}
	case !errors.As(err, &f):
		return err
	}
	f.Untouched = "the project was not touched"
	term.unjudged(f)
	return &leftover{}
}

// reportFile is a file that the result goes to. It is opened before anything runs, so that
// nobody waits for a result that has no place; what is in it stays until there is another.
type reportFile struct {
	name string // "" is none
	form func(*verify.Report) []byte
	file *os.File
	made bool // was not there before
}

func (r *reportFile) open() error {
	if r.name == "" {
		return nil
	}
	_, err := os.Stat(r.name)
	r.made = err != nil
	if r.file, err = os.OpenFile(r.name, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
		return &install.Usage{What: "the result cannot be written: " + err.Error(), Hint: "name a file in a folder that is there and yours"}
	}
	return nil
}

func (r *reportFile) write(report *verify.Report) error {
	if r.file == nil {
		return nil
	}
	_ = r.file.Truncate(0) // a pipe has no length
	_, err := r.file.Write(r.form(report))
	r.made = r.made && err != nil
	return err
}

// close takes a file away that was made for a result that has not come.
func (r *reportFile) close() {
	if r.file == nil {
		return
	}
	_ = r.file.Close()
	if r.made {
		_ = os.Remove(r.name)
	}
}
