package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// inVolume changes the lines of one volume.
func inVolume(volume int, change func([]string) []string) crate {
	return crate{lines: func(v int, lines []string) []string {
		if v != volume {
			return lines
		}
		return change(lines)
	}}
}

// bomb compresses so many MiB of one byte.
func bomb(t testing.TB, mebibytes int, fill byte) []byte {
	t.Helper()
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte{fill}, 1<<20)
	for range mebibytes {
		if _, err := enc.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// runBounded is runSigned that allows few bytes to be allocated, in all, by
// what refuses.
func runBounded(t *testing.T, tests []signedWrong) {
	t.Helper()
	const most = 64 << 20
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := test.crate.write(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := verifyAll(t.Context(), dir)
			runtime.ReadMemStats(&after)
			wantRefusal(t, err, test.code, test.words)
			if got := after.TotalAlloc - before.TotalAlloc; got > most {
				t.Errorf("%d bytes were allocated, want at most %d", got, most)
			}
		})
	}
}

func TestT14Bombs(t *testing.T) {
	zeros := bomb(t, 128, 0)
	newlines := bomb(t, 64, '\n')
	wide := func() []byte {
		var out bytes.Buffer
		enc, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(false))
		if err != nil {
			t.Fatal(err)
		}
		for range 65 { // streamed, so that the frame states its window
			if _, err := enc.Write(make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}()
	swap := func(name string, content []byte) crate {
		return crate{packed: func(n string, packed []byte) []byte {
			if n == name {
				return content
			}
			return packed
		}}
	}
	catalog := func(content []byte) crate { return crate{catalog: func([]byte) []byte { return content }} }
	runBounded(t, []signedWrong{
		{"entries of one line of 128 MiB", swap(bundle.EntriesFile, zeros), bundle.CodeLimit, "line 1 has more than"},
		{"required of one line of 128 MiB", swap(bundle.RequiresFile, zeros), bundle.CodeLimit, "line 1 has more than"},
		{"catalog of one line of 128 MiB", catalog(zeros), bundle.CodeLimit, "line 1 has more than"},
		{"entries of 64 million lines", swap(bundle.EntriesFile, newlines), bundle.CodeFormat, "line 1 is not an entry"},
		{"entries that need a large window", swap(bundle.EntriesFile, wide), bundle.CodeLimit, "needs more memory"},
		{"10^9 entries announced", withHeader(func(h *bundle.Header) { h.Entries.Count = 1e9 }), bundle.CodeLimit, "announces"},
		{"10^9 required announced", withHeader(func(h *bundle.Header) { h.Requires.Count = 1e9 }), bundle.CodeLimit, "announces"},
		{"10^9 files announced", withHeader(func(h *bundle.Header) { h.Volumes[0].Files = 1e9 }), bundle.CodeLimit, "announces"},
		{"10^9 updates announced", crate{generation: func(g *layout.Generation) { g.Counts.Updates = 1e9 }}, bundle.CodeLimit, "catalog.jsonl.zst"},
		{"long line in a volume", inVolume(1, inFirst(`{"path"`, `{"x":"`+strings.Repeat("x", 1<<10)+`","path"`)), bundle.CodeLimit, "more than 1024 bytes"},
		{"deep JSON", withMember(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), bundle.CodeFormat, "deeper"},
	})
}

// twice repeats the first line that has the text.
func twice(text string) func([]string) []string {
	return func(lines []string) []string {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
		return append(slices.Clone(lines), lines[i])
	}
}

func TestT15Format(t *testing.T) {
	one, two := fmt.Sprint("\"size\":", len(object(0))), fmt.Sprint("\"size\":", len(object(0))+1)
	runSigned(t, []signedWrong{
		{"member twice in the header", withMember(`"seq":1`), bundle.CodeFormat, `member "seq" stands twice`},
		{"member twice, in another case", withMember(`"Seq":1`), bundle.CodeFormat, "plain lower case"},
		{"member twice, escaped", withMember(`"s\u0065q":1`), bundle.CodeFormat, "plain lower case"},
		{"member twice within", crate{document: func(b []byte) []byte {
			return bytes.Replace(b, []byte(`{"number":7`), []byte(`{"number":8,"number":7`), 1)
		}}, bundle.CodeFormat, `member "number" stands twice`},
		{"bytes after the header", crate{document: extend}, bundle.CodeFormat, "not one whole JSON object"},
		{"two headers", crate{document: func(b []byte) []byte { return slices.Concat(b, b) }}, bundle.CodeFormat, "not one whole"},
		{"no object", crate{document: func([]byte) []byte { return []byte("null") }}, bundle.CodeFormat, "not a JSON object"},
		{"not UTF-8", withMember("\"x\":\"\xff\""), bundle.CodeFormat, "not UTF-8"},
		{"member twice in a volume", inVolume(2, inFirst(`"size"`, `"size":0,"size"`)), bundle.CodeFormat, "line 1 is not a file"},
		{"path twice", inVolume(2, twice("README.txt")), bundle.CodeCount, "goes beyond"},
		{"empty path twice", crate{extra: map[string]string{"keys/empty": ""}, lines: inVolume(1, twice("keys/empty")).lines}, bundle.CodeFormat, `names "keys/empty" twice`},
		{"member twice in an entry", inEntries(`"size"`, `"size":0,"size"`), bundle.CodeFormat, "is not an entry"},
		{"object twice", crate{entries: twice("objects/")}, bundle.CodeFormat, "is in two entries"},
		{"one digest with two sizes", crate{entries: func(lines []string) []string {
			i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, one) })
			return append(slices.Clone(lines), strings.Replace(lines[i], one, two, 1))
		}}, bundle.CodeCount, "96 bytes in the list of the volume and 97 elsewhere"},
		{"shipped and required", crate{requires: func(lines []string) []string {
			return []string{fmt.Sprintf("%s %d", layout.DigestOf(object(0)), len(object(0)))}
		}}, bundle.CodeCount, "requires.txt.zst"},
		{"whole and in segments", inEntries(`,"segments"`, `,"path":"x","segments"`), bundle.CodeFormat, "whole and in segments"},
		{"required in capitals", crate{requires: func(lines []string) []string { return []string{strings.ToUpper(lines[0]), lines[1]} }},
			bundle.CodeFormat, "is not <sha256> <size>"},
		{"required without a newline at its end", crate{packed: func(name string, packed []byte) []byte {
			if name == bundle.RequiresFile {
				return squeeze(t, []byte(fmt.Sprintf("%s 1", layout.DigestOf(nil))))
			}
			return packed
		}}, bundle.CodeFormat, "ends without a newline"},
		{"entries that are not zstd", crate{packed: func(name string, packed []byte) []byte { return []byte("plain") }}, bundle.CodeFormat, "is not zstd"},
		{"catalog line that nobody knows", crate{catalog: func([]byte) []byte { return squeeze(t, []byte(`{"id":"a:b","x":1}`+"\n")) }},
			bundle.CodeFormat, "catalog.jsonl.zst: line 1 cannot be read"},
		{"generation of another format", crate{generation: func(g *layout.Generation) { g.Format = "x" }}, bundle.CodeFormat, "is not a generation"},
	})
}

func TestT16Counts(t *testing.T) {
	runSigned(t, []signedWrong{
		{"a file less", withHeader(func(h *bundle.Header) { h.Volumes[1].Files-- }), bundle.CodeCount, "goes beyond"},
		{"a file more", withHeader(func(h *bundle.Header) { h.Volumes[1].Files++ }), bundle.CodeCount, "the header says"},
		{"a byte less", withHeader(func(h *bundle.Header) { h.Volumes[1].Bytes-- }), bundle.CodeCount, "goes beyond"},
		{"a byte more", withHeader(func(h *bundle.Header) { h.Volumes[1].Bytes++ }), bundle.CodeCount, "the header says"},
		{"a volume less", withHeader(func(h *bundle.Header) { h.Volumes = h.Volumes[:2] }), bundle.CodePath, "the bundle has 2"},
		{"a volume more", withHeader(func(h *bundle.Header) {
			h.Volumes = append(h.Volumes, bundle.Volume{Index: 4, SHA256: layout.DigestOf(nil)})
		}), bundle.CodePath, "the bundle has 4"},
		{"no volumes", withHeader(func(h *bundle.Header) { h.Volumes = nil }), bundle.CodeCount, "has 0 volumes"},
		{"volumes out of order", withHeader(func(h *bundle.Header) { slices.Reverse(h.Volumes) }), bundle.CodeCount, "in the place of"},
		{"one list for two volumes", withHeader(func(h *bundle.Header) { h.Volumes[2].SHA256 = h.Volumes[1].SHA256 }), bundle.CodeFormat, "volumes 2 and 3"},
		{"negative bytes", withHeader(func(h *bundle.Header) { h.Volumes[0].Bytes = -1 }), bundle.CodeCount, "-1 bytes"},
		{"sums that overflow", withHeader(func(h *bundle.Header) { h.Volumes[0].Bytes, h.Volumes[1].Bytes = 1<<60, 1<<60 }), bundle.CodeCount, "in volume 2"},
		{"an entry less", withHeader(func(h *bundle.Header) { h.Entries.Count-- }), bundle.CodeCount, "is one more than"},
		{"an entry more", withHeader(func(h *bundle.Header) { h.Entries.Count++ }), bundle.CodeCount, "the header says 10"},
		{"bytes of entries", withHeader(func(h *bundle.Header) { h.Entries.Bytes++ }), bundle.CodeCount, "entries.jsonl.zst: has"},
		{"size of entries", withHeader(func(h *bundle.Header) { h.Entries.Size++ }), bundle.CodeCount, "entries.jsonl.zst: has"},
		{"digest of entries", withHeader(func(h *bundle.Header) { h.Entries.SHA256[0]++ }), bundle.CodeDigest, "one digest in the list"},
		{"one required more", withHeader(func(h *bundle.Header) { h.Requires.Count++ }), bundle.CodeCount, "the header says 3"},
		{"bytes of required", withHeader(func(h *bundle.Header) { h.Requires.Bytes++ }), bundle.CodeCount, "requires.txt.zst: has"},
		{"objects", withHeader(func(h *bundle.Header) { h.Objects++ }), bundle.CodeCount, "says 12 objects"},
		{"bytes of objects", withHeader(func(h *bundle.Header) { h.Bytes++ }), bundle.CodeCount, "shipped and required are"},
		{"state root", withHeader(func(h *bundle.Header) { h.StateRoot[0]++ }), bundle.CodeCount, "state root"},
		{"another object required", crate{requires: func(lines []string) []string {
			return []string{layout.DigestOf(nil).String() + lines[0][64:], lines[1]}
		}}, bundle.CodeCount, "shipped and required make"},
		{"number of the generation", withHeader(func(h *bundle.Header) { h.Generation.Number++ }), bundle.CodeCount, "the header says 8"},
		{"size of the generation", withHeader(func(h *bundle.Header) { h.Generation.Size++ }), bundle.CodeCount, "generation.json"},
		{"entry in no volume", inEntries(`"volume":1`, `"volume":4`), bundle.CodeCount, "names volume 4 of 3"},
		{"entry in another volume", inEntries(`"volume":1`, `"volume":2`), bundle.CodeIncomplete, "is not in the list of the volume"},
		{"object in no entry", crate{entries: func(lines []string) []string {
			i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"path":"objects/`) })
			return slices.Delete(slices.Clone(lines), i, i+1)
		}}, bundle.CodeUndeclared, "is in no entry"},
		{"segments with a gap", inEntries(`"offset":150`, `"offset":151`), bundle.CodeCount, "the one before ends at 150"},
		{"segments that are short", inEntries(fmt.Sprintf(`"size":%d,"segments"`, len(big)), fmt.Sprintf(`"size":%d,"segments"`, len(big)+1)),
			bundle.CodeCount, "in segments of"},
		{"object that its segments do not make", crate{cutName: layout.DigestOf(nil)}, bundle.CodeDigest, "is not what its segments make"},
		{"updates in the generation", crate{generation: func(g *layout.Generation) { g.Counts.Updates = 2 }}, bundle.CodeCount, "catalog.jsonl.zst: has 1 lines"},
		{"digest of the lines", crate{generation: func(g *layout.Generation) { g.Lines[0]++ }}, bundle.CodeDigest, "the generation says"},
		{"catalog of the generation", crate{generation: func(g *layout.Generation) { g.Catalog.SHA256[0]++ }}, bundle.CodeDigest, "catalog.jsonl.zst"},
		{"seq 0", withHeader(func(h *bundle.Header) { h.Seq = 0 }), bundle.CodeFormat, "seq 0"},
		{"after itself", withHeader(func(h *bundle.Header) {
			h.Prev = &bundle.Before{Epoch: 1, Seq: 1, Header: layout.DigestOf(nil)}
		}), bundle.CodeFormat, "as the bundle before"},
		{"since itself", withHeader(func(h *bundle.Header) { h.Kind, h.SinceSeq = bundle.Incremental, 1 }), bundle.CodeFormat, "since seq 1"},
		{"skips what comes later", withHeader(func(h *bundle.Header) { h.Skipped = []uint64{3} }), bundle.CodeFormat, "skips seq 3"},
		{"unknown kind", withHeader(func(h *bundle.Header) { h.Kind = "partial" }), bundle.CodeFormat, "not a kind"},
		{"no time", withHeader(func(h *bundle.Header) { h.Created = layout.Time{} }), bundle.CodeFormat, "created"},
		{"no UUID", withHeader(func(h *bundle.Header) { h.Origin = "us" }), bundle.CodeFormat, "not a UUID"},
	})
}

func TestT18KeysInside(t *testing.T) {
	dir := crate{rotations: 1, extra: map[string]string{"keys/mallory.asc": "trust me"}}.write(t)
	report, err := verifyAll(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"keys/mallory.asc"}; !slices.Equal(report.IgnoredKeys, want) {
		t.Errorf("got ignored keys %q, want %q", report.IgnoredKeys, want)
	}
	b, err := bundle.Open(t.Context(), []string{dir}, seal("mallory"), bundle.ReadOptions{})
	if err == nil {
		_ = b.Close()
	}
	wantRefusal(t, err, bundle.CodeSignature, "is not signed by the keys that are trusted")
}

// turner is a seal that follows rotations.
type turner struct {
	seal
	turns []int
	stop  int
}

func (r *turner) Rotate(rotation *bundle.Rotation, doc, sig []byte) error {
	r.turns = append(r.turns, rotation.Number)
	if rotation.Number == r.stop {
		return &bundle.Error{Code: "key", Where: bundle.RotationPath(r.stop), Reason: "is not signed by the old key"}
	}
	_, err := r.Verify(doc, sig)
	return err
}

func TestT19Rotations(t *testing.T) {
	dir := crate{rotations: 3}.write(t)
	walk := &turner{seal: origin}
	b, err := bundle.Open(t.Context(), []string{dir}, walk, bundle.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	if want := []int{1, 2, 3}; !slices.Equal(walk.turns, want) || len(b.Rotations()) != 3 {
		t.Errorf("got rotations %d and %d, want %d", walk.turns, len(b.Rotations()), want)
	}
	for _, test := range []struct {
		name  string
		do    func(*testing.T, string)
		stop  int
		code  bundle.Code
		words string
	}{
		{"not signed by the old key", func(*testing.T, string) {}, 2, "key", "rotate-0002.json: is not signed by the old key"},
		{"signature edited", edit(flip, func(dir string) string { return at(dir, 1, bundle.RotationPath(2)+".asc") }), 0, bundle.CodeSignature, "rotate-0002.json"},
		{"signature stripped", remove(1, bundle.RotationPath(1)+".asc"), 0, bundle.CodeSignature, "rotate-0001.json: is not signed"},
		{"another number", func(t *testing.T, dir string) {
			if err := os.Rename(at(dir, 1, bundle.RotationPath(2)), at(dir, 1, bundle.RotationPath(1))); err != nil {
				t.Fatal(err)
			}
		}, 0, bundle.CodeFormat, "rotate-0001.json: is number 2"},
		{"too long", edit(func([]byte) []byte { return make([]byte, bundle.MaxRotation+1) },
			func(dir string) string { return at(dir, 1, bundle.RotationPath(3)) }), 0, bundle.CodeLimit, "more than 16384"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := crate{rotations: 3}.write(t)
			test.do(t, dir)
			b, err := bundle.Open(t.Context(), []string{dir}, &turner{seal: origin, stop: test.stop}, bundle.ReadOptions{})
			if err == nil {
				_ = b.Close()
			}
			wantRefusal(t, err, test.code, test.words)
		})
	}
	t.Run("more than 32", func(t *testing.T) {
		_, err := open(t, crate{rotations: 33}.write(t))
		wantRefusal(t, err, bundle.CodeLimit, "one rotation more than 32")
	})
	t.Run("another one in another volume", func(t *testing.T) {
		dir := crate{rotations: 1}.write(t)
		_, err := verifyAll(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		edit(flip, func(dir string) string { return at(dir, 2, bundle.RotationPath(1)) })(t, dir)
		_, err = verifyAll(t.Context(), dir)
		wantRefusal(t, err, bundle.CodeDigest, "vol-002-of-003/keys/rotate-0001.json")
	})
}

// TestCensusReadsNoPayload finds wrong sizes and wrong rotations before
// anything is hashed.
func TestCensusReadsNoPayload(t *testing.T) {
	census := func(t *testing.T, dir string) error {
		t.Helper()
		b, err := open(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		return b.Census(t.Context())
	}
	dir := crate{rotations: 1}.write(t)
	edit(flip, func(dir string) string { return pathOf(dir, 4) })(t, dir)
	if err := census(t, dir); err != nil {
		t.Errorf("flipped byte of an object: got %v; the census must not read objects", err)
	}
	edit(extend, func(dir string) string { return pathOf(dir, 4) })(t, dir)
	wantRefusal(t, census(t, dir), bundle.CodeSize, "vol-002-of-003/objects/")

	dir = crate{rotations: 1}.write(t)
	edit(flip, func(dir string) string { return at(dir, 2, bundle.RotationPath(1)) })(t, dir)
	wantRefusal(t, census(t, dir), bundle.CodeDigest, "differs from the one in another volume")

	more := crate{rotations: 1, extraIn: 2, extra: map[string]string{bundle.RotationPath(2): "{}"}}
	wantRefusal(t, census(t, more.write(t)), bundle.CodeDigest, "vol-002-of-003/keys/rotate-0002.json: is not in another volume")
}

// TestT20MediumChanges changes the medium after everything about it was found
// right, as a disk that fails or an attacker does.
func TestT20MediumChanges(t *testing.T) {
	for _, test := range []struct {
		name  string
		do    func(*testing.T, string)
		code  bundle.Code
		words string
	}{
		{"other bytes", edit(flip, func(dir string) string { return pathOf(dir, 4) }), bundle.CodeDigest, "has other bytes than were signed"},
		{"longer", edit(extend, func(dir string) string { return pathOf(dir, 4) }), bundle.CodeSize, "bytes, want"},
		{"gone", func(t *testing.T, dir string) {
			if err := os.Remove(pathOf(dir, 4)); err != nil {
				t.Fatal(err)
			}
		}, bundle.CodeIncomplete, "is missing"},
		{"segment", edit(flip, func(dir string) string { return at(dir, 3, segment(2)) }), bundle.CodeDigest, "/0002: has other bytes"},
		{"folder instead", func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(pathOf(dir, 4)), os.Mkdir(pathOf(dir, 4), 0o755)); err != nil {
				t.Fatal(err)
			}
		}, bundle.CodeUndeclared, "is a directory, not a regular file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := crate{}.write(t)
			b, err := open(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			test.do(t, dir)
			var all error
			for e := range b.Entries() {
				var got bytes.Buffer
				err := b.CopyObject(t.Context(), e, &got)
				all = errors.Join(all, err)
				if int64(got.Len()) > e.Size {
					t.Errorf("object %s: %d bytes were written, the entry has %d", e.SHA256, got.Len(), e.Size)
				}
				if err == nil && layout.DigestOf(got.Bytes()) != e.SHA256 {
					t.Errorf("object %s was copied with other bytes", e.SHA256)
				}
			}
			wantRefusal(t, all, test.code, test.words)
		})
	}
}
