package script

import (
	"fmt"
	"slices"
	"strings"

	"patchferry/layout"
)

// Override changes how the files that it matches are installed. Of several that
// match a file the first counts.
type Override struct {
	Match    string            // id, KB or pattern over file names, as in layout.Selection.Include
	Kind     layout.Kind       // "" keeps it
	Switches []string          // nil keeps them
	Codes    []layout.ExitCode // before the others
	Skip     bool              // leave them out
}

// Check reports why an override cannot be used.
func (o *Override) Check() error {
	if strings.TrimSpace(o.Match) == "" {
		return fmt.Errorf("it matches nothing: match is empty")
	}
	if err := layout.CheckPattern(o.Match); err != nil {
		return err
	}
	if o.Kind != "" && recipeFor(o.Kind) == nil {
		return fmt.Errorf("kind %q is none that scripts run; allowed: %s", o.Kind, strings.Join(Kinds(), ", "))
	}
	if i := slices.IndexFunc(o.Switches, func(s string) bool { return !safeArg(s) }); i >= 0 {
		return fmt.Errorf("the switch %q cannot stand in a script; allowed: letters, digits and %s", o.Switches[i], strings.TrimPrefix(argChars, letters))
	}
	for _, c := range o.Codes {
		if !slices.Contains(Results(), c.Result) {
			return fmt.Errorf("code %d means %q; allowed: %s", c.Code, c.Result, strings.Join(Results(), ", "))
		}
	}
	return nil
}

// Kinds returns the package kinds that scripts run, in order of their names.
func Kinds() []string {
	var kinds []string
	for i := range recipes {
		kinds = append(kinds, string(recipes[i].kind))
	}
	slices.Sort(kinds)
	return kinds
}

// Results returns what an exit code may mean (layout.ExitCode.Result).
func Results() []string { return layout.ExitResults() }

// overrideFor returns the override of one file of an update, nil where there is none.
func overrideFor(all []Override, u *layout.Update, f *layout.File) *Override {
	for i := range all {
		if all[i].Match == "" {
			continue
		}
		alone := layout.Update{ID: u.ID, KB: u.KB, Files: []layout.File{{Name: f.Name}}}
		want := layout.Selection{Include: []string{all[i].Match}}
		if want.Match(&alone) {
			return &all[i]
		}
	}
	return nil
}
