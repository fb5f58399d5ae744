package bundle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// damage is one way in which a good bundle goes bad on its way.
type damage struct {
	name  string
	do    func(t *testing.T, dir string)
	code  bundle.Code
	words string
}

func runDamages(t *testing.T, damages []damage) {
	t.Helper()
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			dir := crate{rotations: 1}.write(t)
			d.do(t, dir)
			_, err := verifyAll(t.Context(), dir)
			wantRefusal(t, err, d.code, d.words)
		})
	}
}

func at(dir string, volume int, name string) string {
	return filepath.Join(volumeDir(dir, volume), name)
}

// edit changes the bytes of a file.
func edit(change func([]byte) []byte, path func(dir string) string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		b, err := os.ReadFile(path(dir))
		if err != nil {
			t.Fatal(err)
		}
		put(t, path(dir), change(b))
	}
}

func remove(volume int, name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(at(dir, volume, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

func cut(b []byte) []byte    { return b[:len(b)-1] }
func extend(b []byte) []byte { return append(b, 0) }

func segment(n int) string { return bundle.SegmentPath(layout.DigestOf(big), n) }

func TestT1FlippedByte(t *testing.T) {
	runDamages(t, []damage{
		{"object", edit(flip, func(dir string) string { return pathOf(dir, 4) }), bundle.CodeDigest, "vol-002-of-003/objects/"},
		{"segment", edit(flip, func(dir string) string { return at(dir, 3, segment(2)) }), bundle.CodeDigest, "/0002: has other bytes than were signed"},
		{"bulletin", edit(flip, func(dir string) string {
			return at(dir, 1, bundle.BulletinPath(layout.DigestOf([]byte("MS08-067 is out"))))
		}), bundle.CodeDigest, "bulletins/"},
		{"catalog", edit(flip, func(dir string) string { return at(dir, 1, bundle.CatalogFile) }), bundle.CodeDigest, "catalog.jsonl.zst"},
		{"entries", edit(flip, func(dir string) string { return at(dir, 1, bundle.EntriesFile) }), bundle.CodeDigest, "entries.jsonl.zst"},
		{"sums for people", edit(flip, func(dir string) string { return at(dir, 2, bundle.SumsFile) }), bundle.CodeDigest, "SHA256SUMS"},
	})
}

func TestT2WrongSize(t *testing.T) {
	object := func(dir string) string { return pathOf(dir, 0) }
	runDamages(t, []damage{
		{"object cut", edit(cut, object), bundle.CodeSize, "has 95 bytes, want 96"},
		{"object extended", edit(extend, object), bundle.CodeSize, "has 97 bytes, want 96"},
		{"object emptied", edit(func([]byte) []byte { return nil }, object), bundle.CodeSize, "has 0 bytes"},
		{"segment extended", edit(extend, func(dir string) string { return at(dir, 1, segment(1)) }), bundle.CodeSize, "want 150"},
		{"generation cut", edit(cut, func(dir string) string { return at(dir, 1, bundle.GenerationFile) }), bundle.CodeSize, "generation.json"},
	})
}

func TestT3MissingFile(t *testing.T) {
	runDamages(t, []damage{
		{"object", remove(1, bundle.ObjectPath(layout.DigestOf(object(3)))), bundle.CodeIncomplete, "vol-001-of-003/objects/"},
		{"segment", remove(3, segment(2)), bundle.CodeIncomplete, "/0002: is missing"},
		{"list of a volume", remove(2, bundle.VolumeFile), bundle.CodeIncomplete, "VOLUME.jsonl"},
		{"header of a volume", remove(2, bundle.HeaderFile), bundle.CodeIncomplete, "vol-002-of-003/HEADER.json"},
		{"catalog", remove(1, bundle.CatalogFile), bundle.CodeIncomplete, "catalog.jsonl.zst"},
		{"rotation in one volume", remove(3, bundle.RotationPath(1)), bundle.CodeIncomplete, "rotate-0001.json"},
		{"rotation in the first volume", remove(1, bundle.RotationPath(1)), bundle.CodeIncomplete, "rotate-0001.json"},
	})
}

func TestT4Undeclared(t *testing.T) {
	add := func(volume int, name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { put(t, at(dir, volume, name), []byte("!")) }
	}
	folder := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.MkdirAll(at(dir, 2, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	runDamages(t, []damage{
		{"file at the root", add(2, "autorun.inf"), bundle.CodeUndeclared, "autorun.inf: is a file that the volume does not name"},
		{"file among objects", add(1, "objects/ab/x"), bundle.CodeUndeclared, "does not name"},
		{"hidden file", add(1, ".hidden"), bundle.CodeUndeclared, ".hidden"},
		{"escape sequence", add(1, "\x1b[2J"), bundle.CodeUndeclared, `/\x1b[2J: is a file`},
		{"signatures in the wrong volume", add(2, bundle.GenerationSigFile), bundle.CodeUndeclared, "catalog"},
		{"empty folder", folder("objects/zz"), bundle.CodeUndeclared, "is a directory"},
		{"folder at the root", folder("more"), bundle.CodeUndeclared, "more: is a directory"},
		{"folder in the place of a file", func(t *testing.T, dir string) {
			remove(2, bundle.ReadmeFile)(t, dir)
			folder(bundle.ReadmeFile)(t, dir)
		}, bundle.CodeUndeclared, "is a directory, not a regular file"},
	})
}

func TestT5Signature(t *testing.T) {
	header := func(volume int) func(string) string {
		return func(dir string) string { return at(dir, volume, bundle.HeaderFile) }
	}
	other := crate{seq: 2}.write(t)
	runDamages(t, []damage{
		{"header edited", edit(func(b []byte) []byte { return bytes.Replace(b, []byte(`"seq":1`), []byte(`"seq":9`), 1) }, header(1)),
			bundle.CodeSignature, "vol-001-of-003/HEADER.json: is not signed by the keys that are trusted"},
		{"signature stripped", remove(1, bundle.HeaderSigFile), bundle.CodeSignature, "HEADER.json: is not signed"},
		{"signature stripped from one volume", remove(3, bundle.HeaderSigFile), bundle.CodeSignature, "vol-003-of-003/HEADER.json: is not signed"},
		{"signature edited in one volume", edit(flip, func(dir string) string { return at(dir, 2, bundle.HeaderSigFile) }), bundle.CodeSignature, "vol-002"},
		{"signature of another header", func(t *testing.T, dir string) {
			b, err := os.ReadFile(at(other, 1, bundle.HeaderSigFile))
			if err != nil {
				t.Fatal(err)
			}
			put(t, at(dir, 1, bundle.HeaderSigFile), b)
		}, bundle.CodeSignature, "is not signed by"},
		{"generation's signature stripped", remove(1, bundle.GenerationSigFile), bundle.CodeSignature, "generation.json: is not signed"},
		{"generation's signature edited", edit(flip, func(dir string) string { return at(dir, 1, bundle.GenerationSigFile) }),
			bundle.CodeSignature, "generation.json: is not signed by"},
		{"header too long", edit(func([]byte) []byte { return make([]byte, bundle.MaxHeader+1) }, header(1)), bundle.CodeLimit, "more than 65536"},
		{"signatures too long", edit(func([]byte) []byte { return make([]byte, bundle.MaxSignature+1) },
			func(dir string) string { return at(dir, 1, bundle.HeaderSigFile) }), bundle.CodeLimit, "more than 65536"},
	})
}

// TestNothingIsParsedBeforeItIsVerified gives a header that is no JSON at all:
// the refusal must be that of the signature, and nothing else may have been
// opened.
func TestNothingIsParsedBeforeItIsVerified(t *testing.T) {
	dir := crate{}.write(t)
	put(t, at(dir, 1, bundle.HeaderFile), []byte("{{{"))
	for i := 1; i <= 3; i++ {
		remove(i, bundle.VolumeFile)(t, dir)
	}
	_, err := open(t, dir)
	wantRefusal(t, err, bundle.CodeSignature, "HEADER.json")
}

func TestT12VolumeOfAnotherBundle(t *testing.T) {
	dir, other := crate{}.write(t), crate{seq: 2}.write(t)
	if err := os.RemoveAll(volumeDir(dir, 2)); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, dir, volumeDir(other, 2))
	wantRefusal(t, err, bundle.CodeDigest, "vol-002-of-003/HEADER.json: is of another bundle")

	if err := os.Rename(volumeDir(other, 2), volumeDir(dir, 2)); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, dir)
	wantRefusal(t, err, bundle.CodeDigest, "vol-002-of-003/HEADER.json: is of another bundle")
}

func TestVolumesByAnotherName(t *testing.T) {
	for _, test := range []struct {
		name, is string
		code     bundle.Code
		words    string
	}{
		{"swapped numbers", "vol-001-of-003", bundle.CodeFormat, "is here twice"},
		{"other count", "vol-002-of-004", bundle.CodePath, "one of 4 volumes; the bundle has 3"},
		{"no number", "vol-two", bundle.CodePath, "is not the name of a volume"},
		{"beyond the count", "vol-004-of-003", bundle.CodePath, "is not the name of a volume"},
		{"signed number", "vol-+02-of-003", bundle.CodePath, "is not the name of a volume"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := crate{}.write(t)
			elsewhere := filepath.Join(t.TempDir(), test.is)
			if err := os.Rename(volumeDir(dir, 2), elsewhere); err != nil {
				t.Fatal(err)
			}
			_, err := open(t, dir, elsewhere)
			wantRefusal(t, err, test.code, test.words)
		})
	}
	t.Run("one in the place of another", func(t *testing.T) {
		dir := crate{}.write(t)
		for _, move := range [][2]string{{volumeDir(dir, 2), dir + "-2"}, {volumeDir(dir, 3), volumeDir(dir, 2)}, {dir + "-2", volumeDir(dir, 3)}} {
			if err := os.Rename(move[0], move[1]); err != nil {
				t.Fatal(err)
			}
		}
		_, err := verifyAll(t.Context(), dir)
		wantRefusal(t, err, bundle.CodeDigest, "vol-002-of-003/VOLUME.jsonl")
	})
}

// signedWrong is one way in which a bundle is wrong though its origin signed
// it.
type signedWrong struct {
	name  string
	crate crate
	code  bundle.Code
	words string
}

func runSigned(t *testing.T, tests []signedWrong) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := verifyAll(t.Context(), test.crate.write(t))
			wantRefusal(t, err, test.code, test.words)
		})
	}
}

func withHeader(change func(*bundle.Header)) crate { return crate{header: change} }

// withMember adds a member to the JSON of the header.
func withMember(member string) crate {
	return crate{document: func(b []byte) []byte { return append([]byte("{"+member+","), b[1:]...) }}
}

func TestT8Version(t *testing.T) {
	runSigned(t, []signedWrong{
		{"version lowered", withHeader(func(h *bundle.Header) { h.Version = 0 }), bundle.CodeVersion, "version 0"},
		{"newer reader needed", withHeader(func(h *bundle.Header) { h.Version, h.MinReader = 2, 2 }), bundle.CodeVersion, "needs a reader of version 2"},
		{"no reader named", withHeader(func(h *bundle.Header) { h.MinReader = 0 }), bundle.CodeVersion, "for readers of 0"},
		{"unknown critical member", withHeader(func(h *bundle.Header) { h.Critical = []string{"seq", "escrow"} }), bundle.CodeVersion, `understands "escrow"`},
		{"generation for a bundle", withHeader(func(h *bundle.Header) { h.Format = layout.FormatGeneration }), bundle.CodeFormat, `has the format "patchferry-generation"`},
	})
	for name, good := range map[string]crate{
		"newer version for us":     withHeader(func(h *bundle.Header) { h.Version = 2 }),
		"critical members we have": withHeader(func(h *bundle.Header) { h.Critical = []string{"skipped", "audience"} }),
		"unknown member":           withMember(`"escrow":{"who":["them"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verifyAll(t.Context(), good.write(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestT13Paths(t *testing.T) {
	for _, path := range []string{
		"../x", "/etc/passwd", "keys/../../x", "c:/x", `c:\x`, `\\server\share`, "keys/a\u0000b", "keys/a:b", "keys/a.", "keys/a ", "keys/con", "keys/nul.txt",
		"keys/aux", "keys/com1", "keys//a", "keys/./a", "./keys/a", "keys/", "", "Keys/a", "keys/A", "keys/ä", "readme.txt", "header.json", "volume.jsonl",
		"HEADER.json", "HEADER.json.asc", "VOLUME.jsonl", "catalog/generation.json.asc", "keys/" + strings.Repeat("a", 65), "tools/a/b/c/d", "other/a", "objects",
		"objects/ab/" + strings.Repeat("ab", 32), "objects/x", "segments/ab/" + strings.Repeat("ab", 32), "segments/ab/" + strings.Repeat("ab", 32) + "/1",
		"segments/cd/" + strings.Repeat("ab", 32) + "/0001", "segments/ab/" + strings.Repeat("ab", 32) + "/0000", "bulletins/x", "catalog/more.zst", "tools/a",
	} {
		t.Run(path, func(t *testing.T) {
			volume := 1
			if path == "tools/a" {
				volume = 2
			}
			bad := crate{lines: func(v int, lines []string) []string {
				if v != volume {
					return lines
				}
				return append(lines, string(marshal(t, bundle.Line{Path: path, SHA256: layout.DigestOf(nil)})))
			}}
			_, err := verifyAll(t.Context(), bad.write(t))
			wantRefusal(t, err, bundle.CodePath, "vol-00")
		})
	}
	runSigned(t, []signedWrong{
		{"entry elsewhere", inEntries(`"path":"objects/`, `"path":"../../../`), bundle.CodePath, "says that object"},
		{"segment elsewhere", inEntries(`/0002"`, `/0003"`), bundle.CodePath, "segment 2"},
		{"file and folder of one name", crate{extra: map[string]string{"tools/a": "a"}, lines: func(v int, lines []string) []string {
			if v != 1 {
				return lines
			}
			return append(lines, string(marshal(t, bundle.Line{Path: "tools/a/b", SHA256: layout.DigestOf(nil)})))
		}}, bundle.CodePath, "as a file and as a folder"},
		{"stream that is a path", withHeader(func(h *bundle.Header) { h.StreamName = "a/b" }), bundle.CodeFormat, "name of a stream"},
		{"destination that is none", withHeader(func(h *bundle.Header) { h.Audience = []string{"plant", "A\nB"} }), bundle.CodeFormat, "name of a destination"},
		{"escape sequence as tool", withHeader(func(h *bundle.Header) { h.Tool = "\x1b[2J" }), bundle.CodeFormat, "tool"},
	})
}

// inEntries replaces text in the first line of the entries that has it.
func inEntries(from, to string) crate {
	return crate{entries: inFirst(from, to)}
}

func inFirst(from, to string) func([]string) []string {
	return func(lines []string) []string {
		lines = slices.Clone(lines)
		for i, line := range lines {
			if strings.Contains(line, from) {
				lines[i] = strings.Replace(line, from, to, 1)
				return lines
			}
		}
		panic("no line has " + from)
	}
}
