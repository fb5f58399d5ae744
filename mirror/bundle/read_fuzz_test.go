package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"patchferry/layout"
)

// refusedOrFine makes sure that an error is a refusal with a code.
func refusedOrFine(t *testing.T, err error) bool {
	t.Helper()
	if ours := (*Error)(nil); err != nil && (!errors.As(err, &ours) || ours.Code == "" || ours.Code == CodeMedium) {
		t.Fatalf("got error %#v, want a refusal", err)
	}
	return err == nil
}

const someDigest = "ab23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func FuzzHeader(f *testing.F) {
	f.Add([]byte(`{"format":"patchferry-bundle","version":1,"min_reader":1,"bundle":"00000009-0000-4000-8000-000000000000",` +
		`"origin":"00000001-0000-4000-8000-000000000000","stream":"00000002-0000-4000-8000-000000000000","stream_name":"main","epoch":1,"seq":2,` +
		`"prev":{"epoch":1,"seq":1,"header_sha256":"` + someDigest + `"},"kind":"full","generation":{"number":1,"sha256":"` + someDigest + `","size":5},` +
		`"state_root":"` + someDigest + `","objects":1,"bytes":2,"entries":{"sha256":"` + someDigest + `","size":3,"count":1,"bytes":2},` +
		`"requires":{"sha256":"` + someDigest + `","size":3,"count":0},"volumes":[{"index":1,"files":4,"bytes":5,"volume_sha256":"` + someDigest + `"}],` +
		`"created":"2026-11-22T12:00:00Z","tool":"t","critical":["seq"]}`))
	f.Add([]byte(`{"format":"patchferry-bundle","format":"x"}`))
	f.Add([]byte(`{"a":[{"b":"\"}"},1e9,null]} `))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"Seq":1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		h, err := ParseHeader(doc)
		if !refusedOrFine(t, err) {
			return
		}
		if h.Format != FormatBundle || h.Seq == 0 || len(h.Volumes) == 0 || len(h.Volumes) > MaxVolumes || h.MinReader > Version {
			t.Errorf("accepted %+v", h)
		}
		again, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseHeader(again); err != nil && len(again) <= MaxHeader {
			t.Errorf("what was accepted is refused when it is written again: %v", err)
		}
	})
}

func FuzzVolumeLines(f *testing.F) {
	good := `{"path":"objects/ab/` + someDigest + `","size":1,"sha256":"` + someDigest + `"}` + "\n"
	f.Add([]byte(good))
	f.Add([]byte(good + good))
	f.Add([]byte(`{"path":"README.txt","size":1,"sha256":"` + someDigest + `"}` + "\n" + good))
	f.Add([]byte(`{"path":"keys/../x","size":-1,"sha256":"` + someDigest + `"}`))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, list []byte) {
		want := Volume{Index: 1, Files: bytes.Count(list, []byte("\n")), Bytes: 1}
		files, err := readVolumeLines(bytes.NewReader(list), want)
		if !refusedOrFine(t, err) {
			return
		}
		total, before := int64(0), ""
		for i := range files {
			l := files[i].line()
			total += l.Size
			if strings.Contains(l.Path, "..") || strings.HasPrefix(l.Path, "/") || len(l.Path) > MaxDepth*(MaxName+1) {
				t.Errorf("accepted path %q", l.Path)
			}
			if before >= l.Path {
				t.Errorf("path %q after %q", l.Path, before)
			}
			before = l.Path
		}
		if len(files) != want.Files || total != want.Bytes {
			t.Errorf("accepted %d files of %d bytes, want %d of %d", len(files), total, want.Files, want.Bytes)
		}
	})
}

// FuzzEntries reads any bytes as a compressed list of entries, and, so that
// lines are reached, as the lines of one.
func FuzzEntries(f *testing.F) {
	whole := `{"sha256":"` + someDigest + `","size":1,"volume":1,"path":"objects/ab/` + someDigest + `"}` + "\n"
	cut := `{"sha256":"` + someDigest + `","size":3,"segments":[{"volume":1,"path":"segments/ab/` + someDigest + `/0001","offset":0,"size":1,"sha256":"` + someDigest +
		`"},{"volume":2,"path":"segments/ab/` + someDigest + `/0002","offset":1,"size":2,"sha256":"` + someDigest + `"}]}` + "\n"
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = enc.Close() })
	f.Add([]byte(whole + cut))
	f.Add(enc.EncodeAll([]byte(whole+cut), nil))
	f.Add(enc.EncodeAll(make([]byte, 1<<20), nil))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xff})
	lim := lineLimits{lines: 1000, line: maxEntryLine, plain: 1 << 20}
	f.Fuzz(func(t *testing.T, list []byte) {
		do := func(line []byte) error {
			e, err := parseEntry(line, 2)
			if err == nil {
				checkEntry(t, e)
			}
			return err
		}
		refusedOrFine(t, readCounted(bytes.NewReader(list), CountedRef{Count: 2}, lim, do))
		refusedOrFine(t, eachLine(bytes.NewReader(list), lim, do))
		refusedOrFine(t, eachLine(bytes.NewReader(list), lim, func(line []byte) error {
			_, err := parseRequired(line)
			return err
		}))
	})
}

// checkEntry holds an entry that was accepted to what an import relies on.
func checkEntry(t *testing.T, e Entry) {
	t.Helper()
	at := int64(0)
	for p := range e.pieces() {
		if p.volume < 1 || p.volume > 2 || p.Size < 0 || strings.Contains(p.Path, "..") {
			t.Errorf("accepted %+v of %+v", p, e)
		}
		at += p.Size
	}
	if at != e.Size || e.SHA256.IsZero() {
		t.Errorf("accepted %+v, whose pieces have %d bytes", e, at)
	}
}

func FuzzRotation(f *testing.F) {
	f.Add([]byte(`{"format":"patchferry-rotation","version":1,"number":1,"origin":"00000001-0000-4000-8000-000000000000","old":"` +
		strings.Repeat("A", 40) + `","new":"` + strings.Repeat("B", 40) + `","created":"2026-11-22T12:00:00Z"}`))
	f.Add([]byte(`{"format":"patchferry-rotation","version":2}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := ParseRotation(doc, 1)
		if !refusedOrFine(t, err) {
			return
		}
		if r.Number != 1 || r.Old == r.New || len(r.New) < 40 || layout.DigestOf([]byte(r.Old)).IsZero() {
			t.Errorf("accepted %+v", r)
		}
	})
}
