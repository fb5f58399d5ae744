package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/mirror"
	"patchferry/verify"
)

// keyEntry is one line of key list with --json (docs/json.md).
type keyEntry struct {
	Kind        string             `json:"kind"` // "pin", "rotation" (believed by one), "key" (not pinned), "found" (offered by a source), "file" (that cannot be read)
	Fingerprint verify.Fingerprint `json:"fingerprint,omitempty"`
	Problem     string             `json:"problem,omitempty"`
	Pin         *pinReport         `json:"pin,omitempty"`
	Key         *certificateReport `json:"key,omitempty"`
	Files       []string           `json:"files,omitempty"`
	Sources     []string           `json:"sources,omitempty"` // that offered the certificate
	Skipped     []skippedReport    `json:"skipped,omitempty"` // of a file: what in it cannot be used
	// Rotation brought the key, Ended put another one in its place.
	Rotation *mirror.RotationReport `json:"rotation,omitempty"`
	Ended    *mirror.RotationReport `json:"ended,omitempty"`
}

func (a *app) keyListCommand() *cobra.Command {
	var found, documented bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List pins, keys, and keys that sources offered",
		Example: "  patchferry key list\n  patchferry key list --found",
		Long: `List the pins with their keys, then keys that are here and not pinned, which count
for nothing; those with a problem come first. With --found only the keys that sources
offered and that are not pinned, to compare and pin.

With --documented a table of keys that their owners, or books, have documented, each
with the place that says so: it helps to find what to pin. A table in a program proves
nothing; read the place itself, and type the fingerprint from there.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if documented {
				return a.printDocumented(verify.DocumentedKeys())
			}
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			keys, err := openKeys(&l.Config)
			if err != nil {
				return err
			}
			now := time.Now()
			entries, err := keys.list(now)
			if err != nil {
				return err
			}
			turns, err := originsInForce(cmd.Context(), &l.Config)
			if err != nil {
				a.note("note: what the log of states says of origins' keys could not be read: %v", err)
			}
			entries = addRotations(entries, turns)
			if found {
				entries = slices.DeleteFunc(entries, func(e keyEntry) bool { return e.Kind != "found" })
			}
			return a.printKeys(entries, found, now)
		},
	}
	cmd.Flags().BoolVar(&found, "found", false, "only keys that sources offered and that are not pinned")
	cmd.Flags().BoolVar(&documented, "documented", false, "keys that are publicly documented, and where; needs no configuration")
	cmd.MarkFlagsMutuallyExclusive("found", "documented")
	return cmd
}

// list gathers what there is of pins and keys, problems first.
func (s *keyStore) list(now time.Time) ([]keyEntry, error) {
	pins, err := s.loadPins()
	if err != nil {
		return nil, err
	}
	var entries []keyEntry
	pinned := make(map[verify.Fingerprint]bool)
	ring, offered := s.ring(), s.offered()
	for _, p := range pins.All() {
		pinned[p.Fingerprint] = true
		pin := reportPin(p)
		e := keyEntry{Kind: "pin", Fingerprint: p.Fingerprint, Pin: &pin, Key: find(ring, p.Fingerprint), Files: s.filesOf(p.Fingerprint), Sources: s.offeredBy(p.Fingerprint)}
		if e.Key == nil { // a sync finds it where the source offers it
			e.Key = find(offered, p.Fingerprint)
		}
		e.Problem = e.pinProblem(now)
		entries = append(entries, e)
	}
	for _, f := range ring.Fingerprints() {
		if !pinned[f] {
			entries = append(entries, keyEntry{Kind: "key", Fingerprint: f, Key: find(ring, f), Files: s.filesOf(f), Sources: s.offeredBy(f)})
		}
	}
	for _, f := range offered.Fingerprints() {
		if !pinned[f] && !has(ring, f) {
			entries = append(entries, keyEntry{Kind: "found", Fingerprint: f, Key: find(offered, f), Sources: s.offeredBy(f)})
		}
	}
	entries = append(entries, s.fileEntries()...)
	slices.SortStableFunc(entries, func(a, b keyEntry) int { return cmp.Compare(a.order(), b.order()) })
	return entries, nil
}

// fileEntries names the files that cannot be used, whole or in part.
func (s *keyStore) fileEntries() []keyEntry {
	var entries []keyEntry
	for _, name := range slices.Sorted(maps.Keys(s.bad)) {
		entries = append(entries, keyEntry{Kind: "file", Problem: s.bad[name].Error(), Files: []string{name}})
	}
	for _, name := range s.files {
		skipped := s.rings[name].Skipped()
		if len(skipped) == 0 {
			continue
		}
		e := keyEntry{Kind: "file", Files: []string{name}}
		for _, k := range skipped {
			e.Skipped = append(e.Skipped, skippedReport{Block: k.Block, Fingerprint: k.Fingerprint, Reason: k.Reason})
		}
		entries = append(entries, e)
	}
	return entries
}

// order sorts entries: problems, pins, keys, what was found, files.
func (e *keyEntry) order() int {
	if e.Problem != "" {
		return 0
	}
	return 1 + slices.Index([]string{"pin", "rotation", "key", "found", "file"}, e.Kind)
}

// pinProblem says what keeps the pin from working, or "".
func (e *keyEntry) pinProblem(now time.Time) string {
	if e.Key == nil {
		return "no key here: patchferry key add FILE"
	}
	return e.Key.problem(e.Pin.Purpose, now)
}

func (a *app) printKeys(entries []keyEntry, found bool, now time.Time) error {
	if a.json {
		for _, e := range entries {
			if err := a.printJSON(e); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	for i := range entries {
		entries[i].write(&b, now)
	}
	switch {
	case found && len(entries) == 0:
		b.WriteString("no source offered a key that is not pinned\n")
	case found:
		b.WriteString("\nA key that a source offers of itself proves nothing. Compare the fingerprint with a second\nsource, then type it:\n  patchferry key pin … --purpose bulletin --source NAME\n")
	case len(entries) == 0:
		b.WriteString("no pins and no keys\n")
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// write prints the entry for people.
func (e *keyEntry) write(b *strings.Builder, now time.Time) {
	titles := map[string]string{"rotation": "origin", "key": "not pinned", "found": "found", "file": "file"}
	title, headline := titles[e.Kind], e.Fingerprint.Grouped()
	switch e.Kind {
	case "pin":
		title = string(e.Pin.Purpose)
	case "file":
		headline = e.Files[0]
	}
	fmt.Fprintf(b, "%-11s  %s\n", title, headline)
	row := func(format string, args ...any) { fmt.Fprintf(b, "%13s%s\n", "", fmt.Sprintf(format, args...)) }
	if e.Problem != "" {
		row("problem: %s", printable(e.Problem))
	}
	if e.Key != nil {
		for _, line := range e.Key.lines(now) {
			row("%s", line)
		}
	}
	if e.Pin != nil {
		row("%s", printable(e.Pin.words()))
		if by := e.Pin.by(); by != "" {
			row("%s", by)
		}
	}
	for _, words := range e.turns() {
		row("%s", words)
	}
	if e.Kind == "key" {
		row("in %s", strings.Join(baseNames(e.Files), ", "))
	}
	if len(e.Sources) > 0 {
		row("offered by %s", strings.Join(e.Sources, ", "))
	}
	for _, s := range e.Skipped {
		row("left out: block %d: %s", s.Block, printable(s.Reason))
	}
}

func baseNames(files []string) []string {
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return names
}

// printDocumented prints the table of documented keys.
func (a *app) printDocumented(keys []verify.DocumentedKey) error {
	if a.json {
		for _, k := range keys {
			if err := a.printJSON(k); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	b.WriteString("A table in a program proves nothing. Read the place that is named, compare, and type the\nfingerprint from there.\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "\n%s: %s\n", k.Owner, k.Use)
		row := func(name, value string) {
			if value != "" {
				fmt.Fprintf(&b, "  %-12s %s\n", name, value)
			}
		}
		row("fingerprint", k.Fingerprint.Grouped())
		row("printed", k.Printed)
		row("key id", k.KeyID)
		row("documented", k.Where)
		row("note", k.Note)
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
