package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/templates"
)

func newRoot(term *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "fastman",
		Short: "Sign-in for your web project, as code that you own",
		Long: "fastman adds production-grade sign-in to a FastAPI or Go project, as code that you own.\n" +
			"It reads your project, edits it in place, and shows the URLs that it mounted.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(unknownFlag)
	root.AddCommand(newCmd(term), installCmd(term), removeCmd(term), updateCmd(term), statusCmd(term), verifyCmd(term), keyCmd(term), demoCmd(term), versionCmd(term))
	return root
}

func newCmd(term *terminal) *cobra.Command {
	var o install.NewOptions
	var w wanted
	cmd := &cobra.Command{
		Use:     "new NAME",
		Aliases: []string{"create"},
		Short:   "Make a minimal runnable project",
		Args:    exactly("a name, as in: fastman new shop", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := w.set()
			if err != nil {
				return err
			}
			o.Name, o.Set = args[0], set
			return report(cmd.Context(), term, &o.Common, func(ctx context.Context) (*install.Report, error) {
				return install.New(ctx, o)
			})
		},
	}
	common(cmd.Flags(), &o.Common)
	w.flags(cmd.Flags(), "also add these ways of signing in")
	stackFlag(cmd.Flags(), &o.Stack, "fastapi")
	return cmd
}

func installCmd(term *terminal) *cobra.Command {
	var o install.AuthOptions
	var w wanted
	cmd := &cobra.Command{
		Use:   "install:auth",
		Short: "Add sign-in to the project in this folder",
		Long: "Adds sign-in to the project in this folder. On a terminal it asks what to add where no\n" +
			"flag says it, shows what it would write, and asks again; elsewhere, and with --yes, it is\n" +
			"jwt. With ACCESSIBLE=1 in the environment the questions are plain lines of text.",
		Args: exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if term.asks(&o.Common) && !w.named() {
				err = pickInstall(cmd.Context(), term, &o)
			} else {
				o.Types, o.Providers, err = w.readOr(feature.JWT)
				o.UI = w.ui
			}
			if err != nil {
				return err
			}
			return report(cmd.Context(), term, &o.Common, func(ctx context.Context) (*install.Report, error) {
				return install.Auth(ctx, o)
			})
		},
	}
	common(cmd.Flags(), &o.Common)
	w.flags(cmd.Flags(), "ways of signing in (default jwt)")
	cmd.Flags().StringVar(&o.Prefix, "prefix", "/auth", "path under which the routes stand")
	cmd.Flags().StringVar(&o.UsersTable, "users-table", "users", "name of the table of users")
	cmd.Flags().StringVar(&o.App, "app", "", "the app where several are found: FILE or MODULE:NAME; of Go the FOLDER of its main package")
	stackFlag(cmd.Flags(), &o.Stack, "found by looking")
	return cmd
}

func removeCmd(term *terminal) *cobra.Command {
	var o install.RemoveOptions
	var w wanted
	cmd := &cobra.Command{
		Use:   "remove:auth",
		Short: "Take ways of signing in out again, or all of it",
		Long: "Takes out what fastman has put in: files nobody changed since the install are as before,\n" +
			"the others lose our lines. Migrations stay, tables too, and values that you typed.\n" +
			"On a terminal it asks what is to go where no flag says it; with ACCESSIBLE=1 in the\n" +
			"environment the questions are plain lines of text.",
		Args: exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if term.asks(&o.Common) && !w.named() && !o.All {
				err = pickRemoval(cmd.Context(), term, &o)
			} else {
				o.Types, o.Providers, err = w.read()
				o.UI = w.ui
			}
			if err != nil {
				return err
			}
			return report(cmd.Context(), term, &o.Common, func(ctx context.Context) (*install.Report, error) {
				return install.RemoveAuth(ctx, o)
			})
		},
	}
	common(cmd.Flags(), &o.Common)
	w.flags(cmd.Flags(), "ways of signing in to take out")
	cmd.Flags().BoolVar(&o.All, "all", false, "take everything out")
	cmd.Flags().BoolVar(&o.DropTables, "drop-tables", false, "with --all: drop the tables and what is in them; asks for a typed confirmation")
	return cmd
}

func updateCmd(term *terminal) *cobra.Command {
	var o install.UpdateOptions
	cmd := &cobra.Command{
		Use:   "update:auth",
		Short: "Bring the code in this project to this fastman's, with your edits kept",
		Args:  exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return report(cmd.Context(), term, &o.Common, func(ctx context.Context) (*install.Report, error) {
				return install.UpdateAuth(ctx, o)
			})
		},
	}
	common(cmd.Flags(), &o.Common)
	cmd.Flags().BoolVar(&o.Check, "check", false, "only say whether there is something to do: exit status 3 when there is")
	return cmd
}

func statusCmd(term *terminal) *cobra.Command {
	var o install.StatusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is installed, what was edited, and what an update would bring",
		Args:  exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			term.json, o.Templates = o.JSON, library()
			s, err := install.ShowStatus(cmd.Context(), o)
			switch {
			case err != nil:
				return err
			case o.JSON:
				return term.printJSON(s)
			}
			term.status(s)
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print the result as JSON")
	cmd.Flags().StringVar(&o.Dir, "dir", ".", "folder of the project")
	return cmd
}

func keyCmd(term *terminal) *cobra.Command {
	var o install.KeyOptions
	cmd := &cobra.Command{
		Use:   "generate:key",
		Short: "Write a new SECRET_KEY into every env file",
		Long: "Writes a new SECRET_KEY, a different one into each env file. Everybody is signed out,\n" +
			"as after a leak. To change the key of running servers without that, use --rotate:\n" +
			"announce, deploy, switch, deploy, and retire once the last refresh token has run out.",
		Args: exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return report(cmd.Context(), term, &o.Common, func(ctx context.Context) (*install.Report, error) {
				return install.GenerateKey(ctx, o, term.show)
			})
		},
	}
	edits(cmd.Flags(), &o.Common)
	cmd.Flags().BoolVar(&o.Show, "show", false, "print a new key and write nothing")
	cmd.Flags().StringVar(&o.Rotate, "rotate", "", "one step of a rotation: announce, switch or retire")
	return cmd
}

func demoCmd(term *terminal) *cobra.Command {
	var o install.DemoOptions
	var w wanted
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Make a new project with sign-in, start it and show how to use it",
		Args:  exactly("no arguments", 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := w.setOr(feature.JWT)
			if err != nil {
				return err
			}
			o.Set, o.Progress = set.WithUI(true), term.progress
			return install.Demo(cmd.Context(), o, term.demo)
		},
	}
	cmd.Flags().BoolVar(&o.Check, "check", false, "try the running app out, remove it, and end")
	cmd.Flags().StringVar(&o.Dir, "dir", "", "folder for the project (default: a new temporary one)")
	w.flags(cmd.Flags(), "ways of signing in (default jwt)")
	stackFlag(cmd.Flags(), &o.Stack, "fastapi")
	return cmd
}

func versionCmd(term *terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly("no arguments", 0),
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(term.out, "fastman %s %s/%s\n", library().Version, runtime.GOOS, runtime.GOARCH)
		},
	}
}

// common adds the flags of every command that changes a project.
func common(flags *pflag.FlagSet, o *install.Common) {
	edits(flags, o)
	flags.BoolVar(&o.NoDeps, "no-deps", false, "print the package command instead of running it")
	flags.BoolVar(&o.NoBoot, "no-boot", false, "do not start the app to check it")
}

// edits adds the flags of every command that writes files.
func edits(flags *pflag.FlagSet, o *install.Common) {
	flags.BoolVar(&o.DryRun, "dry-run", false, "say what would happen and touch nothing")
	flags.BoolVar(&o.Diff, "diff", false, "as --dry-run, with unified diffs")
	flags.BoolVarP(&o.Yes, "yes", "y", false, "ask nothing")
	flags.BoolVar(&o.JSON, "json", false, "print the result as JSON")
	flags.StringVar(&o.Dir, "dir", ".", "folder of the project")
}

func stackFlag(flags *pflag.FlagSet, stack *string, usual string) {
	flags.StringVar(stack, "stack", "", "stack of the project: fastapi or go (default "+usual+")")
}

// library is what fastman is built with; the tests put others in its place.
var library = templates.Builtin

// wanted are the flags that name types and what belongs to them.
type wanted struct {
	types, providers []string
	ui               bool
}

func (w *wanted) flags(flags *pflag.FlagSet, what string) {
	flags.StringSliceVar(&w.types, "type", nil, what+": "+feature.NewSet(library().Types...).String())
	if offered := library().Providers; len(offered) > 0 {
		flags.StringSliceVar(&w.providers, "provider", nil, "providers of oauth (default google): "+strings.Trim(fmt.Sprint(offered), "[]"))
	}
	flags.BoolVar(&w.ui, "ui", false, "the page of passkey, to sign in and manage it all")
}

func (w *wanted) named() bool { return len(w.types)+len(w.providers) > 0 || w.ui }

func (w *wanted) read() (types []feature.Type, providers []feature.Provider, err error) {
	if types, err = feature.ParseTypes(w.types, library().Types); err != nil {
		return nil, nil, unknown(err)
	}
	if providers, err = feature.ParseProviders(w.providers, library().Providers); err != nil {
		return nil, nil, unknown(err)
	}
	return types, providers, nil
}

// readOr takes a type for granted where nothing is named.
func (w *wanted) readOr(fallback feature.Type) ([]feature.Type, []feature.Provider, error) {
	types, providers, err := w.read()
	if err == nil && !w.named() {
		types = []feature.Type{fallback}
	}
	return types, providers, err
}

// set is what the flags name; a page without passkey is a usage error.
func (w *wanted) set() (feature.Set, error) {
	types, providers, err := w.read()
	if err != nil {
		return feature.Set{}, err
	}
	set := feature.NewSet().Plus(types, providers)
	return set.WithUI(w.ui), install.CheckUI(w.ui, set)
}

func (w *wanted) setOr(fallback feature.Type) (feature.Set, error) {
	if !w.named() {
		return feature.NewSet(fallback), nil
	}
	return w.set()
}

// report runs a command and prints what it did, as text or as JSON.
func report(ctx context.Context, term *terminal, o *install.Common, do func(context.Context) (*install.Report, error)) error {
	o.Templates, o.Progress, o.Ask, o.Typed = library(), term.progress, term.asker(), term.typed
	term.json = o.JSON
	r, err := do(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		if err := term.printJSON(r); err != nil {
			return err
		}
	} else {
		term.report(r)
	}
	if r.Status == install.StatusLeft {
		return &leftover{}
	}
	return nil
}

func exactly(want string, n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		what := fmt.Sprintf("%s takes %s", cmd.Name(), want)
		if len(args) > n {
			what = fmt.Sprintf("unexpected argument %q: %s", args[n], what)
		}
		return &install.Usage{What: what, Hint: "fastman " + cmd.Name() + " --help"}
	}
}

func unknown(err error) error {
	u := err.(*feature.UnknownError)
	hint := "use one of: " + strings.Join(u.Known, ", ")
	if near := u.Nearest(); near != "" {
		hint = "did you mean " + near + "? There is: " + strings.Join(u.Known, ", ")
	} else if slices.Contains(feature.Types, feature.Type(u.Name)) {
		hint = "this version of fastman does not have it yet; " + hint
	}
	return &install.Usage{What: err.Error(), Hint: hint}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, append(c.Aliases, c.Name())...)
	}
	return nearest("command", args[0], names, "fastman --help")
}

// unknownFlag answers a flag that does not exist with the one that was meant, and
// leaves other errors of flags (a missing value) in their own words.
func unknownFlag(cmd *cobra.Command, err error) error {
	help := cmd.CommandPath() + " --help"
	name, found := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !found {
		return &install.Usage{What: err.Error(), Hint: help}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return nearest("flag --", name, names, help)
}

func nearest(kind, name string, names []string, help string) error {
	what := fmt.Sprintf("unknown %s %q", kind, name)
	if strings.HasSuffix(kind, "--") {
		what = "unknown " + kind + name
	}
	near := feature.Nearest(name, names)
	if near == "" {
		return &install.Usage{What: what, Hint: "what there is: " + help}
	}
	prefix := strings.TrimPrefix(kind, "flag ")
	if prefix == "command" {
		prefix = "fastman "
	}
	return &install.Usage{What: what, Hint: "did you mean: " + prefix + near}
}
