package metalink_test

import (
	"bytes"
	"flag"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/metalink"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// render writes what a parser yields as catalog lines and lines of errors.
func render(t testing.TB, all iter.Seq2[*layout.Update, error]) []byte {
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

func list(name string) upstream.List {
	base, _ := url.Parse("https://lists.example.net/patches/" + name)
	return upstream.List{Source: "xp", Name: name, Base: base}
}

func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.meta[4l]*")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs (%v)", err)
	}
	for _, name := range inputs {
		if filepath.Ext(name) == ".golden" {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, metalink.Parse(bytes.NewReader(b), list(filepath.Base(name))))
			golden := name + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
