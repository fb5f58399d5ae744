package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"patchferry/cmd/patchferry/internal/sample"
)

// initNear sets up a near side and writes the sources into its configuration,
// as an operator would with an editor.
func (d *demo) initNear(ctx context.Context) error {
	files := d.publisher.Files()
	var bytes int64
	for _, f := range files {
		bytes += f.Size
	}
	d.step("A publisher offers %d files (%s) on %s. Set up a near side.", len(files), humanize.Bytes(uint64(bytes)), d.publisher.URL("/"))
	if err := d.do(ctx, d.near, "init", "near", "--dir", d.near.dir, "--no-passphrase"); err != nil {
		return err
	}
	if err := d.writeFiles(); err != nil {
		return fmt.Errorf("write the demo's sources: %w", err)
	}
	d.say("\n   The demo has put the publisher's signed mails into a folder, and written %d sources and the publisher's certificate authority into the\n   configuration. In a terminal of the near side, type once:", len(sample.Lists())+2)
	d.settle(d.near)
	return d.do(ctx, d.near, "config", "check")
}

// settle shows what names the configuration of a machine to its terminal.
func (d *demo) settle(m machine) {
	d.say("   %s$ export PATCHFERRY_CONFIG=%s", m.name, shellWord(m.config))
}

// caFile has the publisher's certificate authority, beside the configuration.
const caFile = "ca.pem"

// writeFiles adds the sources and the certificate authority to the
// configuration, and writes the list that the operator keeps beside it.
func (d *demo) writeFiles() error {
	lists := filepath.Join(d.near.dir, "lists")
	if err := os.Mkdir(lists, 0o755); err != nil {
		return err
	}
	var text strings.Builder
	for _, l := range sample.Lists() {
		fmt.Fprintf(&text, "\n[[source]]\nname = %q\nkind = %q\n", l.Name, l.Kind)
		if !l.Local {
			fmt.Fprintf(&text, "url = %q\n", d.publisher.URL(sample.ListPath(l)))
		} else {
			fmt.Fprintf(&text, "path = %q\nhosts = [%q]\n", "lists/"+l.File, d.publisher.Host())
			if err := d.writeList(filepath.Join(lists, l.File), l); err != nil {
				return err
			}
		}
		if l.Trust != "" {
			fmt.Fprintf(&text, "trust = %q\n", l.Trust)
		}
	}
	text.WriteString(d.bulletinSources(d.publisher.URL(sample.CSAFPath)))
	if err := d.writeMails(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.near.dir, caFile), d.publisher.CAPEM(), 0o644); err != nil {
		return err
	}
	written, err := os.ReadFile(d.near.config)
	if err != nil {
		return err
	}
	const table = "[fetch]\n"
	edited := strings.Replace(string(written), table, fmt.Sprintf("%sca = %q\n", table, caFile), 1)
	return os.WriteFile(d.near.config, []byte(edited+text.String()), 0o644)
}

func (d *demo) writeList(name string, l sample.List) error {
	text, err := d.publisher.Document(l)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// syncs runs the first sync, with everything new.
func (d *demo) syncs(ctx context.Context) error {
	d.step("Sync: fetch the lists and every file, check each against what its list states.")
	return d.do(ctx, d.near, "sync")
}

// idle runs a sync that must find nothing new, at hardly any cost.
func (d *demo) idle(ctx context.Context) error {
	before, err := d.edition(ctx)
	if err != nil {
		return err
	}
	d.step("Sync once more: nothing is new.")
	asked, allowed := d.publisher.Requests(), idleRequests(d.publisher.Files())
	if err := d.do(ctx, d.near, "sync"); err != nil {
		return err
	}
	asked = d.publisher.Requests() - asked
	d.say("   The publisher saw %d requests: one for each of its %d lists, one for its advisories, and %d to ask whether what changes in place did.",
		asked, remoteLists(), allowed-remoteLists()-1)
	after, err := d.edition(ctx)
	if err == nil && (after.state.Number != before.state.Number || asked != allowed) {
		err = fmt.Errorf("sync with nothing new: %d requests, want %d; state %d, want %d", asked, allowed, after.state.Number, before.state.Number)
	}
	return err
}

// remoteLists counts the lists that are asked for over the network.
func remoteLists() int {
	n := 0
	for _, l := range sample.Lists() {
		if !l.Local {
			n++
		}
	}
	return n
}

// idleRequests is what a sync may cost when nothing is new: one request a list,
// one for the advisories, and one for each file that changes in place, where no list says so.
func idleRequests(files []sample.File) int {
	n := remoteLists() + 1 // for the index of the advisories
	for _, l := range sample.Lists() {
		for _, f := range files {
			if l.Trust == "capture" && f.List == l.Name {
				n++
			}
		}
	}
	return n
}
