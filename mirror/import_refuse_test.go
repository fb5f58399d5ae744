package mirror_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// published returns a near side that has one update and one signed bulletin.
func published(t *testing.T) *wire {
	t.Helper()
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000))
	w.press.print("MS26-001", w.clearSigned("MS26-001 KB800000 critical 2026-11-01"), nil)
	w.sync(mirror.SyncOptions{})
	return w
}

// object returns the file of the object of pub:a.exe in a bundle.
func (w *wire) object(dir string) string {
	return filepath.Join(dir, "vol-001-of-001", filepath.FromSlash(bundle.ObjectPath(w.file("a.exe").SHA256)))
}

// TestImportRefuses changes a right bundle, or who reads it, in one respect
// each.
func TestImportRefuses(t *testing.T) {
	stranger, err := verify.GenerateKey("stranger", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(change func(*bundle.Header)) func(*wire) {
		return func(w *wire) { w.edit = func(c *bundle.Content) { change(&c.Header) } }
	}
	tests := []struct {
		name  string
		write func(*wire)                             // how it is written
		spoil func(t *testing.T, w *wire, dir string) // what happens on the way
		opt   mirror.ImportOptions
		code  bundle.Code
		words string
		class error
	}{
		{name: "T1 payload flipped", spoil: func(t *testing.T, w *wire, dir string) { flip(t, w.object(dir), 100) },
			code: bundle.CodeDigest, words: "has other bytes than were signed", class: verify.ErrUntrusted},
		{name: "T2 file cut short", spoil: func(t *testing.T, w *wire, dir string) { must(t, os.Truncate(w.object(dir), 10)) },
			code: bundle.CodeSize, words: "has 10 bytes, want 3000", class: verify.ErrUntrusted},
		{name: "T3 file missing", spoil: func(t *testing.T, w *wire, dir string) { must(t, os.Remove(w.object(dir))) },
			code: bundle.CodeIncomplete, words: "is missing", class: mirror.ErrPartial},
		{name: "T4 extra file", spoil: func(t *testing.T, w *wire, dir string) { must(t, os.WriteFile(w.object(dir)+"x", nil, 0o600)) },
			code: bundle.CodeUndeclared, words: "that the volume does not name", class: verify.ErrUntrusted},
		{name: "T4 link", spoil: func(t *testing.T, w *wire, dir string) {
			must(t, os.Rename(w.object(dir), filepath.Join(t.TempDir(), "a")))
			must(t, os.Symlink("/etc/passwd", w.object(dir)))
		}, code: bundle.CodeUndeclared, words: "not a regular file", class: verify.ErrUntrusted},
		{name: "T5 header edited", spoil: func(t *testing.T, w *wire, dir string) {
			flip(t, filepath.Join(dir, "vol-001-of-001", bundle.HeaderFile), 30)
		},
			code: bundle.CodeSignature, words: "is not signed by the keys that are trusted", class: verify.ErrUntrusted},
		{name: "T5 signature stripped", spoil: func(t *testing.T, w *wire, dir string) {
			must(t, os.Remove(filepath.Join(dir, "vol-001-of-001", bundle.HeaderSigFile)))
		},
			code: bundle.CodeSignature, words: "is not signed", class: verify.ErrUntrusted},
		{name: "T6 key unknown", write: func(w *wire) { w.signer = []bundle.Signer{stranger} },
			code: mirror.CodeKey, words: "is not in the keyring", class: verify.ErrUntrusted},
		{name: "T6 bulletin key", write: func(w *wire) { w.signer = []bundle.Signer{w.publisher.signer} },
			code: mirror.CodeKey, words: "is not in the keyring", class: verify.ErrUntrusted},
		{name: "T7 threshold met by one key", opt: mirror.ImportOptions{Threshold: 2},
			code: mirror.CodeThreshold, words: "signed by 1 of the 2 certificates", class: verify.ErrUntrusted},
		{name: "T8 unknown critical", spoil: func(t *testing.T, w *wire, dir string) {
			name := filepath.Join(dir, "vol-001-of-001", bundle.HeaderFile)
			doc, err := os.ReadFile(name)
			must(t, err)
			doc = []byte(strings.Replace(string(doc), "{", `{"critical":["moon"],`, 1))
			sig, err := w.key.Sign(doc, w.now)
			must(t, errors.Join(err, os.WriteFile(name, doc, 0o600), os.WriteFile(name+".asc", sig, 0o600)))
		}, code: bundle.CodeVersion, words: "moon", class: verify.ErrUntrusted},
		{name: "T9 audience", write: edit(func(h *bundle.Header) { h.Audience = []string{"harbour"} }),
			code: mirror.CodeAudience, words: `it is for ["harbour"], and this is "plant"`, class: verify.ErrUntrusted},
		{name: "T1 catalog flipped", spoil: func(t *testing.T, w *wire, dir string) {
			flip(t, filepath.Join(dir, "vol-001-of-001", bundle.CatalogFile), 40)
		}, code: bundle.CodeDigest, words: "other bytes", class: verify.ErrUntrusted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := published(t)
			if tt.write != nil {
				tt.write(w)
			}
			dir := w.send()
			if tt.spoil != nil {
				tt.spoil(t, w, dir)
			}
			f := newFar(t, w)
			e := f.refuse(tt.opt, dir)
			if e.Code != tt.code || !strings.Contains(e.Error(), tt.words) || !errors.Is(e, tt.class) {
				t.Errorf("got %v (%s), want %s with %q", e, e.Code, tt.code, tt.words)
			}
			tt.opt.DryRun, tt.opt.Destination = true, "plant"
			if _, err := f.Import(t.Context(), []string{dir}, tt.opt); err == nil {
				t.Error("a dry run accepts it")
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit of a file.
func flip(t *testing.T, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	b[at] ^= 1
	must(t, os.Chmod(name, 0o600))
	must(t, os.WriteFile(name, b, 0o600))
}

// TestT10Position holds every row of the table of positions.
func TestT10Position(t *testing.T) {
	other := layout.DigestOf([]byte("other"))
	tests := []struct {
		name   string
		header func(h *bundle.Header) // of the second bundle, after seq 5 of epoch 2
		accept uint32
		code   bundle.Code // empty: accepted
		words  string
		missed int
	}{
		{name: "next", header: func(*bundle.Header) {}},
		{name: "gap", header: func(h *bundle.Header) { h.Seq, h.Prev = 8, &bundle.Before{Epoch: 2, Seq: 7, Header: other} }, missed: 2},
		{name: "gap of burned numbers", header: func(h *bundle.Header) { h.Seq, h.Skipped = 8, []uint64{6, 7} }},
		{name: "equivocation", header: func(h *bundle.Header) { h.Seq, h.Prev = 5, nil }, code: mirror.CodeEquivocation, words: "another bundle with the number 5"},
		{name: "fork", header: func(h *bundle.Header) { h.Prev = &bundle.Before{Epoch: 2, Seq: 5, Header: other} }, code: mirror.CodeFork, words: "does not follow number 5"},
		{name: "rollback", header: func(h *bundle.Header) { h.Seq, h.Prev = 4, nil }, code: mirror.CodeRollback, words: "it is number 4, and number 5 was accepted"},
		{name: "fast-forward", header: func(h *bundle.Header) { h.Seq = 10_006 }, code: mirror.CodePosition, words: "a fast-forward of more than 10000"},
		{name: "lower epoch", header: func(h *bundle.Header) { h.Epoch, h.Seq, h.Prev = 1, 9, nil }, code: mirror.CodeRollback, words: "epoch 2 was accepted"},
		{name: "higher epoch", header: func(h *bundle.Header) { h.Epoch, h.Seq, h.Prev = 3, 1, nil }, code: mirror.CodePosition, words: "which the operator must accept"},
		{name: "higher epoch, another typed", header: func(h *bundle.Header) { h.Epoch, h.Seq, h.Prev = 3, 1, nil }, accept: 4, code: mirror.CodePosition, words: "must accept"},
		{name: "higher epoch, not full", header: func(h *bundle.Header) { h.Epoch, h.Seq, h.Prev, h.Kind = 3, 1, nil, bundle.Incremental }, accept: 3, code: mirror.CodePosition, words: "only a full bundle can"},
		{name: "higher epoch, typed", header: func(h *bundle.Header) { h.Epoch, h.Seq, h.Prev = 3, 1, nil }, accept: 3},
		{name: "another stream", header: func(h *bundle.Header) { h.Stream = originID }, code: mirror.CodeAudience, words: "which is not followed here"},
		{name: "another origin", header: func(h *bundle.Header) { h.Origin = streamID }, code: mirror.CodeAudience, words: "belongs to the origin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := published(t)
			w.seq, w.edit = 4, func(c *bundle.Content) { c.Header.Epoch = 2 }
			f := newFar(t, w)
			f.take(w.send())
			w.edit = func(c *bundle.Content) {
				c.Header.Epoch, c.Header.Tool = 2, "another"
				tt.header(&c.Header)
			}
			dir := w.send()
			opt := mirror.ImportOptions{AcceptEpoch: tt.accept, Destination: "plant"}
			if tt.code == "" {
				r, err := f.Import(t.Context(), []string{dir}, opt)
				if err != nil || len(r.Missed) != tt.missed {
					t.Errorf("got %v, %+v, want it accepted with %d missed", err, r, tt.missed)
				}
				return
			}
			if e := f.refuse(opt, dir); e.Code != tt.code || !strings.Contains(e.Error(), tt.words) || !errors.Is(e, verify.ErrUntrusted) {
				t.Errorf("got %v, want %s with %q", e, tt.code, tt.words)
			}
		})
	}
}

// TestT17UnpinnedBulletin imports a document whose key is not pinned here, and
// says so.
func TestT17UnpinnedBulletin(t *testing.T) {
	w := published(t)
	f := newFar(t, w)
	f.pins = &verify.Pins{}
	r := f.take(w.send())
	if len(r.Unpinned) != 1 || !strings.HasPrefix(r.Unpinned[0], "press:MS26-001") {
		t.Errorf("unpinned %v, want the one document", r.Unpinned)
	}
}

// TestT22TwoImports finds the lock of another job.
func TestT22TwoImports(t *testing.T) {
	w := published(t)
	dir := w.send()
	f := newFar(t, w)
	_, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", Before: func(_ context.Context, _ *mirror.ProposedImport) error {
		_, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant"})
		if !errors.Is(err, mirror.ErrLocked) || !strings.Contains(err.Error(), "locked by import (process ") {
			t.Errorf("a second import: got %v, want ErrLocked", err)
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
}

// TestT26HookFails keeps a bundle in quarantine, from which the same command
// goes on.
func TestT26HookFails(t *testing.T) {
	w := published(t)
	dir := w.send()
	f := newFar(t, w)
	r, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", Before: hung})
	if err == nil || !strings.Contains(err.Error(), "virus found") || r.Status != mirror.StatusFailed || f.newest() != 0 {
		t.Fatalf("got %v, %+v", err, r)
	}
	for o, err := range f.dir.List(t.Context(), layout.Digest{}) {
		t.Errorf("the store has %v (%v)", o, err)
	}
	if r := f.take(dir); r.Copied != 0 || r.Kept == 0 {
		t.Errorf("the second run copied %d files and kept %d, want 0 copied", r.Copied, r.Kept)
	}
}

// TestImportSpace refuses before it writes where there is no room.
func TestImportSpace(t *testing.T) {
	w := published(t)
	dir := w.send()
	f := newFar(t, w)
	_, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", Free: func(string) (int64, bool) { return 100, true }})
	if space, ok := errors.AsType[*mirror.SpaceError](err); !ok || space.Free != 100 || space.Need < 3000 {
		t.Errorf("got %v, want a SpaceError", err)
	}
}
