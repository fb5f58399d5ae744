package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

func (a *app) auditCommand() *cobra.Command {
	var sample string
	var opt mirror.AuditOptions
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   "Check the whole store again: signatures, catalogs, bytes",
		Example: "  patchferry audit\n  patchferry audit --sample 5%",
		Long: `Check every state of the log and its link to the one before, every kept generation
with its catalog, every object that these need, and that no position in a stream
sinks; and judge the documents of publishers again by the keys and pins of now.
Findings about objects are gathered and named; altered bytes are exit status 4,
missing ones 1.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if opt.Sample, err = share(sample); err != nil {
				return err
			}
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			return a.audit(cmd.Context(), &l.Config, opt)
		},
	}
	f := cmd.Flags()
	f.StringVar(&sample, "sample", "100%", "`SHARE` of the objects whose bytes are read, drawn by chance; lengths and signatures are always checked")
	f.BoolVar(&opt.Remove, "remove", false, "remove objects with wrong bytes, so that sync --recheck, or the import of a full bundle, brings them again")
	return cmd
}

// share reads "5%" as 0.05.
func share(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !strings.HasSuffix(s, "%") || !(n > 0 && n <= 100) {
		return 0, withHint(usageError("--sample %q is no share; allowed: more than 0%% and at most 100%%", s), "patchferry audit --sample 5%%")
	}
	return n / 100, nil
}

func (a *app) audit(ctx context.Context, c *config.Config, opt mirror.AuditOptions) error {
	show := a.newDisplay(c.Progress)
	j, err := a.openJob(ctx, c, false, show)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	show.start()
	report, err := j.Audit(ctx, opt)
	show.stop()
	if report != nil {
		err = errors.Join(err, a.printAudit(report))
	}
	return explainAudit(c, report, err)
}

// explainAudit says what brings back, on this side, what an audit misses. No
// bundle makes a document right that its publisher did not sign so.
func explainAudit(c *config.Config, r *mirror.AuditReport, err error) error {
	if c.Role != config.Far {
		return explain(err)
	}
	objects := r != nil && slices.ContainsFunc(r.Findings, func(f mirror.Finding) bool { return f.What != "verdict" })
	const again = "patchferry import DIR of a full bundle, which the near side makes with patchferry export --full --to DIR"
	switch {
	case errors.Is(err, mirror.ErrAltered):
		return withHint(withCode(exitUntrusted, err), "patchferry audit --remove, then %s", again)
	case errors.Is(err, mirror.ErrAudit) && objects:
		return withHint(err, "%s", again)
	case errors.Is(err, mirror.ErrAudit):
		return withHint(err, "on the near side patchferry audit, to find out who altered it; here it announces nothing")
	}
	return explain(err)
}

func (a *app) printAudit(r *mirror.AuditReport) error {
	if a.json {
		return a.printJSON(r)
	}
	for _, f := range r.Findings {
		what := fmt.Sprintf("%s: %s: %s", f.What, f.Object, f.Detail)
		if f.Update != "" {
			what += fmt.Sprintf(" (%s of %s)", f.File, f.Update)
		}
		if f.Removed {
			what += "; removed"
		}
		a.note("%s", what)
	}
	if r.Absent > 0 {
		a.note("%s not here, for bundles left them out: patchferry want --absent --to DIR asks for all", plural(r.Absent, "file of the catalog is", "files of the catalog are"))
	}
	if r.Silent > 0 {
		a.note("silent by the pins of this side: %s of publishers (patchferry bulletin list says which, and why)", plural(r.Silent, "document", "documents"))
	}
	if r.Absent > 0 {
		a.note("%s of the catalog %s not here, and no bundle has brought them yet", plural(r.Absent, "object", "objects"), isOrAre(r.Absent))
	}
	return a.printf("%d states, %d generations, %d objects checked, %d read (%s); %d findings; %d objects (%s) that nothing needs\n",
		r.States, r.Generations, r.Objects, r.Read, humanize.Bytes(uint64(r.Bytes)), len(r.Findings),
		r.Unneeded, humanize.Bytes(uint64(r.UnneededSize)))
}
