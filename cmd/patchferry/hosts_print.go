package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// printMissing prints what hosts lack in the form that was asked for.
func (a *app) printMissing(all []hostMissing, f missingFilter, c *config.Config, now time.Time) error {
	switch {
	case a.json:
		for i := range all {
			if err := a.printJSON(&all[i]); err != nil {
				return err
			}
		}
		return nil
	case f.csv:
		return writeCSV(a.stdout, missingColumns, lackings(all), lacking.row)
	case len(all) == 0:
		return a.noHosts(c)
	}
	if err := printLackings(a.stdout, all, now); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// lacking is one update that one host lacks.
type lacking struct {
	*hostMissing
	missingUpdate
}

// lackings lists what all hosts lack, silent ones last, what is overdue first.
func lackings(all []hostMissing) []lacking {
	var flat []lacking
	for i := range all {
		for _, m := range all[i].Missing {
			flat = append(flat, lacking{&all[i], m})
		}
	}
	slices.SortStableFunc(flat, func(x, y lacking) int {
		return cmp.Or(boolRank(x.Silent, y.Silent), comparePressing(x.missingUpdate, y.missingUpdate), strings.Compare(x.Host, y.Host))
	})
	return flat
}

// printLackings prints a table of the hosts that report, and what is known of the rest.
func printLackings(out io.Writer, all []hostMissing, now time.Time) error {
	flat := lackings(all)
	reporting := slices.IndexFunc(flat, func(l lacking) bool { return l.Silent })
	if reporting < 0 {
		reporting = len(flat)
	}
	if err := printTable(out, flat[:reporting], now); err != nil {
		return err
	}
	lack, whole, silent := 0, 0, []string{}
	var unclear []string
	for i := range all {
		h := &all[i]
		switch {
		case h.Silent:
			silent = append(silent, fmt.Sprintf("%s: silent, reported last %s; %s then%s", h.Host,
				humanize.RelTime(h.Last.Time(), now, "ago", "from now"), h.lacked(), h.unclear()))
		case h.Why != "":
			unclear = append(unclear, fmt.Sprintf("%s: %s", h.Host, h.Why))
		case len(h.Missing) > 0:
			lack++
		default:
			whole++
		}
	}
	fmt.Fprintf(out, "%s, %d lack nothing that is known here\n", plural(lack, "host lacks updates", "hosts lack updates"), whole)
	_, err := io.WriteString(out, paragraph(unclear)+paragraph(silent))
	return err
}

func paragraph(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}

// lacked says how much a host lacked when it reported last.
func (h *hostMissing) lacked() string {
	text := plural(len(h.Missing), "update", "updates") + " missing"
	if h.Overdue > 0 {
		text += fmt.Sprintf(", %d overdue,", h.Overdue)
	}
	return text
}

// unclear adds why nothing can be said.
func (h *hostMissing) unclear() string {
	if h.Why == "" {
		return ""
	}
	return "; " + h.Why
}

func printTable(out io.Writer, flat []lacking, now time.Time) error {
	if len(flat) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tUPDATE\tSTATE\tDEPLOY BY\tTESTED FIRST\tLEFT\tSEVERITY\tSAYS\tTITLE")
	for i := range flat {
		l := &flat[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Host, l.ID, l.state(), cmp.Or(l.DeployBy, "-"), cmp.Or(l.Tested, "-"),
			cmp.Or(leftWords(l.Due, now), "-"), cmp.Or(oneLine(string(l.Severity), 20), "-"), cmp.Or(oneLine(l.dueFrom.From, 60), "-"), oneLine(l.Title, 80))
	}
	return w.Flush()
}

// state says what a host reported of an update.
func (l *lacking) state() string {
	switch {
	case l.State == "" && !l.Held:
		return "only listed here"
	case l.State == "":
		return "not reported"
	case l.State == layout.OutcomeReboot:
		return "needs a restart"
	case l.Code != 0:
		return fmt.Sprintf("%s (%d)", l.State, l.Code)
	}
	return string(l.State)
}

var missingColumns = []string{"host", "os", "release", "sp", "build", "arch", "lang", "ring", "last", "silent", "id", "update", "kb", "title",
	"severity", "state", "code", "reported_at", "held", "deploy_by", "deploy_by_tested", "days_left", "overdue", "from"}

func (l lacking) row() []string {
	h, left := l.hostMissing, ""
	if l.Left != nil {
		left = fmt.Sprint(*l.Left)
	}
	return []string{
		h.Host, string(h.OS), h.Release, fmt.Sprint(h.SP), h.Build, string(h.Arch), string(h.Language), h.Ring, h.Last.String(), fmt.Sprint(h.Silent),
		l.ID, l.Update, l.KB, l.Title, string(l.Severity), string(l.State), fmt.Sprint(l.Code), l.At.String(), fmt.Sprint(l.Held),
		string(l.DeployBy), string(l.Tested), left, fmt.Sprint(l.missingUpdate.Overdue), l.From,
	}
}
