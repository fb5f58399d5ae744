package metalink_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/metalink"
	"patchferry/mirror/upstream/parsetest"
)

func collect(r io.Reader) (updates []*layout.Update, errs []error) {
	for u, err := range metalink.Parse(r, upstream.List{Source: "xp", Name: "list.meta4"}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		updates = append(updates, u)
	}
	return updates, errs
}

const (
	head = `<metalink xmlns="urn:ietf:params:xml:ns:metalink">`
	good = `<file name="a.exe"><url>https://a.example/a.exe</url></file>`
)

func TestLimits(t *testing.T) {
	tests := []struct {
		name, text string
		updates    int
		err        string
	}{
		{"deep", head + good + strings.Repeat("<a>", 20), 1, "nested deeper than 16"},
		{"long text", head + good + "<file name='b'>" + strings.Repeat("x", metalink.MaxToken+1), 1, "longer than 65536 bytes"},
		{"long attribute", head + good + "<file name='" + strings.Repeat("x", metalink.MaxToken+1), 1, "longer than 65536 bytes"},
		{"long comment", head + good + "<!--" + strings.Repeat("x", metalink.MaxToken+1), 1, "longer than 65536 bytes"},
		{"undeclared entity", head + good + "<file name='b'>&boom;</file>", 1, "invalid character entity &boom;"},
		{"two roots", head + good + "</metalink>" + head, 1, "its root is <metalink>"},
		{"cut short", head + good, 1, "unexpected EOF"},
		{"encoding", `<?xml version="1.0" encoding="ebcdic"?>` + head, 0, `encoding "ebcdic" is not supported`},
		{"text only", "http://a.example/a.exe\n", 0, "not a Metalink document: it is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			updates, errs := collect(strings.NewReader(tt.text))
			if len(updates) != tt.updates {
				t.Errorf("got %d updates, want %d", len(updates), tt.updates)
			}
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), tt.err) {
				t.Errorf("got errors %v, want %q", errs, tt.err)
			}
		})
	}
}

func TestManyFilesStayCheap(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for i := range 5000 {
		fmt.Fprintf(&b, `<file name="f%d.exe"><size>%d</size><url>https://a.example/%d</url></file>`, i, i, i)
	}
	b.WriteString("</metalink>")
	updates, errs := collect(strings.NewReader(b.String()))
	if len(updates) != 5000 || len(errs) > 0 {
		t.Errorf("got %d updates, errors %v", len(updates), errs)
	}
}

func TestCorpora(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(parsetest.Corpora(t), "formats/metalink/*.meta4"))
	if len(files) == 0 {
		t.Fatal("the corpora have no metalinks")
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		updates, errs := collect(bytes.NewReader(b))
		if want := bytes.Count(b, []byte("<url>")); len(errs) > 0 || len(updates) != want {
			t.Errorf("%s: got %d updates, want %d; errors %v", filepath.Base(name), len(updates), want, errs)
		}
		for _, u := range updates {
			if f := u.Files[0]; f.SHA1.IsZero() || !strings.HasSuffix(f.URL, f.Name) {
				t.Errorf("%s: got SHA-1 %s, URL %s", f.Name, f.SHA1, f.URL)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	parsetest.Seed(f, "testdata/*.meta[4l]*")
	f.Fuzz(func(t *testing.T, b []byte) {
		parsetest.Rules(t, metalink.Parse(bytes.NewReader(b), parsetest.List("l.meta4")))
	})
}
