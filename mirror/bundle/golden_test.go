package bundle_test

import (
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

var update = flag.Bool("update", false, "write the golden bundles again, and keys where there are none")

// golden is one bundle of testdata/bundles.
type golden struct {
	name string
	make func(t *testing.T, dir string, source *sample) *bundle.Writer
	keys []string // that sign
}

func goldens() []golden {
	return []golden{
		{"good-full", fullBundle, []string{"origin"}},
		{"good-volumes", volumesBundle, []string{"origin", "second"}},
		{"good-catalog-only", catalogOnlyBundle, []string{"origin"}},
		{small, smallBundle, []string{"origin"}},
	}
}

// fullBundle is the first of a stream, in one volume.
func fullBundle(t *testing.T, _ string, s *sample) *bundle.Writer {
	t.Helper()
	*s = *newSample(t, testKey(t, "origin"), sampleOptions{sizes: []int{0, 1, 300}, notices: true})
	return &bundle.Writer{}
}

// volumesBundle has all that a bundle can have: volumes, segments, a rotation,
// tools, an audience, a bundle before it.
func volumesBundle(t *testing.T, _ string, s *sample) *bundle.Writer {
	t.Helper()
	origin, second := testKey(t, "origin"), testKey(t, "second")
	*s = *newSample(t, origin, sampleOptions{sizes: []int{30000, 24000, 200, 1}, required: []int{77, 123456}, notices: true})
	h := &s.content.Header
	h.Bundle, h.Seq, h.Kind, h.SinceSeq = "22222222-2222-4333-8444-555555555555", 42, bundle.Incremental, 38
	h.Prev = &bundle.Before{Epoch: 1, Seq: 40, Header: layout.DigestOf([]byte("the header before"))}
	h.Skipped = []uint64{41}
	h.Audience = []string{"plant-7", "ship"}
	r, err := bundle.SignRotation(bundle.Rotation{
		Number: 1, Origin: h.Origin, Old: string(second.Fingerprint()), New: string(origin.Fingerprint()), Created: layout.At(bundledAt),
	}, second, origin, bundledAt)
	if err != nil {
		t.Fatal(err)
	}
	s.content.Rotations = []bundle.SignedDocument{r}
	tool := []byte("a tool\n")
	s.content.Tools = []bundle.Tool{{Name: "linux/tool", ObjectRef: s.source.put(tool), Open: func(ctx context.Context) (io.ReadCloser, error) {
		return s.source.Open(ctx, layout.DigestOf(tool), 0, -1)
	}}}
	return &bundle.Writer{Options: bundle.PlanOptions{VolumeSize: 100 << 10, MaxFile: 20_000, Cluster: 1}}
}

// catalogOnlyBundle ships no file.
func catalogOnlyBundle(t *testing.T, _ string, s *sample) *bundle.Writer {
	t.Helper()
	*s = *newSample(t, testKey(t, "origin"), sampleOptions{required: []int{1, 1000}})
	s.content.Header.Bundle, s.content.Header.Kind = "33333333-2222-4333-8444-555555555555", bundle.CatalogOnly
	return &bundle.Writer{}
}

// smallBundle is what bad bundles are compared with that are refused for their
// position.
func smallBundle(t *testing.T, _ string, s *sample) *bundle.Writer {
	t.Helper()
	*s = *newSample(t, testKey(t, "origin"), sampleOptions{sizes: []int{200}})
	smallContent(s.content)
	return &bundle.Writer{}
}

// writeGolden writes one golden bundle below dir and returns its folder.
func writeGolden(t *testing.T, g golden, dir string) string {
	t.Helper()
	s := new(sample)
	w := g.make(t, dir, s)
	w.Source = s.source
	for _, name := range g.keys {
		w.Signers = append(w.Signers, testKey(t, name))
	}
	got, err := w.Write(t.Context(), dir, s.content)
	if err != nil {
		t.Fatal(err)
	}
	return got.Dir
}

// TestGolden holds what is written to the bundles that are committed: what
// changes a byte of one changes the format, and the bundles that were recorded
// and not yet delivered could no longer be written again.
func TestGolden(t *testing.T) {
	makeKeys(t)
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			made := writeGolden(t, g, t.TempDir())
			want := filepath.Join(bundles, g.name)
			if *update {
				if err := os.RemoveAll(want); err != nil {
					t.Fatal(err)
				}
				if err := os.CopyFS(filepath.Join(want, filepath.Base(made)), os.DirFS(made)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(filesBelow(t, filepath.Join(want, filepath.Base(made))), filesBelow(t, made)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", g.name, diff)
			}
			var keys []*verify.SecretKey
			for _, name := range g.keys {
				keys = append(keys, testKey(t, name))
			}
			verified(t, want, keys...)
		})
	}
}

// makeKeys makes the keys of golden bundles once. They are for tests alone.
func makeKeys(t *testing.T) {
	t.Helper()
	dir := filepath.Join(bundles, "keys")
	for _, name := range []string{"origin", "second", "stranger"} {
		if _, err := os.Stat(filepath.Join(dir, name+".secret.asc")); err == nil || !*update {
			continue
		}
		k, err := verify.GenerateKey("patchferry test key, "+name, bundledAt.AddDate(-1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		var secret, public strings.Builder
		if err := k.WriteSecret(&secret, nil); err != nil {
			t.Fatal(err)
		}
		if err := k.WritePublic(&public); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{name + ".secret.asc": secret.String(), name + ".asc": public.String()} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// judges skips a test where a program is missing, unless it is required.
func judges(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), program) {
			t.Fatalf("%s is required and not installed", program)
		}
		t.Skipf("SKIP: needs %s", program)
	}
}

// script runs testdata/verify-bundle.sh with the keys of golden bundles.
func script(t *testing.T, dir string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "../../testdata/verify-bundle.sh", filepath.Join(bundles, "keys", "origin.asc"), dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestOthersVerifyGolden checks the golden bundles without our code.
func TestOthersVerifyGolden(t *testing.T) {
	judges(t, "gpg", "jq", "sha256sum", "zstd")
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			folders, err := filepath.Glob(filepath.Join(bundles, g.name, "*-e*"))
			if err != nil || len(folders) != 1 {
				t.Fatalf("got %q, %v", folders, err)
			}
			out, err := script(t, folders[0])
			if err != nil || !strings.HasSuffix(out, "good\n") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// TestOthersRefuseSpoiltGolden makes sure that the script notices one byte.
func TestOthersRefuseSpoiltGolden(t *testing.T) {
	judges(t, "gpg", "jq", "sha256sum", "zstd")
	folder := filepath.Join(bundles, "good-volumes", "main-e001-s000042")
	objects, err := filepath.Glob(filepath.Join(folder, "vol-00?-of-003", "objects", "*", "*"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("got %q, %v", objects, err)
	}
	segments, err := filepath.Glob(filepath.Join(folder, "vol-00?-of-003", "segments", "*", "*", "*"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("got %q, %v", segments, err)
	}
	paths := []string{
		objects[0], segments[0], filepath.Join(folder, "vol-001-of-003", bundle.HeaderFile), filepath.Join(folder, "vol-002-of-003", bundle.VolumeFile),
		filepath.Join(folder, "vol-001-of-003", bundle.GenerationFile), filepath.Join(folder, "vol-003-of-003", bundle.ReadmeFile),
	}
	for _, name := range paths {
		below, err := filepath.Rel(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.ToSlash(below), func(t *testing.T) {
			t.Parallel()
			spoilt := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(spoilt, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			raw[len(raw)/2] ^= 1
			if err := os.WriteFile(filepath.Join(spoilt, below), raw, 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := script(t, spoilt); err == nil || !strings.Contains(out, "refused: ") {
				t.Errorf("got %v, want a refusal:\n%s", err, out)
			}
		})
	}
}

// beyondScript are the rows, or single bundles, that only an import can refuse:
// it knows its own name, what it accepted before, which publishers it trusts and
// what a catalog is.
func beyondScript() []string {
	return []string{
		"T09-", "T10-", "T11-", "T17-", "T18-key-ignored", "T23-", "T14-a-thousand-million-updates", "T14-catalog-of-one-line",
		"T15-one-digest-with-two-sizes", "T16-updates-of-the-generation", "T16-objects-that-the-catalog-does-not-name",
	}
}

// TestOthersRefuseBad runs the script over the bad bundles.
func TestOthersRefuseBad(t *testing.T) {
	judges(t, "gpg", "jq", "sha256sum", "zstd")
	for _, c := range bads() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			beyond := slices.ContainsFunc(beyondScript(), func(row string) bool { return strings.HasPrefix(c.name, row) })
			out, err := script(t, filepath.Join(bundles, "bad", c.name))
			switch {
			case beyond && (err != nil || !strings.HasSuffix(out, "good\n")):
				t.Errorf("got %v, and it was thought right as far as a script can see:\n%s", err, out)
			case !beyond && (err == nil || !strings.Contains(out, "refused: ")):
				t.Errorf("got %v, want a refusal:\n%s", err, out)
			}
		})
	}
}
