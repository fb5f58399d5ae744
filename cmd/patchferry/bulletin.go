package main

import "github.com/spf13/cobra"

func (a *app) bulletinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bulletin",
		Short: "Verify signed bulletins",
		Long: `Bulletins are what publishers announce: signed mails and advisories, with or without
a detached signature.`,
	}
	group(cmd)
	cmd.AddCommand(a.bulletinVerifyCommand())
	return cmd
}
