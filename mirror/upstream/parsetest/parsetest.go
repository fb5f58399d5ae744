// Package parsetest holds what the tests of all parsers of lists have in
// common: golden files, the rules that no input may break, and where the real
// data lies. Only tests import it.
package parsetest

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenSuffix = ".golden"

// Parse is the function of a parser.
type Parse func(io.Reader, upstream.List) iter.Seq2[*layout.Update, error]

// List returns a list of that file name, as if it came over https.
func List(name string) upstream.List {
	base, _ := url.Parse("https://lists.example.net/patches/" + name)
	return upstream.List{Source: "xp", Name: name, Base: base}
}

// Render writes what a parser yields as catalog lines and lines of errors.
func Render(t testing.TB, all iter.Seq2[*layout.Update, error]) []byte {
	t.Helper()
	var out []byte
	for u, err := range all {
		if err != nil {
			out = append(out, "error: "+err.Error()+"\n"...)
			continue
		}
		var encode error
		if out, encode = layout.AppendLine(out, u); encode != nil {
			t.Fatal(encode)
		}
	}
	return out
}

// Golden parses every file that matches the pattern and compares the result
// with the golden file beside it; -update rewrites that.
func Golden(t *testing.T, pattern string, parse Parse) {
	t.Helper()
	for _, name := range inputs(t, pattern) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := Render(t, parse(bytes.NewReader(b), List(filepath.Base(name))))
			if *update {
				if err := os.WriteFile(name+goldenSuffix, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + goldenSuffix)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Seed adds every file that matches the pattern to a fuzz test.
func Seed(f *testing.F, pattern string) {
	f.Helper()
	for _, name := range inputs(f, pattern) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func inputs(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range found {
		if filepath.Ext(name) != goldenSuffix {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("no file matches %s", pattern)
	}
	return names
}

// Rules holds what a parser makes of any input to the rules for all of them:
// an update or a *upstream.LineError, each id once, usable file names, no say
// in what is ours, and a catalog line for each update.
func Rules(t *testing.T, all iter.Seq2[*layout.Update, error]) {
	t.Helper()
	seen := map[string]bool{}
	for u, err := range all {
		if err != nil {
			var line *upstream.LineError
			if !errors.As(err, &line) || u != nil {
				t.Fatalf("got %v with error %v", u, err)
			}
			continue
		}
		if seen[u.ID] {
			t.Fatalf("%s came twice", u.ID)
		}
		seen[u.ID] = true
		if u.Folder != "" || u.Delisted != "" {
			t.Fatalf("%s has folder %q and was delisted on %q", u.ID, u.Folder, u.Delisted)
		}
		for i := range u.Files {
			if _, err := upstream.FileName(u.Files[i].Name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := layout.AppendLine(nil, u); err != nil {
			t.Fatal(err)
		}
	}
}

// Corpora returns the folder of real data beside the project, or skips.
func Corpora(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("PATCHFERRY_CORPORA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		found := filepath.Join(dir, "shared", "corpora")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	t.Skip("SKIP: needs the corpora")
	return ""
}
