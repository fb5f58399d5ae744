package script_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFilesAreDocumented: docs/install-files.md names every file of a set, every
// member of manifest.json and every column of updates.lst.
func TestFilesAreDocumented(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "install-files.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := handMade()
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, f := range files {
		words[f.Name] = true
	}
	var manifest map[string]any
	if err := json.Unmarshal([]byte(find(t, files, "manifest.json")), &manifest); err != nil {
		t.Fatal(err)
	}
	members(manifest, words)
	head, _, _ := strings.Cut(find(t, files, "updates.lst"), "\r\n")
	for column := range strings.SplitSeq(strings.TrimPrefix(head, "#"), "|") {
		words[column] = true
	}
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if !strings.Contains(string(data), "`"+word+"`") {
			t.Errorf("docs/install-files.md does not name `%s`", word)
		}
	}
}

// members collects the names of all members of JSON; exit codes are none.
func members(v any, names map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if strings.Trim(name, "-0123456789") != "" {
				names[name] = true
			}
			members(value, names)
		}
	case []any:
		for _, value := range v {
			members(value, names)
		}
	}
}
