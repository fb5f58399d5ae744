package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/config"
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

func TestBadStreamsAreRefused(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"no name", "[[stream]]\nmode = \"diode\"\n", "stream[0].name"},
		{"a name that is no folder", "[[stream]]\nname = \"../x\"\n", "lower-case letters"},
		{"twice", "[[stream]]\nname = \"a\"\n[[stream]]\nname = \"a\"\n", "has this name already"},
		{"an unknown mode", "[[stream]]\nname = \"a\"\nmode = \"pigeon\"\n", "allowed: diode, receipt"},
		{"a destination twice", "[[stream]]\nname = \"a\"\naudience = [\"x\", \"x\"]\n", "each destination once"},
		{"a strange destination", "[[stream]]\nname = \"a\"\naudience = [\"Far Side\"]\n", "each destination once"},
		{"a selection", "[[stream]]\nname = \"a\"\n[stream.select]\nos = [\"windowsxp\"]\n", "select"},
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
