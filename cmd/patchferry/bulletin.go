package main

import "github.com/spf13/cobra"

func (a *app) bulletinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bulletin",
		Short: "Verify signed bulletins, and look at what publishers announce",
		Long: `Bulletins are what publishers announce: signed mails and advisories, with or without
a detached signature.`,
	}
	group(cmd)
	cmd.AddCommand(a.bulletinVerifyCommand(), a.bulletinListCommand(), a.bulletinShowCommand())
	return cmd
}
