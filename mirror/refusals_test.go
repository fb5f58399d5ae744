package mirror_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// bundles is where the golden bundles stand, and the keys that sign them.
const bundles = "../testdata/bundles"

// golden is a line of expected.tsv: a bundle that must not be imported, or one
// that must be in spite of what is in it.
type golden struct {
	name, after string
	code        bundle.Code // "-": imported
	exit, words string
}

// goldens returns the golden bundles of one row of the table of refusals.
func goldens(t *testing.T, row string) []golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bundles, "bad", "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 5 && strings.HasPrefix(fields[0], row+"-") {
			all = append(all, golden{fields[0], fields[1], bundle.Code(fields[2]), fields[3], fields[4]})
		}
	}
	if len(all) == 0 {
		t.Fatalf("expected.tsv has no bundle of %s", row)
	}
	return all
}

// secretKey reads a key of the golden bundles.
func secretKey(t testing.TB, name string) *verify.SecretKey {
	t.Helper()
	armored, err := os.ReadFile(filepath.Join(bundles, "keys", name+".secret.asc"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ReadSecret(bytes.NewReader(armored), nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newGoldenFar returns a far side as expected.tsv describes it, on the day after
// the bundles were made.
func newGoldenFar(t testing.TB) *far {
	t.Helper()
	origin, press := secretKey(t, "origin"), secretKey(t, "second")
	f := &far{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), keys: press.Public(), pins: &verify.Pins{}}
	if err := f.pins.Add(verify.Pin{Fingerprint: press.Fingerprint(), Purpose: verify.PurposeBulletin}); err != nil {
		t.Fatal(err)
	}
	f.setUp(origin, press)
	return f
}

// imports runs a golden bundle through an import, with and without a dry run,
// and demands what expected.tsv says.
func (g golden) imports(t *testing.T) {
	f := newGoldenFar(t)
	if g.after != "-" {
		f.take(filepath.Join(bundles, g.after))
	}
	dir := filepath.Join(bundles, "bad", g.name)
	before := tree(t, f.root)
	for _, dry := range []bool{true, false} {
		state := f.newest()
		r, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", DryRun: dry})
		if g.code == "-" {
			if err != nil {
				t.Errorf("dry run %v: %v", dry, err)
			}
			continue
		}
		refusal, ok := errors.AsType[*mirror.ImportError](err)
		if !ok {
			t.Fatalf("dry run %v: got %v, want a refusal with code %s", dry, err, g.code)
		}
		class := map[string]error{"3": mirror.ErrPartial, "4": verify.ErrUntrusted}[g.exit]
		if refusal.Code != g.code || r.Code != g.code || !errors.Is(err, class) {
			t.Errorf("dry run %v: got %v (%s in the report), want %s", dry, err, r.Code, g.code)
		}
		if g.words != "-" && !strings.Contains(err.Error(), g.words) {
			t.Errorf("dry run %v: got %v, want it to say %q", dry, err, g.words)
		}
		if refusal.Next == "" {
			t.Errorf("dry run %v: %v: nothing says what to do", dry, err)
		}
		if f.newest() != state {
			t.Errorf("dry run %v: it published state %d", dry, f.newest())
		}
		if after := tree(t, f.root); dry && after != before {
			t.Errorf("a dry run wrote:\n%s", after)
		}
		if f.objects() != 0 && g.after == "-" {
			t.Errorf("%d objects are in the store", f.objects())
		}
	}
}

// objects counts what is in the store.
func (f *far) objects() int {
	f.t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(f.root, "store", "objects"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func goldenRow(t *testing.T, row string) {
	t.Helper()
	for _, g := range goldens(t, row) {
		t.Run(g.name, g.imports)
	}
}

// The rows of the table of refusals that bytes can show, by the golden bundles.
func TestT01PayloadFlipped(t *testing.T)        { goldenRow(t, "T01") }
func TestT02WrongSize(t *testing.T)             { goldenRow(t, "T02") }
func TestT03FileMissing(t *testing.T)           { goldenRow(t, "T03") }
func TestT04Undeclared(t *testing.T)            { goldenRow(t, "T04") }
func TestT05Signature(t *testing.T)             { goldenRow(t, "T05") }
func TestT06WrongKey(t *testing.T)              { goldenRow(t, "T06") }
func TestT08Version(t *testing.T)               { goldenRow(t, "T08") }
func TestT09Audience(t *testing.T)              { goldenRow(t, "T09") }
func TestT10PositionOfGoldens(t *testing.T)     { goldenRow(t, "T10") }
func TestT11MissingBase(t *testing.T)           { goldenRow(t, "T11") }
func TestT12VolumeOfAnotherBundle(t *testing.T) { goldenRow(t, "T12") }
func TestT13Paths(t *testing.T)                 { goldenRow(t, "T13") }
func TestT14Bombs(t *testing.T)                 { goldenRow(t, "T14") }
func TestT15Format(t *testing.T)                { goldenRow(t, "T15") }
func TestT16Counts(t *testing.T)                { goldenRow(t, "T16") }
func TestT17AlteredBulletin(t *testing.T)       { goldenRow(t, "T17") }
func TestT18KeysInside(t *testing.T)            { goldenRow(t, "T18") }
func TestT19RotationWithoutOldKey(t *testing.T) { goldenRow(t, "T19") }
func TestT23MadeInTheFuture(t *testing.T)       { goldenRow(t, "T23") }

// TestGoodGoldens imports the good bundles.
func TestGoodGoldens(t *testing.T) {
	for _, name := range []string{"good-full", "good-small", "good-catalog-only"} {
		t.Run(name, func(t *testing.T) {
			f := newGoldenFar(t)
			if r := f.take(filepath.Join(bundles, name)); len(r.Unpinned) > 0 {
				t.Errorf("unpinned %v", r.Unpinned)
			}
		})
	}
}

// setUp makes the store of a far side, and its trust in an origin's key.
func (f *far) setUp(origin *verify.SecretKey, more ...*verify.SecretKey) {
	f.t.Helper()
	t := f.t
	f.root = t.TempDir()
	var err error
	if f.dir, err = store.CreateDir(filepath.Join(f.root, "store")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.dir.Close() })
	if f.key, err = verify.GenerateKey("far site", f.now.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	pins := &verify.Pins{}
	err = errors.Join(
		pins.Add(verify.Pin{Fingerprint: f.key.Fingerprint(), Purpose: verify.PurposeSite}),
		pins.Add(verify.Pin{Fingerprint: origin.Fingerprint(), Purpose: verify.PurposeOrigin}),
	)
	if err != nil {
		t.Fatal(err)
	}
	rings := []*verify.Keyring{f.key.Public(), origin.Public()}
	for _, key := range more {
		rings = append(rings, key.Public())
	}
	f.Mirror = &mirror.Mirror{Work: filepath.Join(f.root, "work"), Land: "test"}
	f.trust = &verify.Trust{Keys: verify.MergeKeyrings(rings...), Pins: pins}
	f.use(f.dir, filepath.Join(f.root, "mark"))
	f.Judge = func(source string, profile verify.Profile) *verify.Judge {
		return &verify.Judge{Keys: f.keys, Pins: f.pins, Profile: profile, Source: source, Clock: f.Clock}
	}
}
