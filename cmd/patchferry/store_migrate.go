package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store"
	"patchferry/mirror"
)

func (a *app) storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Move the store",
	}
	group(cmd)
	cmd.AddCommand(a.storeMigrateCommand())
	return cmd
}

const migrateHelp = `Copy the store FROM to TO: from a directory to a bucket of S3-compatible storage, back,
or from bucket to bucket. Each is a path, or a URL as the key store has it
(s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&credentials=FILE), with paths relative to
the current directory. FROM is only read; the line of the configuration to change is
printed at the end.

The log of FROM is checked first, every signature and every link, and no store is copied
that is older than what this machine has seen. Objects are copied then, each hashed on
its way, then bindings, then states in their order: so TO is at each moment a whole
store, an older one. What FROM gets meanwhile is copied, too; stop what publishes to it
before you change the configuration, and run the same command once more.

An interrupted migration goes on with the same command. What TO has already is read and
hashed again, and replaced where it is wrong; --trust-present looks at lengths alone. A
TO with another history is refused. An object of FROM with wrong bytes is named, and
then no state is copied (exit status 4).

On a far side the endpoint of a bucket must be that of the configuration, the one thing
that this machine reaches: name the bucket there, or in PATCHFERRY_STORE, first.`

// migrateReport is what store migrate prints with --json (docs/json.md).
type migrateReport struct {
	From string `json:"from"`
	To   string `json:"to"`
	*mirror.MigrateReport
	Line string `json:"line"` // of the configuration, to be changed
}

func (a *app) storeMigrateCommand() *cobra.Command {
	var opt mirror.MigrateOptions
	cmd := &cobra.Command{
		Use:   "migrate FROM TO",
		Short: "Copy a store from a directory to a bucket, or back",
		Long:  migrateHelp,
		Example: "  patchferry store migrate /srv/ferry/store 's3://updates?endpoint=https://10.1.2.3:9000&credentials=keys/bucket'\n" +
			"  patchferry store migrate 's3://updates?endpoint=https://10.1.2.3:9000&credentials=keys/bucket' /srv/ferry/store",
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			return explain(a.migrate(cmd.Context(), &l.Config, args[0], args[1], opt))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opt.DryRun, "dry-run", false, "say what would be copied and change nothing")
	f.BoolVar(&opt.TrustPresent, "trust-present", false, "take what TO has with the right length for right, unread")
	return cmd
}

func (a *app) migrate(ctx context.Context, c *config.Config, fromText, toText string, opt mirror.MigrateOptions) error {
	from, err := storeArgument(c, "FROM", fromText)
	if err != nil {
		return err
	}
	to, err := storeArgument(c, "TO", toText)
	if err != nil {
		return err
	}
	if from.StoreName() == to.StoreName() {
		return usageError("FROM and TO are the same store: %s", from.StoreName())
	}
	s, err := openSite(ctx, from)
	if err != nil {
		return err
	}
	defer s.Close() // it was only read
	target, err := openTarget(ctx, to, opt.DryRun)
	if err != nil {
		return err
	}
	if target != nil {
		defer target.Close() // everything that was written is durable already
	}
	show := a.newDisplay(c.Progress)
	m := &mirror.Mirror{Store: s.store, Trusted: s.reader, Work: c.Path(c.Work), Log: a.logger(&c.Log), Clock: s.trust.Clock}
	if show != nil {
		m.Progress = show.event
	}
	show.start()
	r, err := copyStore(ctx, m, target, opt)
	show.stop()
	if errors.Is(err, mirror.ErrHistory) {
		err = withHint(err, "an empty directory, bucket or prefix; or an older copy of FROM")
	}
	report := migrateReport{From: from.StoreName(), To: to.StoreName(), MigrateReport: r, Line: "store = " + strconv.Quote(to.Store)}
	return errors.Join(err, a.printMigrate(&report, err == nil))
}

// copyStore copies to a target, which may be none.
func copyStore(ctx context.Context, m *mirror.Mirror, target keptStore, opt mirror.MigrateOptions) (*mirror.MigrateReport, error) {
	var to store.Store // not target: an interface that holds nothing is not nil
	if target != nil {
		to = target
	}
	return m.Migrate(ctx, to, opt)
}

// storeArgument returns the configuration with the store that an argument names.
func storeArgument(c *config.Config, name, text string) (*config.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the current directory: %w", err)
	}
	other, err := c.WithStore(text, dir)
	if err != nil {
		return nil, withHint(usageError("%s: %w", name, err), "a path, or s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&credentials=FILE")
	}
	if at, ok := other.Bucket(); ok && c.Role == config.Far {
		if own, ok := c.Bucket(); !ok || own.Endpoint != at.Endpoint || own.Plain != at.Plain {
			return nil, withHint(usageError("%s: this is a far side, and reaches the endpoint of its configuration alone", name),
				"set store in the configuration to a bucket there, or PATCHFERRY_STORE for this command")
		}
	}
	return other, nil
}

// openTarget opens the store that is copied to, and makes it where it is
// missing; a dry run makes none, and has none then.
func openTarget(ctx context.Context, c *config.Config, dryRun bool) (keptStore, error) {
	if !dryRun {
		return makeStore(ctx, c)
	}
	kept, err := openStore(ctx, c)
	if isNoPlace(c, err) || errors.Is(err, store.ErrNoStore) {
		return nil, nil
	}
	return kept, err
}

func (a *app) printMigrate(r *migrateReport, whole bool) error {
	for i, f := range r.Wrong {
		if i == maxFailures {
			a.note("… and %d more; --json lists all", len(r.Wrong)-i)
			break
		}
		a.note("object %s of FROM was altered: %s", f.Object, f.Detail)
	}
	for _, d := range r.Replaced {
		a.note("object %s of TO was altered, and replaced", d)
	}
	if !whole && r.Objects == 0 && r.States == 0 {
		return nil // it was refused
	}
	if a.json {
		return a.printJSON(r)
	}
	verb := "copied"
	if r.DryRun {
		verb = "would copy"
	}
	if err := a.printf("%s %s (%s), %d present, of these %d read again; %s, %d states up to %d\n", verb,
		plural(r.Objects, "object", "objects"), humanize.Bytes(uint64(r.Bytes)), r.Present, r.Verified,
		plural(r.Bindings, "binding", "bindings"), r.States, r.State); err != nil {
		return err
	}
	if r.DryRun || !whole {
		return nil
	}
	return a.printf("%s is the same store as %s\nnext: in the configuration\n  %s\n", r.To, r.From, r.Line)
}
