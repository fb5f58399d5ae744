package verify_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"patchferry/verify"
)

func TestKeyDirAdd(t *testing.T) {
	dir := verify.KeyDir{Path: t.TempDir()}
	a, b := newKey(t, "Ann"), newKey(t, "Bob")
	both := verify.MergeKeyrings(a.Public(), b.Public())
	for _, step := range []struct {
		name string
		of   *verify.SecretKey
		want verify.Added
	}{
		{"first", a, verify.AddedNew},
		{"again", a, verify.AddedPresent},
		{"another", b, verify.AddedNew},
	} {
		got, err := dir.Add(t.Context(), both, step.of.Fingerprint())
		if err != nil || got != step.want {
			t.Errorf("%s: got %q, %v, want %q", step.name, got, err, step.want)
		}
	}
	ring, err := dir.Keyring()
	if err != nil || len(ring.Fingerprints()) != 2 {
		t.Fatalf("got %v, %v, want both keys", ring.Fingerprints(), err)
	}
	one, err := verify.ReadKeyFile(dir.File(a.Fingerprint()))
	if err != nil || len(one.Fingerprints()) != 1 || one.Names(a.Fingerprint())[0] != "Ann" {
		t.Errorf("got %v, %v, want Ann's key alone", one, err)
	}
	if _, err := dir.Add(t.Context(), a.Public(), fpr4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that is nowhere: got %v, want one that matches fs.ErrNotExist", err)
	}
	if err := dir.Remove(t.Context(), b.Fingerprint()); err != nil {
		t.Error(err)
	}
	if err := dir.Remove(t.Context(), b.Fingerprint()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want one that matches fs.ErrNotExist", err)
	}
}

// TestKeyDirKeepsOldVersions adds a newer version of a certificate that dropped
// what the older one had: nothing is lost, and gpg reads what is written.
func TestKeyDirKeepsOldVersions(t *testing.T) {
	g := newGPG(t)
	g.run(nil, "--passphrase", "", "--quick-generate-key", "old name", "ed25519", "cert", "never")
	export := func(args ...string) *verify.Keyring {
		t.Helper()
		ring, err := verify.ReadKeyring(strings.NewReader(g.run(nil, append([]string{"--armor", "--export"}, args...)...)))
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	old := export()
	f := old.Fingerprints()[0]
	g.run(nil, "--passphrase", "", "--quick-add-key", string(f), "ed25519", "sign", "never")
	g.run(nil, "--passphrase", "", "--quick-add-uid", string(f), "new name")
	renewed := export("--export-filter", "keep-uid=uid=new name")

	dir := verify.KeyDir{Path: t.TempDir()}
	for _, step := range []struct {
		ring *verify.Keyring
		want verify.Added
	}{{renewed, verify.AddedNew}, {old, verify.AddedMerged}, {renewed, verify.AddedPresent}, {old, verify.AddedPresent}} {
		got, err := dir.Add(t.Context(), step.ring, f)
		if err != nil || got != step.want {
			t.Fatalf("got %q, %v, want %q", got, err, step.want)
		}
	}
	ring, err := dir.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ring.Names(f), ", "); got != "new name, old name" {
		t.Errorf("got the names %q, want both", got)
	}
	text, err := os.ReadFile(dir.File(f))
	if err != nil {
		t.Fatal(err)
	}
	other := newGPG(t)
	other.run(text, "--import")
	listing := other.run(nil, "--with-colons", "--list-keys")
	for _, want := range []string{"old name", "new name", "\nsub:", string(f)} {
		if !strings.Contains(listing, want) {
			t.Errorf("gpg lists no %q:\n%s", want, listing)
		}
	}
}

func TestKeyDirRefuses(t *testing.T) {
	a, b := newKey(t, "Ann"), newKey(t, "Bob")
	t.Run("a file that holds another's key", func(t *testing.T) {
		dir := verify.KeyDir{Path: t.TempDir()}
		var public bytes.Buffer
		if err := b.WritePublic(&public); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir.File(a.Fingerprint()), public.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Add(t.Context(), a.Public(), a.Fingerprint()); err == nil || !strings.Contains(err.Error(), "other certificates") {
			t.Errorf("got %v, want that it holds others", err)
		}
		if got, err := os.ReadFile(dir.File(a.Fingerprint())); err != nil || !bytes.Equal(got, public.Bytes()) {
			t.Errorf("the file was changed: %v", err)
		}
	})
	t.Run("a file that is no key", func(t *testing.T) {
		dir := verify.KeyDir{Path: t.TempDir()}
		if err := os.WriteFile(dir.File(a.Fingerprint()), []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Add(t.Context(), a.Public(), a.Fingerprint()); err == nil {
			t.Error("a file that cannot be read was replaced")
		}
		if _, err := dir.Keyring(); err == nil {
			t.Error("a file that cannot be read was passed over")
		}
	})
	t.Run("no directory", func(t *testing.T) {
		dir := verify.KeyDir{Path: t.TempDir() + "/none"}
		if _, err := dir.Keyring(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want one that matches fs.ErrNotExist", err)
		}
	})
}

// FuzzWriteCertificate writes every certificate that can be read, and reads it
// again: it is the same one, and written again it is the same text.
func FuzzWriteCertificate(f *testing.F) {
	key := newKey(f, "fuzz")
	var public bytes.Buffer
	if err := key.WritePublic(&public); err != nil {
		f.Fatal(err)
	}
	f.Add(public.Bytes())
	for _, name := range []string{"testdata/weak/key.asc", "testdata/weak/self-key.asc"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(append(public.Bytes(), text...))
		block, err := armor.Decode(bytes.NewReader(text))
		if err != nil {
			f.Fatal(err)
		}
		packets, err := io.ReadAll(block.Body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packets)
		f.Add(append(packets, packets...))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := verify.ReadKeyring(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, fpr := range ring.Fingerprints() {
			var once, twice bytes.Buffer
			if err := ring.WriteCertificate(&once, fpr); err != nil {
				t.Fatal(err)
			}
			back, err := verify.ReadKeyring(bytes.NewReader(once.Bytes()))
			if err != nil {
				t.Fatalf("%v\n%s", err, once.Bytes())
			}
			if got := back.Fingerprints(); len(got) != 1 || got[0] != fpr {
				t.Fatalf("got %v, want %s alone", got, fpr)
			}
			if err := back.WriteCertificate(&twice, fpr); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(once.Bytes(), twice.Bytes()) {
				t.Fatalf("written again it differs:\n%s\n%s", once.Bytes(), twice.Bytes())
			}
		}
	})
}
