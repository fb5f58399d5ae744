package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/mirror"
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
	d.typed("init near --dir", shellWord(d.dir), "--no-passphrase")
	if err := d.command(ctx, d.out, "init", "near", "--dir", d.dir, "--no-passphrase"); err != nil {
		return err
	}
	if err := d.writeFiles(); err != nil {
		return fmt.Errorf("write the demo's sources: %w", err)
	}
	d.say("\n   The demo has put the publisher's signed mails into a folder, and written %d sources and the publisher's certificate authority into the\n   configuration. For the commands below, type once:", len(sample.Lists())+2)
	d.say("   $ export PATCHFERRY_CONFIG=%s", shellWord(d.config))
	d.typed("config check")
	return d.command(ctx, d.out, "config", "check")
}

// caFile has the publisher's certificate authority, beside the configuration.
const caFile = "ca.pem"

// writeFiles adds the sources and the certificate authority to the
// configuration, and writes the list that the operator keeps beside it.
func (d *demo) writeFiles() error {
	lists := filepath.Join(d.dir, "lists")
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
	if err := os.WriteFile(filepath.Join(d.dir, caFile), d.publisher.CAPEM(), 0o644); err != nil {
		return err
	}
	written, err := os.ReadFile(d.config)
	if err != nil {
		return err
	}
	const table = "[fetch]\n"
	edited := strings.Replace(string(written), table, fmt.Sprintf("%sca = %q\n", table, caFile), 1)
	return os.WriteFile(d.config, []byte(edited+text.String()), 0o644)
}

func (d *demo) writeList(name string, l sample.List) error {
	text, err := d.publisher.Document(l)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// syncs runs three syncs: with everything new, with nothing new, and with one
// file that changed by design and one that is wrong. It returns the wrong one.
func (d *demo) syncs(ctx context.Context) (sample.File, error) {
	d.step("Sync: fetch the lists and every file, check each against what its list states.")
	if err := d.sync(ctx); err != nil {
		return sample.File{}, err
	}
	if err := d.believe(ctx); err != nil {
		return sample.File{}, err
	}
	before, err := d.edition(ctx)
	if err != nil {
		return sample.File{}, err
	}
	d.step("Sync once more: nothing is new.")
	asked, allowed := d.publisher.Requests(), idleRequests(d.publisher.Files())
	if err := d.sync(ctx); err != nil {
		return sample.File{}, err
	}
	asked = d.publisher.Requests() - asked
	d.say("   The publisher saw %d requests: one for each of its %d lists, one for its advisories, and %d to ask whether what changes in place did.",
		asked, remoteLists(), allowed-remoteLists()-1)
	after, err := d.edition(ctx)
	if err == nil && (after.state.Number != before.state.Number || asked != allowed) {
		err = fmt.Errorf("sync with nothing new: %d requests, want %d; state %d, want %d", asked, allowed, after.state.Number, before.state.Number)
	}
	if err != nil {
		return sample.File{}, err
	}
	if err := d.forge(ctx); err != nil {
		return sample.File{}, err
	}
	wrong, err := d.syncWrong(ctx)
	if err != nil {
		return wrong, err
	}
	return wrong, d.due(ctx)
}

// syncWrong lets the publisher change two things: a file that changes in place,
// whose new version is captured, and a new file that is not what its list
// states, which must be refused and must not disturb anything else.
func (d *demo) syncWrong(ctx context.Context) (sample.File, error) {
	changed := d.publisher.ReplaceInPlace()
	wrong, err := d.publisher.AddWrong()
	if err != nil {
		return wrong, err
	}
	d.step("The publisher replaces %s, as it does by design,\n   and lists a new file, %s, whose bytes are not those it states.", changed[0].Name, wrong.Name)
	err = d.sync(ctx)
	if !errors.Is(err, mirror.ErrPartial) {
		return wrong, errors.Join(fmt.Errorf("sync of the wrong file %s: want it refused", wrong.Name), err)
	}
	d.say("   Refused: %s stays listed and was not admitted. Sync itself ends with exit status %d.", wrong.Name, exitPart)
	return wrong, nil
}

// sync is the command, as it is typed.
func (d *demo) sync(ctx context.Context) error {
	d.typed("sync")
	return d.command(ctx, d.out, "sync")
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
