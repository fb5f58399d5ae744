package main

import "github.com/spf13/cobra"

func (a *app) bundleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Look at transfer bundles and check them",
	}
	group(cmd)
	cmd.AddCommand(a.bundleInspectCommand(), a.bundleVerifyCommand())
	return cmd
}
