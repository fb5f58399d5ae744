package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/mirror/trusted"
)

func (a *app) hostsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "Say what hosts have installed, by their own reports",
	}
	group(cmd)
	cmd.AddCommand(a.hostsListCommand(), a.hostsMissingCommand())
	return cmd
}

// hostReport is one line of hosts list with --json (docs/json.md). Everything but last,
// from, silent, behind and reports is the host's own word.
type hostReport struct {
	Host       string                 `json:"host"`
	OS         layout.OS              `json:"os,omitempty"`
	Release    string                 `json:"release,omitempty"`
	SP         int                    `json:"sp"`
	Build      string                 `json:"build,omitempty"`
	Arch       layout.Arch            `json:"arch,omitempty"`
	Language   layout.Language        `json:"lang,omitempty"`
	Ring       string                 `json:"ring,omitempty"`
	Generation uint64                 `json:"generation"`
	Behind     *uint64                `json:"behind,omitempty"` // by how much its ring shows a newer one; none: not known
	Set        string                 `json:"set,omitempty"`
	Last       layout.Time            `json:"last"`
	From       string                 `json:"from"` // address, or drop
	Silent     bool                   `json:"silent"`
	Result     int32                  `json:"result"`
	Failing    bool                   `json:"failing"`
	Reports    int                    `json:"reports"`
	Updates    map[layout.Outcome]int `json:"updates"` // how many have each state
}

func (a *app) hostsListCommand() *cobra.Command {
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "list [--csv]",
		Short: "List the hosts that report",
		Long: `List the hosts that reported, by name: system, service pack, build, architecture,
language, ring, the generation of the scripts that ran last and how far that is behind
what the ring shows now, when the host reported last, how its script ended (0, 3010: it
must restart, 1618: another installation was running, 1: something failed), and how many
updates have each state. Hosts that have not reported for reports.silent are marked.

A report is the host's own word and proves nothing. Of each update the newest word
counts; what the newest report does not mention is as an older one has it. Hosts that
never reported are not known here. Reports that wait in reports.drop are taken first.`,
		Example: "  patchferry hosts list\n  patchferry hosts list --csv > hosts.csv",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asCSV && a.json {
				return usageError("--csv and --json exclude each other")
			}
			return a.withSite(cmd, func(s *site, c *config.Config) error {
				return a.listHosts(cmd.Context(), s, c, asCSV)
			})
		},
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print a table for spreadsheets (RFC 4180)")
	return cmd
}

func (a *app) listHosts(ctx context.Context, s *site, c *config.Config, asCSV bool) error {
	known, err := a.readHosts(ctx, c, false)
	if err != nil {
		return err
	}
	shown, err := s.ringsShown(ctx, c)
	if err != nil {
		return err
	}
	now := time.Now()
	all := []hostReport{}
	for _, h := range known.All() {
		all = append(all, reportOf(h, shown, c, now))
	}
	if text := unreadReports(known); text != "" {
		defer a.note("%s", text)
	}
	switch {
	case a.json:
		for i := range all {
			if err := a.printJSON(&all[i]); err != nil {
				return err
			}
		}
		return nil
	case asCSV:
		return writeCSV(a.stdout, hostColumns, all, hostReport.row)
	case len(all) == 0:
		return a.noHosts(c)
	}
	return printHosts(a.stdout, all, now)
}

// noHosts says that nobody reported, and what would change that.
func (a *app) noHosts(c *config.Config) error {
	if err := a.printf("no host has reported\n"); err != nil {
		return err
	}
	if !c.Reports.Accept && c.Reports.Drop == "" {
		a.note("next: [reports] accept = true in the configuration, then patchferry serve, and install.cmd /report URL on hosts")
	}
	return nil
}

// ringsShown returns what every ring shows; nothing where nothing was published yet.
func (s *site) ringsShown(ctx context.Context, c *config.Config) (map[string]*trusted.Shown, error) {
	all := make(map[string]*trusted.Shown)
	state, err := s.reader.Newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of states: %w", err)
	}
	if state == nil || len(state.Positions()) == 0 {
		return all, nil
	}
	for _, ring := range c.Rings.Names {
		if all[ring], err = s.reader.Shown(ctx, state, ring); err != nil {
			return nil, fmt.Errorf("read what ring %s shows: %w", ring, err)
		}
	}
	return all, nil
}

// reportOf says how a host stands.
func reportOf(h *distribute.Host, shown map[string]*trusted.Shown, c *config.Config, now time.Time) hostReport {
	r := &h.Report
	one := hostReport{
		Host: h.Name, OS: r.OS, Release: r.Release, SP: r.SP, Build: r.Build, Arch: r.Arch, Language: r.Language, Ring: r.Ring,
		Generation: r.Generation, Set: r.Set, Last: h.At, From: h.From, Silent: h.Silent(now, time.Duration(c.Reports.Silent)),
		Result: r.Result, Failing: h.Failing, Reports: h.Reports, Updates: h.Count(),
	}
	if in := shown[r.Ring]; in != nil && r.Generation > 0 {
		if newest := viewMeta(in).Generation; newest >= r.Generation {
			behind := newest - r.Generation
			one.Behind = &behind
		}
	}
	return one
}

// system names what a host runs, for people.
func (h *hostReport) system() string {
	if h.OS == "" {
		return "unknown"
	}
	r := layout.Report{OS: h.OS, Release: h.Release}
	text := r.System().Label()
	if h.SP > 0 && !strings.HasPrefix(h.Release, "sp") {
		text += fmt.Sprintf(" SP%d", h.SP)
	}
	return text
}

// counts says how many updates have each state: "3 ok, 1 failed".
func (h *hostReport) counts() string {
	var words []string
	for _, state := range slices.Sorted(maps.Keys(h.Updates)) {
		words = append(words, fmt.Sprintf("%d %s", h.Updates[state], state))
	}
	return strings.Join(words, ", ")
}

func printHosts(out io.Writer, all []hostReport, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tSYSTEM\tBUILD\tARCH\tLANG\tRING\tGENERATION\tLAST REPORT\tRESULT\tUPDATES")
	for i := range all {
		h := &all[i]
		generation := fmt.Sprint(h.Generation)
		if h.Behind != nil && *h.Behind > 0 {
			generation += fmt.Sprintf(" (%d behind)", *h.Behind)
		}
		last := humanize.RelTime(h.Last.Time(), now, "ago", "from now")
		if h.Silent {
			last += " (silent)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Host, h.system(), cmp.Or(h.Build, "-"), cmp.Or(h.Arch, "-"),
			cmp.Or(h.Language, "-"), cmp.Or(h.Ring, "-"), generation, last, resultWords(h), h.counts())
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// resultWords says how the script of a host ended.
func resultWords(h *hostReport) string {
	switch {
	case h.Failing:
		return fmt.Sprintf("%d, failed", h.Result)
	case h.Result == 3010:
		return "3010, restart"
	case h.Result == 1618:
		return "1618, again"
	}
	return fmt.Sprint(h.Result)
}

var hostColumns = []string{"host", "os", "release", "sp", "build", "arch", "lang", "ring", "generation", "behind", "last", "from", "silent", "result", "failing", "reports", "updates"}

func (h hostReport) row() []string {
	behind := ""
	if h.Behind != nil {
		behind = fmt.Sprint(*h.Behind)
	}
	return []string{
		h.Host, string(h.OS), h.Release, fmt.Sprint(h.SP), h.Build, string(h.Arch), string(h.Language), h.Ring, fmt.Sprint(h.Generation), behind,
		h.Last.String(), h.From, fmt.Sprint(h.Silent), fmt.Sprint(h.Result), fmt.Sprint(h.Failing), fmt.Sprint(h.Reports), h.counts(),
	}
}

// writeCSV writes a table as RFC 4180 has it, with the names of the columns first.
func writeCSV[T any](out io.Writer, columns []string, all []T, row func(T) []string) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	// What cannot be written is told by Flush and Error.
	_ = w.Write(columns)
	for _, one := range all {
		cells := row(one)
		for i := range cells {
			cells[i] = defused(cells[i])
		}
		_ = w.Write(cells)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// defused returns a cell in which no spreadsheet sees a formula: words of publishers
// and hosts may begin like one.
func defused(cell string) string {
	cell = oneLine(cell, 0)
	if cell != "" && strings.Contains("=+-@", cell[:1]) && !wholeNumber.MatchString(cell) {
		return "'" + cell
	}
	return cell
}
