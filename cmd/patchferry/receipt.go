package main

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

func (a *app) receiptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receipt",
		Short: "Take note of what far sides sent back",
	}
	group(cmd)
	cmd.AddCommand(a.receiptApplyCommand())
	return cmd
}

func (a *app) receiptApplyCommand() *cobra.Command {
	var opt mirror.ApplyOptions
	var signature string
	cmd := &cobra.Command{
		Use:   "apply FILE…",
		Short: "Note what far sides acknowledge with receipts",
		Long: `Check receipts that came back over the gap, and note in the ledger what they
acknowledge: later increments of a stream with receipts start there. An imported
bundle acknowledges itself; of one that was refused, or imported in part, the receipt
acknowledges what the far side had before, and the next command is named.

A receipt counts if its signature (FILE.asc beside it) is by the key that is pinned
for that far side, and if it speaks of a bundle that this store wrote. An older one
lowers nothing. One that counts for nothing refuses them all (exit status 4), and the
ledger stays as it is.`,
		Example: "  patchferry receipt apply /media/back/RECEIPT-plant-000041.json\n" +
			"  patchferry receipt apply /media/back/RECEIPT-* --dry-run",
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if l.Role == config.Far {
				return withHint(usageError("this is a far side, which writes receipts and applies none"), "patchferry import DIR --receipt DIR")
			}
			files, err := readReceipts(args, signature)
			if err != nil {
				return explain(err)
			}
			opt.Streams = outboundStreams(&l.Config)
			return explain(a.applyReceipts(cmd.Context(), &l.Config, files, opt))
		},
	}
	cmd.Flags().BoolVar(&opt.DryRun, "dry-run", false, "say what would be noted, and note nothing")
	cmd.Flags().StringVar(&signature, "signature", "", "the signature `FILE` of the one receipt, where it is not beside it")
	return cmd
}

// readReceipts reads receipts with their signatures. A signature among the
// arguments, as a shell's pattern finds it, stands for the receipt beside it.
func readReceipts(args []string, signature string) ([]*mirror.Returned, error) {
	var names []string
	for _, arg := range args {
		if name := strings.TrimSuffix(arg, ".asc"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if signature != "" && len(names) != 1 {
		return nil, usageError("--signature goes with one receipt, and there are %d", len(names))
	}
	var files []*mirror.Returned
	for _, name := range names {
		f, err := mirror.ReadReturned(name, signature)
		if _, refused := errors.AsType[*mirror.ReceiptError](err); !refused && errors.Is(err, fs.ErrNotExist) {
			return nil, withHint(err, "name a RECEIPT-….json that came back from a far side, with its .asc beside it")
		}
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func (a *app) applyReceipts(ctx context.Context, c *config.Config, files []*mirror.Returned, opt mirror.ApplyOptions) error {
	j, err := a.openJob(ctx, c, !opt.DryRun, nil)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	reports, err := j.ApplyReceipts(ctx, files, opt)
	if err != nil {
		return err
	}
	for i := range reports {
		print := a.printReceipt
		if a.json {
			print = func(r *mirror.ReceiptReport) error { return a.printJSON(r) }
		}
		if err := print(&reports[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printReceipt(r *mirror.ReceiptReport) error {
	outcome := string(r.Status)
	if r.Status != bundle.Imported {
		outcome += " (" + r.Reason + ")"
	}
	known := "nothing is known to have arrived there"
	if r.Acknowledged > 0 {
		known = plainSeq(r)
	}
	if err := a.printf("%s: seq %d of stream %s %s; %s\n", r.Destination, r.Seq, r.Stream, outcome, known); err != nil {
		return err
	}
	if r.Note != "" {
		a.note("%s changes nothing: %s", r.File, r.Note)
	}
	if r.Next != "" {
		a.note("next: %s", r.Next)
	}
	return nil
}

// plainSeq says how far the destination has followed, and whether that is news.
func plainSeq(r *mirror.ReceiptReport) string {
	verb := "it has"
	switch {
	case r.Changed && r.DryRun:
		verb = "would note that it has"
	case r.Changed:
		verb = "noted that it has"
	}
	return verb + " seq " + seqs([]uint64{r.Acknowledged})
}
