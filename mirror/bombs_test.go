package mirror_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

const gibibyte = 1 << 30

// bomb compresses a gibibyte of the text, again and again.
func bomb(t *testing.T, text string) []byte {
	t.Helper()
	needs(t, "zstd")
	block := bytes.Repeat([]byte(text), 1<<20/len(text))
	cmd := exec.CommandContext(t.Context(), "zstd", "-q", "-1", "-c")
	var out bytes.Buffer
	cmd.Stdout = &out
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	for written := 0; written < gibibyte; written += len(block) {
		_, err := in.Write(block)
		must(t, err)
	}
	must(t, errors.Join(in.Close(), cmd.Wait()))
	return out.Bytes()
}

// copyOf copies good-small and returns its volume.
func copyOf(t *testing.T) (volume string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(bundles, "good-small"))))
	return filepath.Join(dir, "main-e002-s000005", "vol-001-of-001")
}

// reseal puts a list in the place of another, and has the origin sign a header
// that names it.
func reseal(t *testing.T, volume, name string, content []byte, change func(*bundle.Header)) {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(volume, filepath.FromSlash(name)))
		must(t, err)
		return raw
	}
	write := func(name string, content []byte) {
		must(t, os.WriteFile(filepath.Join(volume, filepath.FromSlash(name)), content, 0o600))
	}
	write(name, content)
	h, err := bundle.ParseHeader(read(bundle.HeaderFile))
	must(t, err)
	v := bundle.Volume{Index: 1}
	var list []byte
	for line := range bytes.Lines(read(bundle.VolumeFile)) {
		var l bundle.Line
		must(t, json.Unmarshal(line, &l))
		if l.Path == name {
			l.Size, l.SHA256 = int64(len(content)), layout.DigestOf(content)
		}
		line, err := json.Marshal(l)
		must(t, err)
		list = append(append(list, line...), '\n')
		v.Files, v.Bytes = v.Files+1, v.Bytes+l.Size
	}
	write(bundle.VolumeFile, list)
	v.SHA256 = layout.DigestOf(list)
	h.Volumes = []bundle.Volume{v}
	ref := &h.Entries
	if name == bundle.RequiresFile {
		ref = &h.Requires
	}
	ref.SHA256, ref.Size = layout.DigestOf(content), int64(len(content))
	change(h)
	doc, err := json.Marshal(h)
	must(t, err)
	sig, err := secretKey(t, "origin").Sign(doc, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	must(t, err)
	write(bundle.HeaderFile, doc)
	write(bundle.HeaderSigFile, sig)
}

// TestT14MemoryIsBounded refuses a gibibyte of nothing, signed by the origin, and
// takes little memory for it.
func TestT14MemoryIsBounded(t *testing.T) {
	const most = 48 << 20 // bytes allocated in all, of which a window of zstd takes 8 MiB
	list := func(name, text string, change func(*bundle.Header)) func(*testing.T, string) {
		return func(t *testing.T, volume string) { reseal(t, volume, name, bomb(t, text), change) }
	}
	huge := func(name string) func(*testing.T, string) {
		return func(t *testing.T, volume string) {
			must(t, os.Truncate(filepath.Join(volume, filepath.FromSlash(name)), gibibyte))
		}
	}
	asItIs := func(*bundle.Header) {}
	tests := []struct {
		name  string
		spoil func(t *testing.T, volume string)
		code  bundle.Code
		words string
	}{
		{"entries of one line", list(bundle.EntriesFile, "\x00", asItIs), bundle.CodeLimit, "entries.jsonl.zst line 1 has more than"},
		{"entries of empty lines", list(bundle.EntriesFile, "\n", asItIs), bundle.CodeFormat, "entries.jsonl.zst line 1 is not an entry"},
		{"required of one line", list(bundle.RequiresFile, "\x00", asItIs), bundle.CodeLimit, "requires.txt.zst line 1 has more than"},
		{"required of lines that were not announced", list(bundle.RequiresFile, strings.Repeat("ab", 32)+" 1\n", func(h *bundle.Header) { h.Requires.Count = 1 }),
			bundle.CodeCount, "is one more than the 1 of the header"},
		{"header", huge(bundle.HeaderFile), bundle.CodeLimit, "HEADER.json has 1073741824 bytes, more than"},
		{"signatures of the header", huge(bundle.HeaderSigFile), bundle.CodeLimit, "HEADER.json.asc has 1073741824 bytes, more than"},
		{"list of the volume", huge(bundle.VolumeFile), bundle.CodeLimit, "VOLUME.jsonl has 1073741824 bytes, more than"},
		{"signatures of the generation", huge(bundle.GenerationSigFile), bundle.CodeLimit, "generation.json.asc has 1073741824 bytes, more than"},
		{"generation", huge(bundle.GenerationFile), bundle.CodeSize, "generation.json has 1073741824 bytes, want 499"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			volume := copyOf(t)
			tt.spoil(t, volume)
			f := newGoldenFar(t)
			for _, dry := range []bool{true, false} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := f.Import(t.Context(), []string{volume}, mirror.ImportOptions{Destination: "plant", DryRun: dry})
				runtime.ReadMemStats(&after)
				refusal, ok := errors.AsType[*mirror.ImportError](err)
				if !ok || refusal.Code != tt.code || !strings.Contains(err.Error(), tt.words) || !errors.Is(err, verify.ErrUntrusted) {
					t.Errorf("got %v, want %s with %q", err, tt.code, tt.words)
				}
				if got := after.TotalAlloc - before.TotalAlloc; got > most {
					t.Errorf("%d bytes were allocated, want at most %d", got, most)
				}
			}
			if f.newest() != 0 || f.objects() != 0 {
				t.Errorf("it published state %d with %d objects", f.newest(), f.objects())
			}
		})
	}
}
