package layout_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"patchferry/layout"
)

// sample is an update with something in every field.
func sample(t testing.TB) *layout.Update {
	t.Helper()
	sum := func(b byte) (d layout.Digest) { d[0], d[31] = b, b; return d }
	at := layout.At(layout.Date("2026-11-22").Time())
	return &layout.Update{
		ID: "test:311967", Revision: 2, Type: layout.Software, KB: "311967", Title: "Größe <1 & >2 重要",
		Description: "Two\nlines", Classification: layout.SecurityUpdate, Severity: layout.Moderate,
		Products: []string{"Windows 10, version 1903 and later"}, OS: []layout.OS{"windows2000-sp3"}, Arch: []layout.Arch{"x86"},
		Language: "EN", IncludedIn: "SP3", Released: "2002-04-04", Bulletins: []string{"MS02-017"}, CVEs: []string{"CVE-2002-0151"},
		Supersedes: []string{"285851"}, Prerequisites: [][]string{{"a:1", "a:2"}, {"a:3"}}, Reboot: "Yes",
		SupportURL: "https://example.net/kb?q=311967&x=1",
		Driver:     &layout.Driver{Maker: "Maker", Class: "net", Version: "1.0", Models: []string{"M"}, HardwareIDs: []string{`PCI\VEN_8086`}},
		Files: []layout.File{{
			Name: "a.exe", As: "b.exe", Size: 5 << 32, SHA256: sum(1), SHA1: layout.SHA1{2}, MD5: layout.MD5{3}, URL: "https://example.net/a.exe",
			Kind: layout.KindHotfix, Language: "DE", Held: true, Modified: at, Tag: "0123-1",
			Evidence: []layout.Evidence{{Grade: layout.GradeChannel, Algorithm: "sha1", Weak: true, By: "https://example.net/l",
				Document: sum(4), TLSKey: sum(5), Signer: "F", At: at}},
		}},
		Folder: "Software/EN/x",
	}
}

func line(t testing.TB, u *layout.Update) []byte {
	t.Helper()
	b, err := layout.AppendLine(nil, u)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLineRoundTrip(t *testing.T) {
	for name, u := range map[string]*layout.Update{
		"everything": sample(t),
		"nothing":    {ID: "s:1"},
		"quoted id":  {ID: `s:a"b\c<d>`},
	} {
		t.Run(name, func(t *testing.T) {
			b := line(t, u)
			if bytes.Count(b, []byte("\n")) != 1 || b[len(b)-1] != '\n' {
				t.Errorf("line is %q, want one newline, at its end", b)
			}
			got, err := layout.ParseLine(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(u, got, cmp.AllowUnexported(layout.Time{})); diff != "" {
				t.Errorf("update changed (-want +got):\n%s", diff)
			}
			if again := line(t, got); !bytes.Equal(b, again) {
				t.Errorf("got %s, want %s", again, b)
			}
			if id, err := layout.LineID(b); err != nil || id != u.ID {
				t.Errorf("LineID = %q, %v, want %q", id, err, u.ID)
			}
		})
	}
}

// TestLineGolden holds the format itself: members, their order and spelling.
func TestLineGolden(t *testing.T) {
	got := string(line(t, sample(t)))
	zeros := strings.Repeat("0", 60)
	want := `{"id":"test:311967","revision":2,"type":"software","kb":"311967","title":"Größe <1 & >2 重要",` +
		`"description":"Two\nlines","classification":"security_update","severity":"Moderate",` +
		`"products":["Windows 10, version 1903 and later"],"os":["windows2000-sp3"],"arch":["x86"],"language":"EN",` +
		`"included_in":"SP3","released":"2002-04-04","bulletins":["MS02-017"],"cves":["CVE-2002-0151"],"supersedes":["285851"],` +
		`"prerequisites":[["a:1","a:2"],["a:3"]],"reboot":"Yes","support_url":"https://example.net/kb?q=311967&x=1",` +
		`"driver":{"maker":"Maker","class":"net","version":"1.0","models":["M"],"hardware_ids":["PCI\\VEN_8086"]},` +
		`"files":[{"name":"a.exe","as":"b.exe","size":21474836480,"sha256":"01` + zeros + `01","sha1":"02` + strings.Repeat("0", 38) +
		`","md5":"03` + strings.Repeat("0", 30) + `","url":"https://example.net/a.exe","kind":"hotfix.exe","language":"DE","held":true,` +
		`"modified":"2026-11-22T00:00:00Z","tag":"0123-1","evidence":[{"grade":"channel","algorithm":"sha1","weak":true,"by":"https://example.net/l",` +
		`"document":"04` + zeros + `04","tls_key":"05` + zeros + `05","signer":"F","at":"2026-11-22T00:00:00Z"}]}],` +
		`"folder":"Software/EN/x"}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line changed (-want +got):\n%s", diff)
	}
}

func TestParseLineRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty":             "",
		"no id":             `{"type":"software"}`,
		"id not first":      `{"type":"software","id":"s:1"}`,
		"id without source": `{"id":"1","type":"software"}`,
		"id without end":    `{"id":"s:1`,
		"id not UTF-8":      "{\"id\":\"s:\xb5\",\"type\":\"software\"}",
		"unknown member":    `{"id":"s:1","type":"software","new":1}`,
		"unknown below":     `{"id":"s:1","type":"software","files":[{"name":"a","new":1}]}`,
		"twice":             `{"id":"s:1","type":"software","kb":"1","kb":"2"}`,
		"twice, other case": `{"id":"s:1","type":"software","kb":"1","KB":"2"}`,
		"twice, escaped":    `{"id":"s:1","type":"software","kb":"1","\u006bb":"2"}`,
		"twice below":       `{"id":"s:1","type":"software","files":[{"name":"a","name":"b"}]}`,
		"id twice":          `{"id":"s:1","type":"software","id":"s:2"}`,
		"bytes after":       `{"id":"s:1","type":"software"} x`,
		"two objects":       `{"id":"s:1","type":"software"}{"id":"s:2"}`,
		"cut short":         `{"id":"s:1","type":"soft`,
		"wrong type":        `{"id":"s:1","type":"software","size":"x","revision":"2"}`,
		"bad digest":        `{"id":"s:1","type":"software","files":[{"name":"a","sha256":"zz"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if u, err := layout.ParseLine([]byte(in)); err == nil {
				t.Errorf("ParseLine(%s) = %+v, want an error", in, u)
			}
		})
	}
}

func TestAppendLineNeedsAnID(t *testing.T) {
	for _, id := range []string{"", "x", ":x", "x:", "x:" + strings.Repeat("y", 600)} {
		if b, err := layout.AppendLine(nil, &layout.Update{ID: id}); err == nil {
			t.Errorf("id %q gave the line %s, want an error", id, b)
		}
	}
}

// catalogOf writes updates as a catalog.
func catalogOf(t testing.TB, ids ...string) ([]byte, layout.Summary) {
	t.Helper()
	var buf bytes.Buffer
	w, err := layout.NewCatalogWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := w.WriteLine(line(t, &layout.Update{ID: id, Type: layout.Software})); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), sum
}

func TestCatalogRoundTrip(t *testing.T) {
	for name, ids := range map[string][]string{
		"none": nil,
		"some": {"a:1", "a:2", "b:1"},
		"long": {"a:" + strings.Repeat("x", 500), "b:1"},
	} {
		t.Run(name, func(t *testing.T) {
			b, want := catalogOf(t, ids...)
			again, _ := catalogOf(t, ids...)
			if !bytes.Equal(b, again) {
				t.Error("the same lines made other bytes")
			}
			r := layout.NewCatalogReader(bytes.NewReader(b), layout.Limits{})
			var got []string
			for u, err := range r.Updates() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, u.ID)
			}
			if diff := cmp.Diff(ids, got); diff != "" {
				t.Errorf("ids changed (-want +got):\n%s", diff)
			}
			sum, err := r.Summary()
			if err != nil || sum != want {
				t.Errorf("Summary = %+v, %v, want %+v", sum, err, want)
			}
			for _, err := range r.Lines() {
				if err == nil {
					t.Error("a catalog was read twice from one stream")
				}
			}
		})
	}
}

func TestCatalogWriterWantsAscendingLines(t *testing.T) {
	for name, second := range map[string]string{
		"the same id":  `{"id":"b:1","type":"software"}` + "\n",
		"an id before": `{"id":"a:1","type":"software"}` + "\n",
		"no newline":   `{"id":"c:1","type":"software"}`,
		"no id":        `{"type":"software"}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			w, err := layout.NewCatalogWriter(new(bytes.Buffer))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.WriteLine(line(t, &layout.Update{ID: "b:1"})); err != nil {
				t.Fatal(err)
			}
			if w.WriteLine([]byte(second)) == nil {
				t.Error("the line was taken")
			}
			if _, err := w.Close(); err == nil {
				t.Error("Close after an error = nil")
			}
		})
	}
}

func compress(t testing.TB, plain []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(plain, nil)
}

func TestCatalogReaderRefuses(t *testing.T) {
	one, two := `{"id":"a:1","type":"software"}`+"\n", `{"id":"a:2","type":"software"}`+"\n"
	good := compress(t, []byte(one+two))
	noSize, _ := catalogOf(t, "a:1", "a:2") // a frame that does not say its size
	for name, c := range map[string]struct {
		in  []byte
		lim layout.Limits
	}{
		"not zstd":          {in: []byte(one)},
		"cut short":         {in: good[:len(good)-3]},
		"bytes after":       {in: append(bytes.Clone(good), "more"...)},
		"out of order":      {in: compress(t, []byte(two+one))},
		"twice":             {in: compress(t, []byte(one+one))},
		"no last newline":   {in: compress(t, []byte(one+strings.TrimSpace(two)))},
		"an empty line":     {in: compress(t, []byte(one+"\n"+two))},
		"too many lines":    {in: good, lim: layout.Limits{Lines: 1}},
		"a line too long":   {in: good, lim: layout.Limits{LineBytes: len(one) - 1}},
		"too many bytes":    {in: good, lim: layout.Limits{Bytes: int64(len(one) + 3)}},
		"too many, unsaid":  {in: noSize, lim: layout.Limits{Bytes: int64(len(one) + 3)}},
		"a bomb":            {in: compress(t, append([]byte(`{"id":"`), make([]byte, 16<<20)...))},
		"unknown member":    {in: compress(t, []byte(`{"id":"a:1","new":1}`+"\n"))},
		"an enormous claim": {in: []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00}},
	} {
		t.Run(name, func(t *testing.T) {
			r := layout.NewCatalogReader(bytes.NewReader(c.in), c.lim)
			var last error
			for u, err := range r.Updates() {
				if last = err; err == nil && u == nil {
					t.Fatal("neither update nor error")
				}
			}
			if last == nil {
				t.Error("read without an error")
			}
			if sum, err := r.Summary(); err == nil {
				t.Errorf("Summary = %+v, want an error", sum)
			}
		})
	}
}

func TestCatalogReaderKeepsLongLines(t *testing.T) {
	u := sample(t)
	for i := range 3000 {
		u.Files = append(u.Files, layout.File{Name: fmt.Sprintf("file-%d-%s.cab", i, strings.Repeat("x", 100))})
	}
	want := line(t, u)
	if len(want) < 300_000 {
		t.Fatalf("line has only %d bytes", len(want))
	}
	n := 0
	for got, err := range layout.CatalogLines(bytes.NewReader(compress(t, want)), layout.Limits{}) {
		n++
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes and %v, want %d", len(got), err, len(want))
		}
	}
	if n != 1 {
		t.Errorf("got %d lines, want 1", n)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(`{"id":"a:1","type":"software","files":[{"name":"x","sha1":"` + strings.Repeat("a", 40) + `"}]}`))
	f.Add([]byte(`{"id":"a:\u0041\"","type":"driver","driver":{"maker":"m"},"prerequisites":[["a"],[]]}` + "\n"))
	f.Add(line(f, sample(f)))
	f.Add([]byte(`{"id":"a:1","revision":-0,"type":"x","os":[],"files":[{"name":"\ud800\u00e9","size":01,"held":true}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := layout.ParseLine(b)
		// A blank at its end keeps a line from the fast way.
		slow, slowErr := layout.ParseLine(slices.Concat(bytes.TrimRight(b, "\n"), []byte(" ")))
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("ParseLine(%s): %v, but with a blank at its end %v", b, err, slowErr)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(slow, u, cmp.AllowUnexported(layout.Time{})); diff != "" {
			t.Fatalf("a blank at its end changes %s (-with +without):\n%s", b, diff)
		}
		if id, err := layout.LineID(b); err != nil || id != u.ID {
			t.Fatalf("LineID = %q, %v, but ParseLine found %q", id, err, u.ID)
		}
		first := line(t, u)
		again, err := layout.ParseLine(first)
		if err != nil {
			t.Fatalf("cannot read back %s: %v", first, err)
		}
		if second := line(t, again); !bytes.Equal(first, second) {
			t.Fatalf("%s became %s", first, second)
		}
	})
}
