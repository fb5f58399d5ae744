package links_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/links"
	"patchferry/mirror/upstream/parsetest"
)

func collect(t *testing.T, r io.Reader, name string) (updates []*layout.Update, errs []error) {
	t.Helper()
	for u, err := range links.Parse(r, upstream.List{Source: "xp", Name: name}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		updates = append(updates, u)
	}
	return updates, errs
}

func TestEncodings(t *testing.T) {
	const plain = ":: Für alle 🛡\r\n:: URL|DEU|http://a.example/b.exe|b.exe\r\n"
	utf16With := func(order binary.AppendByteOrder) []byte {
		var b []byte
		for _, c := range utf16.Encode([]rune("\ufeff" + plain)) {
			b = order.AppendUint16(b, c)
		}
		return b
	}
	tests := []struct {
		name, title string
		text        []byte
	}{
		{"UTF-8", "Für alle 🛡", []byte(plain)},
		{"UTF-8 with a mark", "Für alle 🛡", []byte("\ufeff" + plain)},
		{"UTF-16LE", "Für alle 🛡", utf16With(binary.LittleEndian)},
		{"UTF-16BE", "Für alle 🛡", utf16With(binary.BigEndian)},
		{"cp1252", "Für 5 €", []byte(":: F\xfcr 5 \x80\n:: URL|DEU|http://a.example/b.exe|b.exe")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(tt.text), iotest.OneByteReader(bytes.NewReader(tt.text))} {
				updates, errs := collect(t, r, "list.txt")
				if len(errs) > 0 || len(updates) != 1 {
					t.Fatalf("got %d updates, errors %v", len(updates), errs)
				}
				if got := updates[0].Title; got != tt.title {
					t.Errorf("got title %q, want %q", got, tt.title)
				}
			}
		})
	}
}

func TestIDGoesByURL(t *testing.T) {
	id := func(line string) string {
		updates, errs := collect(t, strings.NewReader(line), "list.txt")
		if len(updates) != 1 {
			t.Fatalf("%s: got %v", line, errs)
		}
		return updates[0].ID
	}
	first := id("http://a.example/b.exe")
	for _, same := range []string{"HTTP://A.EXAMPLE/b.exe", "http://a.example/b.exe#x", "http://a.example/b.exe,c.exe", " http://a.example/b.exe size=3 "} {
		if got := id(same); got != first {
			t.Errorf("%s: got %s, want %s", same, got, first)
		}
	}
	for _, other := range []string{"http://a.example/B.exe", "https://a.example/b.exe", "http://a.example/b.exe?1"} {
		if got := id(other); got == first {
			t.Errorf("%s: got the id of another URL", other)
		}
	}
}

func TestLimits(t *testing.T) {
	long := "http://a.example/" + strings.Repeat("x", links.MaxLine) + ".exe"
	tests := []struct {
		name, text string
		updates    int
		errs       []string
	}{
		{"long line", long + "\nhttp://a.example/b.exe\n", 1, []string{"line 1: longer than 16384 bytes"}},
		{"long last line", "http://a.example/b.exe\n" + long, 1, []string{"line 2: longer than 16384 bytes"}},
		{"line of the limit", "#" + strings.Repeat("x", links.MaxLine-1) + "\nhttp://a.example/b.exe", 1, nil},
		{"many lines", strings.Repeat("\n", links.MaxLines) + "http://a.example/b.exe\n", 0, []string{"line 2000001: more than 2000000 lines"}},
		{"long URL", "http://a.example/" + strings.Repeat("x", 9000), 0, []string{"line 1: URL has 9017 bytes, more than 8192"}},
		{"long name", "http://a.example/" + strings.Repeat("x", 300), 0, []string{`line 1: file name "` + strings.Repeat("x", 80) + `" has 300 bytes, more than 255`}},
		{"relative in a local list", "b.exe", 0, []string{`line 1: "b.exe" is not a URL of http or https`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			updates, errs := collect(t, strings.NewReader(tt.text), "list.txt")
			if len(updates) != tt.updates {
				t.Errorf("got %d updates, want %d", len(updates), tt.updates)
			}
			var texts []string
			for _, err := range errs {
				texts = append(texts, err.Error())
			}
			if diff := cmp.Diff(tt.errs, texts); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadErrorEnds(t *testing.T) {
	broken := errors.New("disk on fire")
	updates, errs := collect(t, io.MultiReader(strings.NewReader("http://a.example/b.exe\nhttp://a.ex"), iotest.ErrReader(broken)), "list.txt")
	if len(updates) != 1 || len(errs) != 1 || !errors.Is(errs[0], broken) {
		t.Errorf("got %d updates, errors %v", len(updates), errs)
	}
}

// TestCorpora reads real lists: every line with a URL must yield an update,
// with the language that the line or the list states.
func TestCorpora(t *testing.T) {
	root := parsetest.Corpora(t)
	files, _ := filepath.Glob(filepath.Join(root, "formats/wsusoffline/StaticDownloadLinks-*.txt"))
	more, _ := filepath.Glob(filepath.Join(root, "formats/unattended/*.txt"))
	if len(files) == 0 || len(more) == 0 {
		t.Fatal("the corpora have no lists")
	}
	for _, name := range append(files, more...) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			unique := map[string]bool{}
			for _, m := range regexp.MustCompile(`(?m)^(?::: URL\|\w+\|)?(https?://[^|,\s]+)`).FindAllSubmatch(b, -1) {
				unique[string(m[1])] = true
			}
			updates, errs := collect(t, bytes.NewReader(b), filepath.Base(name))
			if len(errs) > 0 {
				t.Errorf("errors: %v", errs)
			}
			if len(unique) == 0 || len(updates) != len(unique) {
				t.Errorf("got %d updates from %d URLs", len(updates), len(unique))
			}
			titled := 0
			for _, u := range updates {
				if u.Title != "" && u.Language != "" {
					titled++
				}
			}
			if strings.HasPrefix(filepath.Base(name), "win2k") && titled < len(updates)*9/10 {
				t.Errorf("got a title and a language for %d of %d updates", titled, len(updates))
			}
			t.Logf("%d updates", len(updates))
		})
	}
}

func FuzzParse(f *testing.F) {
	parsetest.Seed(f, "testdata/*.txt")
	f.Add([]byte("\xff\xfeh\x00t\x00t\x00p\x00\x3d\xd8"))
	f.Add([]byte(`a b="c" d=`))
	f.Fuzz(func(t *testing.T, b []byte) {
		results := 0
		parsetest.Rules(t, func(yield func(*layout.Update, error) bool) {
			for u, err := range links.Parse(bytes.NewReader(b), parsetest.List("StaticDownloadLinks-wxp-x86-deu.txt")) {
				results++
				if !yield(u, err) {
					return
				}
			}
		})
		if lines := bytes.Count(b, []byte{'\n'}) + 1; results > lines {
			t.Fatalf("%d results of %d lines", results, lines)
		}
	})
}
