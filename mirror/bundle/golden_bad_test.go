package bundle_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// bad is one bundle of testdata/bundles/bad. Its name begins with the row of
// the table of refusals in docs/bundle-format.md.
type bad struct {
	name  string
	after string // the bundle that the far side imported before
	code  string // of the refusal; "-" where it is imported
	exit  int    // of patchferry import
	words string // of the refusal; "-": any
	make  func(t *testing.T) *parcel
}

// expectedHead says what expected.tsv is.
const expectedHead = `# What an import says of each bundle of the folder bad, and its exit status.
# after: imported before, by the same far side; -: it has imported nothing yet.
# The far side is called plant, pins keys/origin.asc as its origin and
# keys/second.asc for bulletins.
# words: in what it says; -: any.
# bundle	after	code	exit	words
`

const small = "good-small"

// bads are all of them, in the order of their rows.
func bads() []bad {
	return slices.Concat(badBytes(), badSigners(), badPositions(), badPaths(), badLists(), badBulletins())
}

// plainParcel is right in everything until do changes it and seals it.
func plainParcel(do func(*parcel)) func(*testing.T) *parcel {
	return shaped(parcelOptions{}, do)
}

func shaped(opt parcelOptions, do func(*parcel)) func(*testing.T) *parcel {
	return func(t *testing.T) *parcel {
		p := newParcel(t, opt)
		do(p)
		return p
	}
}

// onTheWay changes a file of volume 1 of a bundle that was right.
func onTheWay(prefix string, change func([]byte) []byte) func(*testing.T) *parcel {
	return plainParcel(func(p *parcel) { p.change(p.find(prefix), change) })
}

// sealed has the header say something else, and signs it.
func sealed(change func(*bundle.Header)) func(*testing.T) *parcel {
	return plainParcel(func(p *parcel) {
		change(p.header)
		p.seal()
	})
}

// twoVolumes has two files in a volume each.
func twoVolumes() parcelOptions {
	return parcelOptions{sampleOptions: sampleOptions{sizes: []int{9000, 9000}}, plan: bundle.PlanOptions{VolumeSize: 96 << 10, Cluster: 1}}
}

// badBytes are bundles that were right when they were signed.
func badBytes() []bad {
	remove := func(prefix string) func(*testing.T) *parcel {
		return plainParcel(func(p *parcel) { delete(p.volumes[0], p.find(prefix)) })
	}
	add := func(name string) func(*testing.T) *parcel {
		return plainParcel(func(p *parcel) { p.volumes[0][name] = []byte("!\n") })
	}
	segment := func(change func(p *parcel, name string)) func(*testing.T) *parcel {
		return shaped(parcelOptions{sampleOptions: sampleOptions{sizes: []int{3000}}, plan: bundle.PlanOptions{MaxFile: 2000, Cluster: 1}}, func(p *parcel) {
			change(p, slices.Max(slices.Collect(maps.Keys(p.volumes[0]))))
		})
	}
	return []bad{
		{"T01-segment-flipped", "-", "digest", 4, "/0002 has other bytes than were signed", segment(func(p *parcel, name string) { p.change(name, flip) })},
		{"T02-segment-cut-short", "-", "size", 4, "/0002 has 999 bytes, want 1000", segment(func(p *parcel, name string) { p.change(name, cut) })},
		{"T03-segment-missing", "-", "incomplete", 3, "/0002 is missing", segment(func(p *parcel, name string) { delete(p.volumes[0], name) })},
		{"T01-object-flipped", "-", "digest", 4, "has other bytes than were signed", onTheWay("objects/", flip)},
		{"T01-catalog-flipped", "-", "digest", 4, "catalog/catalog.jsonl.zst has other bytes than were signed", onTheWay(bundle.CatalogFile, flip)},
		{"T01-entries-flipped", "-", "digest", 4, "catalog/entries.jsonl.zst has other bytes than were signed", onTheWay(bundle.EntriesFile, flip)},
		{"T01-volume-list-flipped", "-", "digest", 4, "VOLUME.jsonl has other bytes than were signed", onTheWay(bundle.VolumeFile, flip)},
		{"T01-readme-flipped", "-", "digest", 4, "README.txt has other bytes than were signed", onTheWay(bundle.ReadmeFile, flip)},
		{"T02-object-cut-short", "-", "size", 4, "has 199 bytes, want 200", onTheWay("objects/", cut)},
		{"T02-object-extended", "-", "size", 4, "has 201 bytes, want 200", onTheWay("objects/", extend)},
		{"T02-generation-extended", "-", "size", 4, "catalog/generation.json has 500 bytes, want 499", onTheWay(bundle.GenerationFile, extend)},
		{"T03-object-missing", "-", "incomplete", 3, "is missing", remove("objects/")},
		{"T03-readme-missing", "-", "incomplete", 3, "README.txt is missing", remove(bundle.ReadmeFile)},
		{"T03-volume-missing", "-", "waiting", 3, "waiting for 1 of 2 volumes: 2", shaped(twoVolumes(), func(p *parcel) { p.volumes[1] = nil })},
		{"T04-file-at-the-root", "-", "undeclared", 4, "autorun.inf is a file that the volume does not name", add("autorun.inf")},
		{"T04-file-among-objects", "-", "undeclared", 4, "objects/ab is a directory that the volume does not name", add("objects/ab/x")},
		{"T05-header-edited", "-", "signature", 4, "is not signed by the keys that are trusted", onTheWay(bundle.HeaderFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"seq": 1`), []byte(`"seq": 9`), 1) })},
		{"T05-signature-stripped", "-", "signature", 4, "is not signed: HEADER.json.asc is missing", plainParcel(func(p *parcel) { delete(p.volumes[0], bundle.HeaderSigFile) })},
		{"T05-signature-of-another-header", "-", "signature", 4, "is not signed by the keys that are trusted", func(t *testing.T) *parcel {
			p, other := newParcel(t, parcelOptions{}), newParcel(t, parcelOptions{edit: func(c *bundle.Content) { c.Header.Seq = 2 }})
			p.volumes[0][bundle.HeaderSigFile] = other.volumes[0][bundle.HeaderSigFile]
			return p
		}},
		{"T05-generation-signature-stripped", "-", "signature", 4, "is not signed: catalog/generation.json.asc is missing", remove(bundle.GenerationSigFile)},
		{"T12-volume-of-another-bundle", "-", "digest", 4, "vol-002-of-002/HEADER.json is of another bundle", func(t *testing.T) *parcel {
			opt := twoVolumes()
			p := newParcel(t, opt)
			opt.edit = func(c *bundle.Content) { c.Header.Seq = 2 }
			p.volumes[1] = newParcel(t, opt).volumes[1]
			return p
		}},
	}
}

// badSigners are bundles signed by the wrong key, or of a version that this one
// cannot read.
func badSigners() []bad {
	by := func(signer string, do func(*parcel)) func(*testing.T) *parcel {
		return plainParcel(func(p *parcel) {
			p.signer = signer
			p.generation(func(*layout.Generation) {})
			do(p)
			p.seal()
		})
	}
	return []bad{
		{"T06-key-unknown", "-", "key", 4, "is not in the keyring", by("stranger", func(*parcel) {})},
		{"T06-bulletin-key", "-", "key", 4, "for origin", by("second", func(*parcel) {})},
		{"T08-version-0", "-", "version", 4, "has version 0", sealed(func(h *bundle.Header) { h.Version = 0 })},
		{"T08-newer-reader-needed", "-", "version", 4, "needs a reader of version 2, this one has 1", sealed(func(h *bundle.Header) { h.Version, h.MinReader = 2, 2 })},
		{"T08-critical-unknown", "-", "version", 4, "needs a reader that understands \"escrow\"", sealed(func(h *bundle.Header) { h.Critical = []string{"seq", "escrow"} })},
		{"T09-for-others", "-", "audience", 4, "it is for [\"harbour\"], and this is \"plant\"", sealed(func(h *bundle.Header) { h.Audience = []string{"harbour"} })},
		{"T18-key-inside", "-", "key", 4, "is not in the keyring", by("stranger", func(p *parcel) { p.keyInside() })},
		{"T18-key-ignored", "-", "-", 0, "-", plainParcel(func(p *parcel) { p.keyInside(); p.seal() })},
		{"T19-rotation-without-the-old-key", "-", "key", 4, "as it must be by the old key and by the new one", by("stranger", func(p *parcel) {
			origin, stranger := testKey(p.t, "origin"), testKey(p.t, "stranger")
			var armored strings.Builder
			if err := stranger.WritePublic(&armored); err != nil {
				p.t.Fatal(err)
			}
			doc := marshal(p.t, bundle.Rotation{
				Format: bundle.FormatRotation, Version: 1, Number: 1, Origin: p.header.Origin, Old: string(origin.Fingerprint()),
				New: string(stranger.Fingerprint()), Key: armored.String(), Created: layout.At(bundledAt),
			})
			p.volumes[0][bundle.RotationPath(1)], p.volumes[0][bundle.RotationPath(1)+".asc"] = doc, p.sign(doc)
		})},
	}
}

// keyInside adds the key of a stranger.
func (p *parcel) keyInside() {
	p.t.Helper()
	var armored strings.Builder
	if err := testKey(p.t, "stranger").WritePublic(&armored); err != nil {
		p.t.Fatal(err)
	}
	p.volumes[0]["keys/stranger.asc"] = []byte(armored.String())
}

// smallContent is the head of good-small, which positions are compared with.
func smallContent(c *bundle.Content) {
	c.Header.Epoch, c.Header.Seq = 2, 5
	c.Header.Bundle = "44444444-2222-4333-8444-555555555555"
}

// badPositions come after good-small.
func badPositions() []bad {
	after := func(change func(h *bundle.Header, prev bundle.Before)) func(*testing.T) *parcel {
		return func(t *testing.T) *parcel {
			prev := bundle.Before{Epoch: 2, Seq: 5, Header: layout.DigestOf(newParcel(t, parcelOptions{edit: smallContent}).volumes[0][bundle.HeaderFile])}
			return newParcel(t, parcelOptions{edit: func(c *bundle.Content) {
				smallContent(c)
				c.Header.Bundle, c.Header.Seq, c.Header.Prev = "55555555-2222-4333-8444-555555555555", 6, &prev
				change(&c.Header, prev)
			}})
		}
	}
	other := layout.DigestOf([]byte("another header"))
	return []bad{
		{"T09-another-stream", small, "audience", 4, "which is not followed here", after(func(h *bundle.Header, _ bundle.Before) {
			h.Stream, h.Prev = "99999999-8888-4777-8666-000000000000", nil
		})},
		{"T09-another-origin", small, "audience", 4, "belongs to the origin", after(func(h *bundle.Header, _ bundle.Before) { h.Origin = "aaaaaaaa-bbbb-4ccc-8ddd-000000000000" })},
		{"T10-rollback", small, "rollback", 4, "it is number 4, and number 5 was accepted here", after(func(h *bundle.Header, _ bundle.Before) { h.Seq, h.Prev = 4, nil })},
		{"T10-lower-epoch", small, "rollback", 4, "it is of epoch 1, and epoch 2 was accepted here", after(func(h *bundle.Header, _ bundle.Before) { h.Epoch, h.Seq, h.Prev = 1, 9, nil })},
		{"T10-equivocation", small, "equivocation", 4, "another bundle with the number 5 was accepted here", after(func(h *bundle.Header, _ bundle.Before) { h.Seq, h.Prev = 5, nil })},
		{"T10-fork", small, "fork", 4, "number 6 does not follow number 5 as it was accepted here", after(func(h *bundle.Header, _ bundle.Before) { h.Prev = &bundle.Before{Epoch: 2, Seq: 5, Header: other} })},
		{"T10-fast-forward", small, "position", 4, "it is number 10006, a fast-forward of more than 10000 from number 5", after(func(h *bundle.Header, _ bundle.Before) { h.Seq = 10_006 })},
		{"T10-higher-epoch", small, "position", 4, "it begins epoch 3 after epoch 2, which the operator must accept", after(func(h *bundle.Header, _ bundle.Before) { h.Epoch, h.Seq, h.Prev = 3, 1, nil })},
		{"T11-missing-base", "-", "missing-base", 3, "1 object that it builds on never came here", func(t *testing.T) *parcel {
			return newParcel(t, parcelOptions{sampleOptions: sampleOptions{required: []int{77}}, edit: func(c *bundle.Content) {
				c.Header.Seq, c.Header.Kind, c.Header.SinceSeq = 3, bundle.Incremental, 2
				c.Header.Prev = &bundle.Before{Epoch: 1, Seq: 2, Header: other}
			}})
		}},
		{"T23-made-in-the-future", "-", "position", 4, "it was made on 2126-11-22T12:00:00Z, in the future", sealed(func(h *bundle.Header) {
			h.Created, h.ExpectedNext = layout.At(bundledAt.AddDate(100, 0, 0)), layout.Time{}
		})},
	}
}

// badPaths name a file that no volume has: what a file system could not keep
// stands in the list alone, which is refused before the medium is looked at.
func badPaths() []bad {
	var all []bad
	for _, c := range []struct{ name, path, words string }{
		{"parent", "keys/../../x", "has the component \"..\""}, {"absolute", "/etc/passwd", "is not relative"}, {"drive-letter", "c:/x", "has other characters than a-z"}, {"unc", `\\server\share`, "has other characters than a-z"}, {"nul", "keys/a\x00b", "has other characters than a-z"},
		{"colon", "keys/a:b", "has other characters than a-z"}, {"trailing-dot", "keys/a.", "which not every file system can keep"}, {"trailing-blank", "keys/a ", "has other characters than a-z"}, {"device", "keys/nul.txt", "which not every file system can keep"}, {"case-collision", "readme.TXT", "has other characters than a-z"},
		{"overlong", "keys/" + strings.Repeat("a", 65), "has a component of more than 64 characters"},
	} {
		all = append(all, bad{"T13-" + c.name, "-", "path", 4, c.words, plainParcel(func(p *parcel) {
			p.lines = func(lines []string) []string {
				return append(lines, string(marshal(p.t, bundle.Line{Path: c.path, SHA256: layout.DigestOf(nil)})))
			}
			p.seal()
		})})
	}
	return all
}

// zeros is one line of 16 MiB, compressed: more than any list may have.
func zeros(t testing.TB) []byte { return bomb(t, 16, 0) }

// badLists are signed by their origin, and do not agree with themselves.
func badLists() []bad {
	plain := func(name, text string, count int) func(*testing.T) *parcel {
		return plainParcel(func(p *parcel) {
			p.list(name, squeeze(p.t, []byte(text)))
			p.header.Requires.Count = count
			p.seal()
		})
	}
	member := func(member string) func(*testing.T) *parcel {
		return plainParcel(func(p *parcel) {
			p.doc = func(b []byte) []byte { return append([]byte("{"+member+","), b[1:]...) }
			p.seal()
		})
	}
	return []bad{
		{"T14-entries-of-one-line", "-", "limit", 4, "entries.jsonl.zst line 1 has more than", plainParcel(func(p *parcel) { p.list(bundle.EntriesFile, zeros(p.t)); p.seal() })},
		{"T14-required-of-one-line", "-", "limit", 4, "requires.txt.zst line 1 has more than", plainParcel(func(p *parcel) { p.list(bundle.RequiresFile, zeros(p.t)); p.header.Requires.Count = 1; p.seal() })},
		{"T14-catalog-of-one-line", "-", "limit", 4, "catalog.jsonl.zst line 1 has more than", func(t *testing.T) *parcel {
			return newParcel(t, parcelOptions{sampleOptions: sampleOptions{catalog: zeros(t)}})
		}},
		{"T14-a-thousand-million-entries", "-", "limit", 4, "announces a list of 1000000000 objects", sealed(func(h *bundle.Header) { h.Entries.Count = 1e9 })},
		{"T14-a-thousand-million-updates", "-", "limit", 4, "has 1000000000 lines, more than", plainParcel(func(p *parcel) {
			p.generation(func(g *layout.Generation) { g.Counts.Updates = 1e9 })
			p.seal()
		})},
		{"T15-member-twice", "-", "format", 4, "member \"seq\" stands twice", member(`"seq":1`)},
		{"T15-bytes-after-the-header", "-", "format", 4, "not one whole JSON object", plainParcel(func(p *parcel) {
			p.doc = func(b []byte) []byte { return append(b, "{}"...) }
			p.seal()
		})},
		{"T15-path-twice", "-", "format", 4, "names \"keys/empty\" twice", plainParcel(func(p *parcel) {
			p.volumes[0]["keys/empty"] = nil
			p.lines = func(lines []string) []string { return twice("keys/empty")(lines) }
			p.seal()
		})},
		{"T15-one-digest-with-two-sizes", "-", "format", 4, "has 200 bytes in one place and 201 in another", func(t *testing.T) *parcel {
			return newParcel(t, parcelOptions{sampleOptions: sampleOptions{twoSizes: true}})
		}},
		{"T15-required-in-capitals", "-", "format", 4, "requires.txt.zst line 1 is not <sha256> <size>", plain(bundle.RequiresFile, strings.Repeat("AB", 32)+" 1\n", 1)},
		{"T16-an-entry-more", "-", "count", 4, "has 2 lines; the header says 3", sealed(func(h *bundle.Header) { h.Entries.Count++; h.Objects++ })},
		{"T16-bytes-of-entries", "-", "count", 4, "entries.jsonl.zst has 371 bytes; the header says 372", sealed(func(h *bundle.Header) { h.Entries.Bytes++; h.Bytes++ })},
		{"T16-state-root", "-", "count", 4, "; the header says 7 with", sealed(func(h *bundle.Header) { h.StateRoot[0]++ })},
		{"T16-a-file-less", "-", "count", 4, "goes beyond the 6 files", plainParcel(func(p *parcel) {
			p.seal()
			p.resign(func(h *bundle.Header) { h.Volumes[0].Files-- })
		})},
		{"T16-updates-of-the-generation", "-", "count", 4, "has 1 lines; the header says 2", plainParcel(func(p *parcel) {
			p.generation(func(g *layout.Generation) { g.Counts.Updates++ })
			p.seal()
		})},
		{"T16-objects-that-the-catalog-does-not-name", "-", "count", 4, "the catalog refers to objects with the state root", func(t *testing.T) *parcel {
			return newParcel(t, parcelOptions{sampleOptions: sampleOptions{unnamed: 50}})
		}},
	}
}

// resign changes the header alone, and signs it.
func (p *parcel) resign(change func(*bundle.Header)) {
	p.t.Helper()
	change(p.header)
	doc := marshal(p.t, p.header)
	for _, files := range p.volumes {
		files[bundle.HeaderFile], files[bundle.HeaderSigFile] = doc, p.sign(doc)
	}
}

// badBulletins bring a document that its publisher did not sign so, under the
// right signatures of the origin.
func badBulletins() []bad {
	with := func(change func(original, sig []byte) ([]byte, []byte)) func(*testing.T) *parcel {
		return func(t *testing.T) *parcel {
			return newParcel(t, parcelOptions{sampleOptions: sampleOptions{notices: true, altered: change}})
		}
	}
	return []bad{
		{"T17-bulletin-altered", "-", "bulletin", 4, "the document bulletins:ms08-067 is bad", with(func(o, s []byte) ([]byte, []byte) { return bytes.Replace(o, []byte("MS08"), []byte("MS09"), 1), s })},
		{"T17-signature-malformed", "-", "bulletin", 4, "the document bulletins:ms08-067 is malformed", with(func(o, _ []byte) ([]byte, []byte) { return o, []byte("its signature\n") })},
	}
}

// expected is the text of expected.tsv.
func expected() string {
	var b strings.Builder
	b.WriteString(expectedHead)
	for _, c := range bads() {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%s\n", c.name, c.after, c.code, c.exit, c.words)
	}
	return b.String()
}

// TestGoldenBad holds the bad bundles to the bytes that are committed, which
// every later release must refuse in the same words.
func TestGoldenBad(t *testing.T) {
	makeKeys(t)
	folder := filepath.Join(bundles, "bad")
	if *update {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(folder, "expected.tsv"), []byte(expected()))
	}
	if diff := cmp.Diff(string(readFile(t, filepath.Join(folder, "expected.tsv"))), expected()); diff != "" {
		t.Errorf("expected.tsv (-want +got):\n%s", diff)
	}
	var names []string
	for _, c := range bads() {
		names = append(names, c.name)
		t.Run(c.name, func(t *testing.T) {
			made := t.TempDir()
			c.make(t).write(made)
			if *update {
				replaceTree(t, made, filepath.Join(folder, c.name))
			}
			if diff := cmp.Diff(filesBelow(t, filepath.Join(folder, c.name)), filesBelow(t, made)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(names, e.Name()) {
			t.Errorf("nobody makes %s", e.Name())
		}
	}
}

// TestGoldenSize keeps the folder small: it is in every clone.
func TestGoldenSize(t *testing.T) {
	total := 0
	for name, content := range filesBelow(t, bundles) {
		total += len(content)
		if strings.Contains(name, "bad/") && len(content) > 64<<10 {
			t.Errorf("%s has %d bytes", name, len(content))
		}
	}
	if total > 1<<20 {
		t.Errorf("testdata/bundles has %d bytes, want at most 1 MiB", total)
	}
}
