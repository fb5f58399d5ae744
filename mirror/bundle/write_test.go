package bundle_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// verified reads a bundle from end to end, as a far side does.
func verified(t *testing.T, dir string, keys ...*verify.SecretKey) *bundle.Report {
	t.Helper()
	b, err := bundle.Open(t.Context(), []string{dir}, signedBy(keys), bundle.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	report, err := b.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestWriteIsRead(t *testing.T) {
	origin := testKey(t, "origin")
	small := bundle.PlanOptions{VolumeSize: 200 << 10, MaxFile: 60 << 10, Cluster: 1}
	tests := []struct {
		name    string
		sample  sampleOptions
		opt     bundle.PlanOptions
		volumes int
	}{
		{"nothing held", sampleOptions{}, bundle.PlanOptions{}, 1},
		{"one volume", sampleOptions{sizes: []int{0, 1, 1000, 70000}, notices: true}, bundle.PlanOptions{}, 1},
		{"some are required", sampleOptions{sizes: []int{10}, required: []int{20, 30, 40}}, bundle.PlanOptions{}, 1},
		{"segments in one volume", sampleOptions{sizes: []int{200 << 10}}, bundle.PlanOptions{MaxFile: 60 << 10}, 1},
		{"volumes and segments", sampleOptions{sizes: []int{300 << 10, 50 << 10, 1, 60 << 10}, notices: true}, small, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSample(t, origin, tt.sample)
			var recorded []byte
			w := &bundle.Writer{Source: s.source, Options: tt.opt, Signers: []bundle.Signer{origin},
				Record: func(_ context.Context, header []byte) error { recorded = header; return nil }}
			dir := t.TempDir()
			got, err := w.Write(t.Context(), dir, s.content)
			if err != nil {
				t.Fatal(err)
			}
			if got.Dir != filepath.Join(dir, "main-e001-s000001") || !got.Finished || string(got.Header) != string(recorded) {
				t.Errorf("got %q, finished %v, the recorded header %v", got.Dir, got.Finished, string(got.Header) == string(recorded))
			}
			report := verified(t, dir, origin)
			if len(report.Present) != tt.volumes || len(report.Missing) != 0 {
				t.Errorf("got the volumes %v, want %d", report.Present, tt.volumes)
			}
			if want := len(report.Header.Volumes); want != tt.volumes {
				t.Errorf("the header has %d volumes, want %d", want, tt.volumes)
			}
			if want := report.Header.Entries.Count; report.Objects != want || want+report.Header.Requires.Count != report.Header.Objects {
				t.Errorf("%d objects are right, %d shipped and %d required of %d", report.Objects, want, report.Header.Requires.Count, report.Header.Objects)
			}
			plan, err := w.Plan(s.content)
			if err != nil {
				t.Fatal(err)
			}
			sizesHold(t, got.Dir, plan)
		})
	}
}

// sizesHold makes sure that no volume is larger than it was planned.
func sizesHold(t *testing.T, dir string, plan *bundle.Plan) {
	t.Helper()
	sizes := make(map[string]int64)
	for name, b := range filesBelow(t, dir) {
		v, _, _ := strings.Cut(name, "/")
		sizes[v] += int64(len(b))
	}
	for _, v := range plan.Volumes() {
		if got := sizes[bundle.VolumeName(v.Index, len(plan.Volumes()))]; got > v.Bytes || got == 0 {
			t.Errorf("volume %d has %d bytes, planned are %d", v.Index, got, v.Bytes)
		}
	}
}

func TestWriteTwiceMakesTheSameBytes(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{100_000, 5, 70_000}, notices: true})
	w := &bundle.Writer{Source: s.source, Options: bundle.PlanOptions{MaxFile: 60 << 10}, Signers: []bundle.Signer{origin}}
	var all [2]map[string]string
	for i := range all {
		dir := t.TempDir()
		if _, err := w.Write(t.Context(), dir, s.content); err != nil {
			t.Fatal(err)
		}
		all[i] = filesBelow(t, dir)
		slices.Reverse(s.shipped) // another order, the same bundle
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("the second has other bytes:\n%s", diff)
	}
}

func TestTwoPeopleSign(t *testing.T) {
	origin, second := testKey(t, "origin"), testKey(t, "second")
	s := newSample(t, origin, sampleOptions{sizes: []int{150_000}})
	s.content.Generation.Signature = nil
	w := &bundle.Writer{Source: s.source, Options: bundle.PlanOptions{VolumeSize: 120 << 10, Cluster: 1}}
	dir := t.TempDir()
	got, err := w.Write(t.Context(), dir, s.content)
	if err != nil {
		t.Fatal(err)
	}
	if got.Finished || got.Dir != filepath.Join(dir, "main-e001-s000001.partial") {
		t.Fatalf("without a signer it is finished: %+v", got)
	}
	if _, err := w.Finish(t.Context(), got.Dir); !errors.Is(err, bundle.ErrUnsigned) {
		t.Errorf("finishing gives %v, want ErrUnsigned", err)
	}
	for _, k := range []*verify.SecretKey{origin, second, origin} { // one of them twice
		if err := bundle.AddSignature(t.Context(), got.Dir, k, bundledAt); err != nil {
			t.Fatal(err)
		}
	}
	done, err := w.Finish(t.Context(), got.Dir)
	if err != nil {
		t.Fatal(err)
	}
	report := verified(t, done.Dir, origin, second)
	want := []string{string(origin.Fingerprint()), string(second.Fingerprint())}
	slices.Sort(want)
	slices.Sort(report.Signers)
	if diff := cmp.Diff(want, report.Signers); diff != "" {
		t.Errorf("signers (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(got.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished folder is still there: %v", err)
	}
}

func TestWrongBytesOfASource(t *testing.T) {
	origin := testKey(t, "origin")
	tests := []struct {
		name  string
		spoil func([]byte) []byte
	}{
		{"a byte flipped", func(b []byte) []byte { b = slices.Clone(b); b[len(b)/2] ^= 1; return b }},
		{"cut short", func(b []byte) []byte { return b[:len(b)-1] }},
		{"extended", func(b []byte) []byte { return append(slices.Clone(b), 0) }},
	}
	for _, size := range []int{1000, 200_000} { // whole, and in segments
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				s := newSample(t, origin, sampleOptions{sizes: []int{5, size}})
				bad := s.shipped[1].SHA256
				s.source[bad] = tt.spoil(s.source[bad])
				w := &bundle.Writer{Source: s.source, Options: bundle.PlanOptions{MaxFile: 60 << 10}, Signers: []bundle.Signer{origin}, NoReadback: true}
				dir := t.TempDir()
				_, err := w.Write(t.Context(), dir, s.content)
				if mismatch := (*layout.MismatchError)(nil); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), bad.String()) {
					t.Fatalf("got %v, want a mismatch that names %s", err, bad)
				}
				if _, err := os.Stat(filepath.Join(dir, "main-e001-s000001")); err == nil {
					t.Error("a bundle was finished all the same")
				}
			})
		}
	}
	t.Run("missing", func(t *testing.T) {
		s := newSample(t, origin, sampleOptions{sizes: []int{5}})
		delete(s.source, s.shipped[0].SHA256)
		w := &bundle.Writer{Source: s.source}
		if _, err := w.Write(t.Context(), t.TempDir(), s.content); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), s.shipped[0].SHA256.String()) {
			t.Errorf("got %v, want one that names the missing object", err)
		}
	})
}

func TestReadBackFindsWhatTheMediumDid(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{1000}, notices: true})
	ref := s.shipped[0]
	paths := []string{bundle.ObjectPath(ref.SHA256), bundle.VolumeFile, bundle.SumsFile, bundle.ReadmeFile, bundle.EntriesFile,
		bundle.CatalogFile, bundle.GenerationFile, bundle.BulletinPath(s.content.Bulletins[0].SHA256)}
	for _, name := range paths {
		t.Run(name, func(t *testing.T) {
			w := &bundle.Writer{Source: s.source}
			p, err := w.Prepare(t.Context(), t.TempDir(), s.content)
			if err != nil {
				t.Fatal(err)
			}
			if err := bundle.AddSignature(t.Context(), p.Dir, origin, bundledAt); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(p.Dir, "vol-001-of-001", name)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/3] ^= 1
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Finish(t.Context(), p.Dir); err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("got %v, want an error that names %s", err, name)
			}
			w.NoReadback = true
			if _, err := w.Finish(t.Context(), p.Dir); err != nil {
				t.Errorf("without reading back: %v", err)
			}
		})
	}
}

// TestAnEarlierAttemptIsSweptAway: files of another choice or number of volumes
// do not stay, right ones do.
func TestAnEarlierAttemptIsSweptAway(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{90_000, 80_000, 20}, notices: true})
	dir := t.TempDir()
	w := &bundle.Writer{Source: s.source, Options: bundle.PlanOptions{VolumeSize: 170 << 10, MaxFile: 50 << 10, Cluster: 1}}
	if _, err := w.Prepare(t.Context(), dir, s.content); err != nil {
		t.Fatal(err)
	}
	stray := filepath.Join(dir, "main-e001-s000001.partial", "vol-001-of-001", "objects", "ff")
	for _, name := range []string{filepath.Join(stray, "stray"), filepath.Join(stray, strings.Repeat("ff", 32))} {
		if err := os.MkdirAll(stray, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.Options = bundle.PlanOptions{}
	w.Signers = []bundle.Signer{origin}
	if _, err := w.Write(t.Context(), dir, s.content); err != nil {
		t.Fatal(err)
	}
	verified(t, dir, origin)
}

func TestRotationsAndToolsTravel(t *testing.T) {
	origin, second := testKey(t, "origin"), testKey(t, "second")
	s := newSample(t, second, sampleOptions{sizes: []int{10}})
	rotation, err := bundle.SignRotation(bundle.Rotation{
		Number: 1, Origin: s.content.Header.Origin, Created: layout.At(bundledAt),
		Old: string(origin.Fingerprint()), New: string(second.Fingerprint()),
	}, origin, second, bundledAt)
	if err != nil {
		t.Fatal(err)
	}
	s.content.Rotations = []bundle.SignedDocument{rotation}
	tool := []byte("#!/bin/sh\n")
	s.content.Tools = []bundle.Tool{{Name: "read-me.sh", ObjectRef: s.source.put(tool), Open: toolOpener(s.source, tool)}}
	w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{second}}
	got, err := w.Write(t.Context(), t.TempDir(), s.content)
	if err != nil {
		t.Fatal(err)
	}
	if report := verified(t, got.Dir, second); report.Rotations != 1 {
		t.Errorf("got %d rotations, want 1", report.Rotations)
	}
	if b := filesBelow(t, got.Dir)["vol-001-of-001/tools/read-me.sh"]; b != string(tool) {
		t.Errorf("got the tool %q, want %q", b, tool)
	}
	if b := filesBelow(t, got.Dir)["vol-001-of-001/README.txt"]; !strings.Contains(b, "\n    tools/read-me.sh\n") || !strings.Contains(b, "prove nothing: whoever can change") {
		t.Errorf("README.txt does not name the tool and what it is worth:\n%s", b)
	}
	if _, err := (signedBy{origin, second}).Verify(rotation.Document, rotation.Signature); err != nil {
		t.Errorf("the rotation is not signed by both: %v", err)
	}
}

func TestWriteStops(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{10, 20, 30}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}}
	if _, err := w.Write(ctx, dir, s.content); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "main-e001-s000001")); err == nil {
		t.Error("a bundle was finished all the same")
	}
}
