package main

// The picker asks for what no flag says: what to add or take out, and whether what
// would be written is wanted. It is drawn on stderr, is worked with the keyboard alone,
// and writes nothing itself. In plain mode it is questions and lines of text, for
// screen readers and for terminals that can do no more.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"charm.land/huh/v2"

	"fastman/internal/feature"
	"fastman/internal/install"
)

// errDeclined ends a command that the user left at a question.
var errDeclined = errors.New("nothing was chosen")

type picker struct {
	in    io.Reader
	out   io.Writer
	plain bool
}

// wantsPlain follows the names that other programs with such forms go by.
func wantsPlain() bool {
	accessible := os.Getenv("ACCESSIBLE")
	on, err := strconv.ParseBool(accessible)
	return isDumb() || accessible != "" && (on || err != nil)
}

// pickInstall asks what install:auth adds. Where all on offer is installed it asks
// nothing.
func pickInstall(ctx context.Context, term *terminal, o *install.AuthOptions) error {
	found, err := install.Look(ctx, *o)
	if err != nil {
		return err
	}
	o.Stack = found.Stack
	offer := library().All().Minus(found.Set)
	if offer.Empty() {
		o.Types = found.Set.Types()
		return nil
	}
	chosen, err := term.picker.choose(ctx, menu{question: "How will people sign in?", offer: offer, there: found.Set, adds: true})
	if err != nil {
		return err
	}
	o.Types, o.Providers, o.UI = chosen.types, chosen.providers, chosen.ui
	if o.UI {
		o.Types = append(o.Types, feature.Passkey)
	}
	return term.agree(ctx, o.Common, found, func(c install.Common) (*install.Report, error) {
		preview := *o
		preview.Common = c
		return install.Auth(ctx, preview)
	})
}

// pickRemoval asks what remove:auth takes out.
func pickRemoval(ctx context.Context, term *terminal, o *install.RemoveOptions) error {
	found, err := install.Look(ctx, install.AuthOptions{Common: o.Common, Prefix: "/auth", UsersTable: "users"})
	if err != nil {
		return err
	}
	if found.Set.Empty() {
		o.All = true // which is refused with the reason
		return nil
	}
	chosen, err := term.picker.choose(ctx, menu{question: "Which ways of signing in are to go?", offer: found.Set})
	if err != nil {
		return err
	}
	o.Types, o.Providers, o.UI = chosen.types, chosen.providers, chosen.ui
	if found.Set.WithoutProviders(o.Providers...).Has(feature.OAuth) {
		o.Types = slices.DeleteFunc(o.Types, func(t feature.Type) bool { return t == feature.OAuth })
	}
	if found.Set.Without(o.Types...).Empty() {
		o.All, o.Types, o.Providers, o.UI = true, nil, nil, false
	}
	return term.agree(ctx, o.Common, found, func(c install.Common) (*install.Report, error) {
		preview := *o
		preview.Common = c
		return install.RemoveAuth(ctx, preview)
	})
}

// agree shows what would be written, and asks. What is a preview by itself, is not
// asked about.
func (t *terminal) agree(ctx context.Context, c install.Common, found *install.Found, plan func(install.Common) (*install.Report, error)) error {
	if c.DryRun || c.Diff {
		return nil
	}
	if found.Stopped {
		return t.picker.confirm(ctx, "an earlier run was stopped in its middle, and is finished or undone first: go on?")
	}
	c.DryRun = true
	r, err := plan(c)
	if err != nil || r.Status == install.StatusNothing {
		return err
	}
	t.preview(r)
	if r.Command == "install:auth" {
		r.Headline += ", under " + found.Prefix
	}
	return t.picker.confirm(ctx, r.Headline+": write it?")
}

// menu is what there is to choose from.
type menu struct {
	question     string
	offer, there feature.Set // there: installed already
	adds         bool        // then what most begin with is marked
}

// ways are the lines of a menu: types, and the page of passkey like one of them.
func (m menu) ways() []feature.Type {
	ways := m.offer.Types()
	if m.there.Has(feature.Passkey) {
		ways = m.offer.Without(feature.Passkey).Types()
	}
	if m.offer.UI() {
		ways = append(ways, feature.UI)
	}
	return ways
}

// choice is what was chosen.
type choice struct {
	types     []feature.Type
	providers []feature.Provider
	ui        bool
}

// choose returns what the user wants of a menu. With oauth it asks for the providers,
// where there are several.
func (p *picker) choose(ctx context.Context, m menu) (c choice, err error) {
	if !m.there.Empty() {
		m.question += " (installed already: " + m.there.String() + ")"
	}
	var types []feature.Type
	if m.adds && m.there.Empty() {
		types = []feature.Type{feature.JWT}
	}
	if types, err = pick(ctx, p, m.question, m.ways(), types); err != nil {
		return c, err
	}
	c.ui = slices.Contains(types, feature.UI)
	c.types = slices.DeleteFunc(types, func(t feature.Type) bool { return t == feature.UI })
	if slices.Contains(c.types, feature.OAuth) {
		c.providers, err = p.chooseProviders(ctx, m)
	}
	return c, err
}

func (p *picker) chooseProviders(ctx context.Context, m menu) ([]feature.Provider, error) {
	offer := m.offer.Providers()
	switch {
	case len(offer) == 1:
		return offer, nil
	case m.adds:
		return pick(ctx, p, "Which providers?", offer, offer[:1])
	}
	return pick(ctx, p, "Which providers?", offer, nil)
}

// option is a type or a provider.
type option interface {
	~string
	About() string
}

// pick asks for one or more of some options.
func pick[T option](ctx context.Context, p *picker, question string, offer, chosen []T) ([]T, error) {
	var options []huh.Option[T]
	for _, o := range offer {
		options = append(options, huh.NewOption(fmt.Sprintf("%-8s  %s", o, o.About()), o))
	}
	field := huh.NewMultiSelect[T]().Options(options...).Value(&chosen).Filterable(false)
	group := huh.NewGroup(field)
	if p.plain {
		field.Title(question)
	} else {
		// In plain mode a refused answer would be asked for again, at the end of input
		// without end. The title is the group's: with one of its own, the field leaves
		// its last options out.
		field.Validate(oneAtLeast)
		group.Title(question).Description("space marks, enter goes on, esc ends without a change\n")
	}
	if err := p.run(ctx, group); err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, errDeclined
	}
	return chosen, nil
}

func oneAtLeast[T any](chosen []T) error {
	if len(chosen) == 0 {
		return errors.New("space marks the line that you want")
	}
	return nil
}

// confirm is declined unless it is agreed to: Enter alone, perhaps typed before the
// question was there, writes nothing.
func (p *picker) confirm(ctx context.Context, question string) error {
	var yes bool
	field := huh.NewConfirm().Title(question).Description("y or n; esc ends without a change").Affirmative("Yes").Negative("No").Value(&yes)
	err := p.run(ctx, huh.NewGroup(field))
	if err == nil && !yes {
		return errDeclined
	}
	return err
}

// run shows a question until it is answered. Escape, Ctrl-C and an end of input decline.
func (p *picker) run(ctx context.Context, question *huh.Group) error {
	form := huh.NewForm(question).WithKeyMap(keys()).WithOutput(p.out).WithShowHelp(false)
	if p.plain {
		return p.runPlain(ctx, form)
	}
	err := form.WithTheme(huh.ThemeFunc(theme)).WithInput(p.in).RunWithContext(ctx)
	switch {
	case err == nil && form.State == huh.StateCompleted:
		return nil
	case err == nil, errors.Is(err, huh.ErrUserAborted), ctx.Err() != nil:
		return errDeclined
	}
	return err
}

// runPlain ends at once at a Ctrl-C, which is a signal here and no key: the read that
// waits for a line is left behind.
func (p *picker) runPlain(ctx context.Context, form *huh.Form) error {
	lines := &endedReader{Reader: p.in}
	done := make(chan error, 1)
	go func() {
		done <- form.WithAccessible(true).WithTheme(huh.ThemeFunc(plainTheme)).WithInput(lines).Run()
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(p.out)
		return errDeclined
	case err := <-done:
		if lines.ended {
			return errDeclined
		}
		return err
	}
}

// endedReader remembers that there was no more to read, which huh takes for an answer.
type endedReader struct {
	io.Reader
	ended bool
}

func (r *endedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.ended = r.ended || err != nil
	return n, err
}

func keys() *huh.KeyMap {
	all := huh.NewDefaultKeyMap()
	all.Quit.SetKeys("esc", "ctrl+c")
	return all
}

// theme is weight and inversion, so that it reads the same on light, on dark and
// without colours.
func theme(dark bool) *huh.Styles {
	s := huh.ThemeBase(dark)
	f := &s.Focused
	f.Title = f.Title.Bold(true)
	s.Group.Title = s.Group.Title.Bold(true)
	f.SelectedOption = f.SelectedOption.Bold(true)
	f.SelectedPrefix = f.SelectedPrefix.SetString("[x] ")
	f.FocusedButton = f.FocusedButton.UnsetForeground().UnsetBackground().Reverse(true)
	f.BlurredButton = f.BlurredButton.UnsetForeground().UnsetBackground()
	return s
}

func plainTheme(bool) *huh.Styles { return &huh.Styles{} }
