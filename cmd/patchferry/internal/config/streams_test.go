package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

func TestStreams(t *testing.T) {
	l := load(t, `
[[stream]]
name = "labs"
audience = ["lab-1", "lab-2"]
mode = "receipt"
overlap = "30d"
every = "7d"
`)
	got, ok := l.Stream("labs")
	const day = config.Duration(24 * time.Hour)
	want := config.Stream{Name: "labs", Audience: []string{"lab-1", "lab-2"}, Mode: "receipt", Overlap: 30 * day, Every: 7 * day}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("stream labs, %t (-want +got):\n%s", ok, diff)
	}
	if got, ok := l.Stream("main"); !ok || got.Name != "main" {
		t.Errorf("the stream main is there without a table: got %+v, %t", got, ok)
	}
	if _, ok := l.Stream("lab"); ok {
		t.Error("a stream that nobody named is there")
	}
	if diff := cmp.Diff([]string{"main", "labs"}, l.StreamNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestSelectionOfAStream: it has the words of [select], and is not narrowed or
// replaced by it.
func TestSelectionOfAStream(t *testing.T) {
	l := load(t, `
[select]
languages = ["EN"]

[[stream]]
name = "all"

[[stream]]
name = "labs"
[stream.select]
os = ["windowsxp"]
classifications = ["security_update"]
since = "2004-01-01"
exclude = ["kb835732"]
`)
	all, _ := l.Stream("all")
	if sel := all.Selection(); !sel.IsZero() {
		t.Errorf("a stream without a selection selects %+v", sel)
	}
	labs, _ := l.Stream("labs")
	want := layout.Selection{
		OS: []layout.OS{"windowsxp"}, Classifications: []layout.Classification{"security_update"},
		Since: "2004-01-01", Exclude: []string{"kb835732"},
	}
	if diff := cmp.Diff(want, labs.Selection()); diff != "" {
		t.Errorf("selection (-want +got):\n%s", diff)
	}
}

func TestBadStreamsAreRefused(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"no name", "[[stream]]\nmode = \"diode\"\n", "stream[0].name"},
		{"a name that is no folder", "[[stream]]\nname = \"../x\"\n", "lower-case letters"},
		{"twice", "[[stream]]\nname = \"a\"\n[[stream]]\nname = \"a\"\n", "has this name already"},
		{"an unknown mode", "[[stream]]\nname = \"a\"\nmode = \"pigeon\"\n", "allowed: diode, receipt"},
		{"a destination twice", "[[stream]]\nname = \"a\"\naudience = [\"x\", \"x\"]\n", "each destination once"},
		{"a strange destination", "[[stream]]\nname = \"a\"\naudience = [\"Far Side\"]\n", "each destination once"},
		{"a selection of an unknown system", "[[stream]]\nname = \"a\"\n[stream.select]\nos = [\"windowsxq\"]\n", "stream[0].select.os"},
		{"a selection of no days", "[[stream]]\nname = \"a\"\n[stream.select]\nsince = \"2020-02-02\"\nuntil = \"2020-02-01\"\n", "lies before since"},
		{"a pattern that matches nothing", "[[stream]]\nname = \"a\"\n[stream.select]\nexclude = [\"[\"]\n", "syntax error"},
		{"an unknown word of a selection", "[[stream]]\nname = \"a\"\n[stream.select]\ncolour = \"red\"\n", "colour"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "patchferry.toml")
			if err := os.WriteFile(name, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(config.Request{File: name, Dir: t.TempDir()})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}
