package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `patchferry carries software updates, service packs and drivers across an air
gap. The near side, which has the Internet, syncs the lists of publishers into a
store, checks every byte before it enters, and exports signed transfer bundles.
The far side, which has nothing, imports them, releases them from ring to ring,
and serves the store as a catalog tree over HTTP. Without a gap the near side does.

patchferry demo shows all of it on this machine.

Every command reads one configuration: --config FILE, else PATCHFERRY_CONFIG,
else patchferry.toml here, else /etc/patchferry/patchferry.toml. A flag counts
before a PATCHFERRY_… variable, that before the file, that before the default;
patchferry config show --origin says which did.

Results go to standard output, the rest to standard error.

` + exitHelp

// rootCommand builds the tree of commands.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "patchferry",
		Short:         "Carry software updates across an air gap and serve them to a network",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(root)
	root.Version = currentBuild().String()
	root.SetVersionTemplate("patchferry {{.Version}}\n")
	root.Flags().Bool("version", false, "say which version this is")
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(usageError("%w", err), "%s --help", cmd.CommandPath())
	})
	global := root.PersistentFlags()
	global.StringVar(&a.configFile, "config", "", "configuration `FILE`")
	global.BoolVar(&a.json, "json", false, "print results as JSON, one object a line (docs/json.md)")
	a.flags = map[string]*string{
		"progress":   global.String("progress", "auto", "how long work is shown: auto, bar, lines, json, none"),
		"log.level":  global.String("log-level", "info", "least level that is logged: debug, info, warn, error"),
		"log.format": global.String("log-format", "auto", "form of the log: auto, text, json"),
	}
	root.AddCommand(
		a.demoCommand(),
		a.initCommand(),
		a.syncCommand(),
		a.exportCommand(),
		a.importCommand(),
		a.bundleCommand(),
		a.receiptCommand(),
		a.wantCommand(),
		a.serveCommand(),
		a.showCommand(),
		a.bulletinCommand(),
		a.evidenceCommand(),
		a.scriptCommand(),
		a.treeCommand(),
		a.promoteCommand(),
		a.holdCommand(),
		a.releaseCommand(),
		a.revokeCommand(),
		a.revertCommand(),
		a.auditCommand(),
		a.pruneCommand(),
		a.storeCommand(),
		a.keyCommand(),
		a.hostsCommand(),
		a.statusCommand(),
		a.doctorCommand(),
		a.configCommand(),
		a.versionCommand(),
	)
	return root
}

// group makes cmd a command that only holds others: alone it shows its help
// and is a usage error, and so is a word that is none of its commands.
func group(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		err := usageError("%s has no command %q", cmd.CommandPath(), args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return withHint(err, "%s %s", cmd.CommandPath(), strings.Join(near, " | "))
		}
		return withHint(err, "%s --help", cmd.CommandPath())
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cmd.SetOut(cmd.ErrOrStderr())
		if err := cmd.Help(); err != nil {
			return err
		}
		return usageError("%s needs a command", cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
}

// arguments turns what cobra says of wrong arguments into usage errors.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return withHint(usageError("%s: %w", cmd.CommandPath(), err), "%s --help", cmd.CommandPath())
		}
		return nil
	}
}
