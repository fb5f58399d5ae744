package mirror_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// rotation makes a statement that fresh takes the place of old; edit changes it
// before it is signed by those in by.
func (w *wire) rotation(number int, old, fresh *verify.SecretKey, edit func(*layout.Rotation), by ...*verify.SecretKey) bundle.SignedDocument {
	w.t.Helper()
	var certificate bytes.Buffer
	if err := fresh.WritePublic(&certificate); err != nil {
		w.t.Fatal(err)
	}
	r := layout.Rotation{
		Number: number, Origin: originID, Created: layout.At(w.now), Key: certificate.String(),
		Old: old.Fingerprint().String(), New: fresh.Fingerprint().String(),
	}
	if edit != nil {
		edit(&r)
	}
	if len(by) == 0 {
		by = []*verify.SecretKey{old, fresh}
	}
	// Signed by one alone: twice by it, which is once.
	signed, err := bundle.SignRotation(r, by[0], by[len(by)-1], w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

// with lets the next bundles carry rotations, signed by key.
func (w *wire) with(key *verify.SecretKey, all ...bundle.SignedDocument) {
	w.signer = []bundle.Signer{key}
	w.edit = func(c *bundle.Content) { c.Rotations = all }
}

// TestT19RotationThatDoesNotCount holds every way in which a change of the
// origin's key may be wrong, with real keys.
func TestT19RotationThatDoesNotCount(t *testing.T) {
	tests := []struct {
		name  string
		write func(w *wire, thief, other *verify.SecretKey)
		code  bundle.Code // empty: it is imported
		words string
	}{
		{name: "as it should be", write: func(w *wire, fresh, _ *verify.SecretKey) {
			w.with(fresh, w.rotation(1, w.key, fresh, nil))
		}},
		{name: "not signed by the old key", write: func(w *wire, thief, _ *verify.SecretKey) {
			w.with(thief, w.rotation(1, w.key, thief, nil, thief))
		}, code: mirror.CodeKey, words: "keys/rotate-0001.json cannot be followed from the keys that are trusted: rotation 1: it is not signed by "},
		{name: "signed by another for the old key", write: func(w *wire, thief, other *verify.SecretKey) {
			w.with(thief, w.rotation(1, w.key, thief, nil, other, thief))
		}, code: mirror.CodeKey, words: "it is not signed by "},
		{name: "not signed by the new key", write: func(w *wire, fresh, _ *verify.SecretKey) {
			w.with(fresh, w.rotation(1, w.key, fresh, nil, w.key))
		}, code: mirror.CodeKey, words: "it is not signed by "},
		{name: "of a key that nobody pinned", write: func(w *wire, thief, other *verify.SecretKey) {
			w.with(thief, w.rotation(1, other, thief, nil))
		}, code: mirror.CodeKey, words: "is not in the keyring"},
		{name: "of a key that nobody pinned, beside the right signature", write: func(w *wire, thief, other *verify.SecretKey) {
			w.with(w.key, w.rotation(1, other, thief, nil))
		}},
		{name: "that brings another's certificate", write: func(w *wire, thief, other *verify.SecretKey) {
			w.with(thief, w.rotation(1, w.key, thief, func(r *layout.Rotation) {
				var b bytes.Buffer
				_ = other.WritePublic(&b)
				r.Key = b.String()
			}))
		}, code: mirror.CodeKey, words: "it brings other certificates than"},
		{name: "that brings no certificate", write: func(w *wire, thief, _ *verify.SecretKey) {
			w.with(thief, w.rotation(1, w.key, thief, func(r *layout.Rotation) { r.Key = "" }))
		}, code: mirror.CodeKey, words: "it is not signed by "},
		{name: "of another origin", write: func(w *wire, thief, _ *verify.SecretKey) {
			w.with(thief, w.rotation(1, w.key, thief, func(r *layout.Rotation) { r.Origin = streamID }))
		}, code: mirror.CodeKey, words: "is of the origin " + streamID},
		{name: "after which the old key signs", write: func(w *wire, thief, _ *verify.SecretKey) {
			w.with(w.key, w.rotation(1, w.key, thief, nil))
		}, code: mirror.CodeKey, words: "which is out of force here since rotation 1"},
		{name: "to two keys at once", write: func(w *wire, thief, other *verify.SecretKey) {
			w.with(other, w.rotation(1, w.key, thief, nil), w.rotation(2, w.key, other, nil))
		}, code: mirror.CodeKey, words: "but rotation 1 has put "},
		{name: "and back", write: func(w *wire, thief, _ *verify.SecretKey) {
			w.with(w.key, w.rotation(1, w.key, thief, nil), w.rotation(2, thief, w.key, nil))
		}, code: mirror.CodeKey, words: "out of force since rotation 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := published(t)
			fresh, other := freshKey(t, w.now), freshKey(t, w.now)
			tt.write(w, fresh, other)
			dir := w.send()
			f := newFar(t, w)
			if tt.code == "" {
				f.take(dir)
				return
			}
			e := f.refuse(mirror.ImportOptions{}, dir)
			if e.Code != tt.code || !strings.Contains(e.Error(), tt.words) || !strings.Contains(e.Next, "ask the near side with which key it signs now") || !errors.Is(e, verify.ErrUntrusted) {
				t.Errorf("got %v (%s), next %q; want %s with %q", e, e.Code, e.Next, tt.code, tt.words)
			}
		})
	}
}

// TestT19RotationAfterAnother holds a far side that has accepted a change of key
// to it.
func TestT19RotationAfterAnother(t *testing.T) {
	w := published(t)
	f := newFar(t, w)
	f.take(w.send())
	fresh, thief := freshKey(t, w.now), freshKey(t, w.now)
	right := w.rotation(1, w.key, fresh, nil)
	w.with(fresh, right)
	f.now = w.now
	if r := f.take(w.send()); len(r.Rotations) != 1 {
		t.Fatalf("got %+v, want one rotation", r.Rotations)
	}
	second := w.rotation(2, fresh, thief, nil)
	for _, tt := range []struct {
		name  string
		key   *verify.SecretKey
		all   []bundle.SignedDocument
		words string
	}{
		{"left out", fresh, nil, "it carries 0 rotations, and not rotation 1 of its origin's key as it was accepted here"},
		{"left out, by the old key", w.key, nil, "which is out of force here since rotation 1"},
		{"another in its place, by who has the old key", thief, []bundle.SignedDocument{w.rotation(1, w.key, thief, nil)}, "out of force since rotation 1"},
		{"the second one without the first", thief, []bundle.SignedDocument{w.rotation(1, fresh, thief, nil)}, "and not rotation 1 of its origin's key as it was accepted here"},
		{"followed by one that the old key signed", thief, []bundle.SignedDocument{right, w.rotation(2, fresh, thief, nil, w.key, thief)}, "it is not signed by "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seq, last := w.seq, w.last
			w.with(tt.key, tt.all...)
			dir := w.send()
			w.seq, w.last = seq, last
			e := f.refuse(mirror.ImportOptions{}, dir)
			if e.Code != mirror.CodeKey || !strings.Contains(e.Error(), tt.words) {
				t.Errorf("got %v (%s), want key with %q", e, e.Code, tt.words)
			}
		})
	}
	w.with(thief, right, second)
	if r := f.take(w.send()); len(r.Rotations) != 1 || r.Rotations[0].Number != 2 {
		t.Errorf("the right one after it: %+v", r.Rotations)
	}
}

// TestT18KeyThatNobodyPinned finds a key in the bundle that nobody pinned: it is said,
// and counts for nothing.
func TestT18KeyThatNobodyPinned(t *testing.T) {
	w := published(t)
	mallory := freshKey(t, w.now)
	var certificate bytes.Buffer
	must(t, mallory.WritePublic(&certificate))
	dir := w.send()
	declare(t, dir, w.key, "keys/mallory.asc", certificate.Bytes())
	f := newFar(t, w)
	if r := f.take(dir); !slices.Equal(r.Ignored, []string{"keys/mallory.asc"}) || !slices.Equal(r.Signers, []string{w.key.Fingerprint().String()}) {
		t.Errorf("ignored %v, signed by %v; want the key ignored", r.Ignored, r.Signers)
	}
	// What that key signs is not believed, here or in the next bundle.
	again := w.send()
	declare(t, again, mallory, "keys/mallory.asc", certificate.Bytes())
	for _, side := range []*far{f, newFar(t, w)} {
		e := side.refuse(mirror.ImportOptions{}, again)
		if e.Code != mirror.CodeKey || !strings.Contains(e.Error(), "is not in the keyring") {
			t.Errorf("got %v, want key", e)
		}
	}
}

// declare adds a file to a bundle of one volume, and has its header signed
// again.
func declare(t *testing.T, dir string, key *verify.SecretKey, name string, content []byte) {
	t.Helper()
	root := filepath.Join(dir, "vol-001-of-001")
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
	must(t, os.WriteFile(filepath.Join(root, name), content, 0o600))
	list, err := os.ReadFile(filepath.Join(root, bundle.VolumeFile))
	must(t, err)
	line, err := json.Marshal(bundle.Line{Path: name, Size: int64(len(content)), SHA256: layout.DigestOf(content)})
	must(t, err)
	lines := append(strings.Split(strings.TrimSuffix(string(list), "\n"), "\n"), string(line))
	slices.Sort(lines) // each begins with its path
	list = []byte(strings.Join(lines, "\n") + "\n")
	must(t, os.WriteFile(filepath.Join(root, bundle.VolumeFile), list, 0o600))
	doc, err := os.ReadFile(filepath.Join(root, bundle.HeaderFile))
	must(t, err)
	h, err := bundle.ParseHeader(doc)
	must(t, err)
	h.Volumes[0] = bundle.Volume{Index: 1, Files: len(lines), Bytes: h.Volumes[0].Bytes + int64(len(content)), SHA256: layout.DigestOf(list)}
	doc, err = json.Marshal(h)
	must(t, err)
	sig, err := key.Sign(doc, h.Created.Time())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, bundle.HeaderFile), doc, 0o600))
	must(t, os.WriteFile(filepath.Join(root, bundle.HeaderSigFile), sig, 0o600))
}
