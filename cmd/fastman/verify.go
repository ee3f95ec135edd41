package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"fastman/internal/install"
	"fastman/internal/verify"
)

func verifyCmd(term *terminal) *cobra.Command {
	var o verify.Options
	var list bool
	var junit, html string
	cmd := &cobra.Command{
		Use:   "verify:auth",
		Short: "Show that the sign-in of this project still holds, with your edits",
		Long: "Starts the app of this project, as it stands, on a scratch database with scratch keys,\n" +
			"and tries it out as an attacker would. Your data, env files and servers are not touched.\n" +
			"A project on PostgreSQL is tried out on PostgreSQL: on one that is started for it where its\n" +
			"programs are installed, or in a database that is made and dropped on the server that\n" +
			verify.ServerVariable + "=postgresql://user:password@host/postgres names.\n" +
			"Exit status: 0 all held, 1 something failed, 3 something could not be judged.",
		Args: exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			term.json = o.JSON
			o.Templates, o.Progress = library(), term.progress
			do := verify.Run
			if list {
				do = verify.List
			}
			report, err := do(cmd.Context(), o)
			if err != nil {
				return unjudged(term, err)
			}
			for file, write := range map[string]func(*verify.Report) []byte{junit: (*verify.Report).JUnit, html: (*verify.Report).HTML} {
				if file == "" {
					continue
				}
				if err := os.WriteFile(file, write(report), 0o644); err != nil {
					return &install.Failure{What: err.Error(), Untouched: "the project was not touched", Hint: "name a file in a folder that is there"}
				}
			}
			if o.JSON {
				err = term.printJSON(report)
			} else {
				term.verified(report)
			}
			return errors.Join(err, verdict(report))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", ".", "folder of the project")
	flags.StringVar(&o.Only, "only", "", "run only the cases whose name matches this expression")
	flags.BoolVar(&list, "list", false, "name the cases and run none")
	flags.BoolVar(&o.JSON, "json", false, "print the result as JSON")
	flags.StringVar(&junit, "junit", "", "write the result to this file as JUnit XML")
	flags.StringVar(&html, "html", "", "write the result to this file as one page, to hand to an auditor")
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
func unjudged(term *terminal, err error) error {
	var u *verify.Unjudged
	var f *install.Failure
	switch {
	case errors.As(err, &u):
		f = &install.Failure{What: u.What, Detail: u.Detail, Hint: u.Hint}
	case !errors.As(err, &f):
		return err
	}
	f.Untouched = "the project was not touched"
	term.error(f)
	return &leftover{}
}
