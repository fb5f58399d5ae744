package script_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute/script"
)

var updateSet = flag.Bool("updateset", false, "write the golden files again")

// TestFilesGolden holds what is written for the set with one item of each engine
// to the files in testdata/set, but for the scripts for cmd, which have a test
// of their own.
func TestFilesGolden(t *testing.T) {
	got := written(t, handMade(), script.Options{Title: "Updates", Ring: "production", Bases: []string{"http://server:8530"}})
	files, err := handMade().QuotingFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got[handMade().Place+"/"+f.Name] = string(f.Data)
	}
	for name, data := range got {
		if filepath.Ext(name) == ".cmd" {
			continue
		}
		path := filepath.Join("testdata", "set", filepath.FromSlash(name))
		if *updateSet {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(want), data); diff != "" {
			t.Errorf("%s (-want +got), rewrite it with -updateset:\n%s", name, diff)
		}
	}
}

// TestFilesAreTheSameAgain: a set gives the same bytes each time.
func TestFilesAreTheSameAgain(t *testing.T) {
	o := script.Options{Title: "Updates", Ring: "production", Bases: []string{"http://server:8530"}}
	if diff := cmp.Diff(written(t, handMade(), o), written(t, handMade(), o)); diff != "" {
		t.Errorf("other bytes (-first +second):\n%s", diff)
	}
}
