package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// returning is a near side that exported two bundles, with the keys of two far
// sides pinned, and what comes back to it.
type returning struct {
	t            *testing.T
	dir          string
	plant, dock  *verify.SecretKey // pinned for plant and dock
	harbour      *verify.SecretKey // pinned, and not in the audience
	stranger     *verify.SecretKey // in the keyring, and not pinned
	origin, site *verify.SecretKey // of the near side itself
	stream       layout.Outbound
	id           string // of the origin
}

func newReturning(t *testing.T) *returning {
	t.Helper()
	r := &returning{t: t}
	r.dir, _ = newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": []byte("MZ update")})
	appendTo(t, filepath.Join(r.dir, "patchferry.toml"), "\n[[stream]]\nname = \"main\"\nmode = \"receipt\"\naudience = [\"plant\", \"dock\"]\n")
	disk := t.TempDir()
	r.run(exitDone, "sync")
	r.run(exitDone, "export", "--to", disk)
	r.run(exitDone, "export", "--to", disk)
	for _, k := range []struct {
		name string
		key  **verify.SecretKey
	}{{"plant", &r.plant}, {"dock", &r.dock}, {"harbour", &r.harbour}, {"stranger", &r.stranger}} {
		*k.key = r.makeKey(k.name)
		if k.name != "stranger" {
			r.run(exitDone, "key", "pin", (*k.key).Fingerprint().String(), "--purpose", "destination", "--source", k.name)
		}
	}
	r.readLedger()
	return r
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// makeKey makes a key and adds its public half to the near side's keyring.
func (r *returning) makeKey(name string) *verify.SecretKey {
	r.t.Helper()
	key, err := verify.GenerateKey(name, time.Now().Add(-time.Minute))
	if err != nil {
		r.t.Fatal(err)
	}
	var public strings.Builder
	if err := key.WritePublic(&public); err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), name+".asc")
	if err := os.WriteFile(file, []byte(public.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.run(exitDone, "key", "add", file)
	return key
}

func (r *returning) run(code int, args ...string) result {
	r.t.Helper()
	got := runIn(r.t.Context(), r.dir, args...)
	if got.code != code {
		r.t.Fatalf("%v exits %d, want %d: %s%s", args, got.code, code, got.stdout, got.stderr)
	}
	return got
}

// readLedger reads what the store knows of its stream, and its own keys.
func (r *returning) readLedger() {
	r.t.Helper()
	c, err := config.Load(config.Request{File: filepath.Join(r.dir, "patchferry.toml"), Dir: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := openSite(r.t.Context(), &c.Config)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	state, err := s.reader.Newest(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.stream, r.id = state.Outbound["main"], state.Origin
	keys, err := new(app).openSigners(r.t.Context(), &c.Config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.origin, r.site = keys.origin, keys.site
}

// imported is the receipt of plant for a seq.
func (r *returning) imported(seq uint64) bundle.Receipt {
	header := r.header(seq)
	return bundle.Receipt{
		Format: bundle.FormatReceipt, Version: 1, Destination: "plant", Origin: r.id, Stream: r.stream.ID, Epoch: 1, Seq: seq, Header: header,
		Status: bundle.Imported, Mark: &bundle.Before{Epoch: 1, Seq: seq, Header: header}, Day: "2026-11-22",
	}
}

func (r *returning) header(seq uint64) layout.Digest {
	for _, e := range r.stream.Exports {
		if e.Seq == seq {
			return e.Header.Document.SHA256
		}
	}
	return layout.DigestOf([]byte("no bundle"))
}

// write signs a document and writes both.
func (r *returning) write(doc []byte, key *verify.SecretKey) string {
	r.t.Helper()
	name := filepath.Join(r.t.TempDir(), "RECEIPT-plant-000002.json")
	sig, err := key.Sign(doc, time.Now())
	err = errors.Join(err, os.WriteFile(name, doc, 0o600), os.WriteFile(name+".asc", sig, 0o600))
	if err != nil {
		r.t.Fatal(err)
	}
	return name
}

// TestT25Receipts changes a right receipt, or who signs it, in one respect
// each: it is exit status 4 with a code, and nothing is written.
func TestT25Receipts(t *testing.T) {
	r := newReturning(t)
	other := layout.DigestOf([]byte("other"))
	const uuid = "00000001-0000-4000-8000-000000000000"
	for _, test := range []struct {
		name   string
		change func(doc *bundle.Receipt)           // before it is signed
		bytes  func(doc string) string             // the same, on the bytes
		signer *verify.SecretKey                   // nil is plant's
		spoil  func(name string, doc []byte) error // after it was signed
		code   string
		words  string
	}{
		{name: "forged: one digit altered", spoil: func(name string, doc []byte) error {
			return os.WriteFile(name, []byte(strings.Replace(string(doc), `"seq":2`, `"seq":1`, 1)), 0o600)
		}, code: "signature", words: "these are not the bytes that"},
		{name: "without a signature", spoil: func(name string, _ []byte) error { return os.Remove(name + ".asc") }, code: "signature", words: "is missing, and without a signature it proves nothing"},
		{name: "a signature that is none", spoil: func(name string, _ []byte) error { return os.WriteFile(name+".asc", []byte("trust me\n"), 0o600) },
			code: "signature", words: "not a detached signature"},
		{name: "a key that is not pinned", signer: r.stranger, code: "key", words: "is not pinned for destination"},
		{name: "a key of another destination", signer: r.dock, code: "key", words: "is pinned for destination dock, not for destination plant"},
		{name: "the origin's key", signer: r.origin, code: "key", words: "is pinned for origin, not for destination"},
		{name: "the site key of the near side", signer: r.site, code: "key", words: "is pinned for site, not for destination"},
		{name: "another stream", change: func(d *bundle.Receipt) { d.Stream = uuid }, code: "audience", words: "of which nothing was exported here"},
		{name: "another origin", change: func(d *bundle.Receipt) { d.Origin = uuid }, code: "audience", words: "which this store is not"},
		{name: "a destination that the stream is not for", signer: r.harbour, change: func(d *bundle.Receipt) { d.Destination = "harbour" },
			code: "audience", words: "stream main is for [plant dock], not for harbour"},
		{name: "another bundle of that seq", change: func(d *bundle.Receipt) { d.Header, d.Mark.Header = other, other }, code: "equivocation", words: "as that of seq 2, and this store wrote"},
		{name: "a seq that never was", change: func(d *bundle.Receipt) { d.Seq, d.Mark.Seq = 9, 9 }, code: "position", words: "epoch 1 seq 9 was never exported here"},
		{name: "an epoch that never was", change: func(d *bundle.Receipt) { d.Epoch, d.Mark.Epoch = 2, 2 }, code: "position", words: "epoch 2 seq 2 was never exported here"},
		{name: "a mark that never was", change: func(d *bundle.Receipt) { d.Status, d.Reason, d.Mark.Seq = "refused", "rollback", 7 }, code: "position", words: "epoch 1 seq 7 was never exported here"},
		{name: "a mark of another bundle", change: func(d *bundle.Receipt) { d.Status, d.Reason, d.Mark.Seq = "refused", "digest", 1 }, code: "equivocation", words: "as that of seq 1"},
		{name: "imported, with another mark", change: func(d *bundle.Receipt) { d.Mark.Seq = 1 }, code: "format", words: "something else as well"},
		{name: "a want file", change: func(d *bundle.Receipt) {
			d.Format, d.Status, d.Missing = bundle.FormatWant, "", []layout.ObjectRef{{SHA256: other, Size: 1}}
		}, code: "format", words: `format "patchferry-want", want "patchferry-receipt"`},
		{name: "another version", change: func(d *bundle.Receipt) { d.Version = 2 }, code: "version", words: "version 2"},
		{name: "a member twice", bytes: func(doc string) string { return strings.Replace(doc, `"seq":2,`, `"seq":2,"seq":2,`, 1) }, code: "format", words: `member "seq" stands twice`},
		{name: "bytes after the object", bytes: func(doc string) string { return doc + "{}" }, code: "format", words: "not one whole JSON object"},
		{name: "too long", spoil: func(name string, _ []byte) error { return os.Truncate(name, bundle.MaxReceipt+1) }, code: "limit", words: "has more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := r.imported(2)
			if test.change != nil {
				test.change(&d)
			}
			doc, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if test.bytes != nil {
				doc = []byte(test.bytes(string(doc)))
			}
			signer := r.plant
			if test.signer != nil {
				signer = test.signer
			}
			name := r.write(doc, signer)
			if test.spoil != nil {
				if err := test.spoil(name, doc); err != nil {
					t.Fatal(err)
				}
			}
			r.refused(t, name, test.code, test.words)
		})
	}
	doc, err := json.Marshal(r.imported(2))
	if err != nil {
		t.Fatal(err)
	}
	name := r.write(doc, r.plant)
	if got := r.run(exitDone, "receipt", "apply", name); !strings.Contains(got.stdout, "plant: seq 2 of stream main imported; noted that it has seq 2") {
		t.Errorf("the receipt that all of these were made of: %s%s", got.stdout, got.stderr)
	}
}

// refused applies a receipt that must count for nothing, alone and beside a
// good one.
func (r *returning) refused(t *testing.T, name, code, words string) {
	t.Helper()
	good, err := json.Marshal(r.imported(1))
	if err != nil {
		t.Fatal(err)
	}
	before := r.files()
	for _, args := range [][]string{{name}, {r.write(good, r.plant), name}, {name, "--dry-run"}} {
		got := runIn(t.Context(), r.dir, append([]string{"receipt", "apply"}, args...)...)
		if got.code != exitUntrusted || !strings.Contains(got.stderr, "refused ("+code+"): ") || !strings.Contains(got.stderr, words) || got.stdout != "" {
			t.Errorf("exits %d, want %d with (%s) and %q: %s%s", got.code, exitUntrusted, code, words, got.stdout, got.stderr)
		}
	}
	if after := r.files(); after != before {
		t.Error("the store was written to")
	}
}

// files lists the store with sizes and times.
func (r *returning) files() string {
	r.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(r.dir, "store"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all.WriteString(name + info.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all.String()
}
