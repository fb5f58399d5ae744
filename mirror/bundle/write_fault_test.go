package bundle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/mirror/bundle"
)

// TestKilledAtEveryWrite kills the writer before every operation that changes
// the medium, then runs it again: never is anything half there under the final
// name, and the second run ends with the bytes of a run that nobody killed.
func TestKilledAtEveryWrite(t *testing.T) {
	origin, second := testKey(t, "origin"), testKey(t, "second")
	s := newSample(t, origin, sampleOptions{sizes: []int{10, 3000, 60_000}, required: []int{5}, notices: true})
	write := func(dir string, recorded *[]byte, operations int) (left int64, err error) {
		w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin, second}, Workers: 1, NoReadback: operations%5 != 0,
			Options: bundle.PlanOptions{VolumeSize: 110 << 10, MaxFile: 30_000, Cluster: 1},
			Record: func(_ context.Context, header []byte) error {
				if *recorded != nil {
					t.Error("a header was recorded twice")
				}
				*recorded = header
				return nil
			}}
		count := w.Dying(operations)
		s.content.Recorded = *recorded
		_, err = w.Write(t.Context(), dir, s.content)
		return count.Load(), err
	}
	const plenty = 1 << 20
	whole, header := t.TempDir(), []byte(nil)
	left, err := write(whole, &header, plenty)
	if err != nil {
		t.Fatal(err)
	}
	want := filesBelow(t, whole)
	for n := range int(plenty - left) {
		dir, recorded := t.TempDir(), []byte(nil)
		if _, err := write(dir, &recorded, n); !errors.Is(err, bundle.ErrDied) {
			t.Fatalf("killed at %d: got %v, want ErrDied", n, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "main-e001-s000001")); err == nil {
			if diff := cmp.Diff(want, filesBelow(t, dir)); diff != "" {
				t.Fatalf("killed at %d: what has its final name is not whole:\n%s", n, diff)
			}
		}
		if _, err := write(dir, &recorded, plenty); err != nil {
			t.Fatalf("killed at %d, then again: %v", n, err)
		}
		if diff := cmp.Diff(want, filesBelow(t, dir)); diff != "" {
			t.Fatalf("killed at %d, then again (-want +got):\n%s", n, diff)
		}
		if string(recorded) != string(header) {
			t.Fatalf("killed at %d: another header was recorded", n)
		}
	}
}

// TestFilesThatLostTheirTails: after a loss of power any file may be short.
func TestFilesThatLostTheirTails(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{10, 60_000}, notices: true})
	w := &bundle.Writer{Source: s.source, Options: bundle.PlanOptions{MaxFile: 30_000}}
	w.Dying(1 << 30)
	dir := t.TempDir()
	p, err := w.Prepare(t.Context(), dir, s.content)
	if err != nil {
		t.Fatal(err)
	}
	s.content.Recorded = p.Header
	if err := bundle.AddSignature(t.Context(), p.Dir, origin, bundledAt); err != nil {
		t.Fatal(err)
	}
	want := filesBelow(t, dir)
	for name, b := range want {
		for _, spoil := range []string{b[:len(b)/2], strings.Repeat("\x00", len(b))} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(spoil), 0o644); err != nil {
				t.Fatal(err)
			}
			again, err := w.Prepare(t.Context(), dir, s.content)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if strings.HasSuffix(name, bundle.HeaderSigFile) {
				if err := bundle.AddSignature(t.Context(), p.Dir, origin, bundledAt); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, filesBelow(t, dir)); diff != "" {
				t.Errorf("%s is not mended:\n%s", name, diff)
			}
			if again.Copied > 1 {
				t.Errorf("%s: %d files were copied again", name, again.Copied)
			}
		}
	}
}

func TestFullMedium(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{100_000, 200_000}})
	t.Run("seen before", func(t *testing.T) {
		w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}}
		w.Full(250_000, 1<<40)
		dir := t.TempDir()
		_, err := w.Write(t.Context(), dir, s.content)
		space := (*bundle.SpaceError)(nil)
		if !errors.As(err, &space) || space.Free != 250_000 || space.Need < 300_000 {
			t.Errorf("got %v, want a SpaceError", err)
		}
		if got := filesBelow(t, dir); len(got) > 0 {
			t.Errorf("%d files were written all the same", len(got))
		}
	})
	t.Run("met while writing", func(t *testing.T) {
		w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}}
		w.Full(1<<40, 150_000)
		dir := t.TempDir()
		if _, err := w.Write(t.Context(), dir, s.content); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want ENOSPC", err)
		}
		w.Full(1<<40, 1<<40)
		if _, err := w.Write(t.Context(), dir, s.content); err != nil {
			t.Errorf("with more room: %v", err)
		}
		verified(t, dir, origin)
	})
	t.Run("room for the rest is enough", func(t *testing.T) {
		w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}}
		dir := t.TempDir()
		if _, err := w.Prepare(t.Context(), dir, s.content); err != nil {
			t.Fatal(err)
		}
		w.Full(500_000, 1<<40)
		if _, err := w.Write(t.Context(), dir, s.content); err != nil {
			t.Error(err)
		}
	})
}

func TestJoinSignatures(t *testing.T) {
	origin, second := testKey(t, "origin"), testKey(t, "second")
	doc := []byte("a document")
	one, err := origin.Sign(doc, bundledAt)
	if err != nil {
		t.Fatal(err)
	}
	two, err := second.Sign(doc, bundledAt)
	if err != nil {
		t.Fatal(err)
	}
	both, err := bundle.JoinSignatures(one, two)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (signedBy{origin, second}).Verify(doc, both); err != nil {
		t.Errorf("joined signatures: %v\n%s", err, both)
	}
	again, err := bundle.JoinSignatures(both, one, append(two, one...))
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(both) {
		t.Errorf("joined again:\n%s\nwant\n%s", again, both)
	}
	for name, bad := range map[string]string{
		"text":          "hello",
		"a public key":  strings.ReplaceAll(string(one), "SIGNATURE", "PUBLIC KEY BLOCK"),
		"text after it": string(one) + "hello",
		"no blank line": strings.Replace(string(one), "\n\n", "\n", 1),
		"no end":        string(one[:len(one)-20]),
		"too long":      strings.Repeat(string(one), 1000),
		"another sum":   strings.Replace(string(both), "\n=", "\n=A", 1),
		"no signature":  "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
	} {
		if _, err := bundle.JoinSignatures([]byte(bad)); err == nil {
			t.Errorf("%s is taken for signatures", name)
		}
	}
}

// FuzzJoinSignatures: what joins is read again as the same, and within limits.
func FuzzJoinSignatures(f *testing.F) {
	one, err := os.ReadFile(bundles + "/good-full/main-e001-s000001/vol-001-of-001/HEADER.json.asc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one)
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\nVersion: x\r\n\r\niQ==\n=twTO\n-----END PGP SIGNATURE-----"))
	f.Fuzz(func(t *testing.T, b []byte) {
		joined, err := bundle.JoinSignatures(b)
		if err != nil || len(joined) == 0 {
			return
		}
		again, err := bundle.JoinSignatures(joined, joined)
		if err != nil || string(again) != string(joined) {
			t.Errorf("joined again: %v\n%s\nwant\n%s", err, again, joined)
		}
	})
}
