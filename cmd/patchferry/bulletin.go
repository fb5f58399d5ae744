package main

import "github.com/spf13/cobra"

func (a *app) bulletinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bulletin",
		Short: "Look at what publishers announce",
	}
	group(cmd)
	cmd.AddCommand(a.bulletinListCommand(), a.bulletinShowCommand())
	return cmd
}
