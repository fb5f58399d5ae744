package main

import (
	"text/tabwriter"

	"fmt"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show or check the configuration",
	}
	group(cmd)
	cmd.AddCommand(a.configShowCommand(), a.configCheckCommand())
	return cmd
}

func (a *app) configShowCommand() *cobra.Command {
	var origin bool
	cmd := &cobra.Command{
		Use:     "show [KEY…]",
		Short:   "Print the settings in force",
		Example: "  patchferry config show --origin\n  patchferry config show listen store",
		Long: `Print every setting in force, or those named: KEY = VALUE, as in the file.
With --origin also where it came from: the default, a line of the file, a
variable or a flag.`,
		Args: arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			settings, err := pick(l.Settings(), args)
			if err != nil {
				return err
			}
			return a.printSettings(settings, origin)
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each value came from")
	return cmd
}

// pick returns the settings that are named, or all.
func pick(settings []config.Setting, names []string) ([]config.Setting, error) {
	if len(names) == 0 {
		return settings, nil
	}
	byName := make(map[string]config.Setting)
	for _, s := range settings {
		byName[s.Key] = s
	}
	var picked []config.Setting
	for _, name := range names {
		s, ok := byName[name]
		if !ok {
			return nil, withHint(usageError("no setting is called %q", name), "patchferry config show")
		}
		picked = append(picked, s)
	}
	return picked, nil
}

func (a *app) printSettings(settings []config.Setting, origin bool) error {
	if a.json {
		for _, s := range settings {
			if err := a.printJSON(s); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, s := range settings {
		if !origin {
			fmt.Fprintf(w, "%s = %s\n", s.Key, s.Value)
			continue
		}
		fmt.Fprintf(w, "%s = %s\t# %s\n", s.Key, s.Value, describe(s.Origin))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

func describe(o config.Origin) string {
	switch {
	case o.Line > 0:
		return fmt.Sprintf("%s:%d", o.Name, o.Line)
	case o.Name != "":
		return o.Name
	}
	return o.From
}

// checkReport is what config check prints with --json (docs/json.md).
type checkReport struct {
	File     string   `json:"file"`
	Sources  int      `json:"sources"`
	Warnings []string `json:"warnings"`
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Check the configuration and change nothing",
		Example: "  patchferry config check\n  patchferry --config new.toml config check",
		Long: `Read the configuration and report everything that is wrong with it, each with its
line, the value and what is allowed (exit status 2). What is allowed but does not
do what it seems to is a warning.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(checkReport{File: l.File, Sources: len(l.Sources), Warnings: append([]string{}, l.Warnings...)})
			}
			for _, w := range l.Warnings {
				a.note("warning: %s", w)
			}
			return a.printf("%s: no errors, %s, %s\n", l.File, plural(len(l.Sources), "source", "sources"), plural(len(l.Warnings), "warning", "warnings"))
		},
	}
}
