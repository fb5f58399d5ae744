package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/configs"
)

// TestExamplesLoad loads the examples as they are, and with every setting that
// is commented out in force.
func TestExamplesLoad(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "configs", "*.toml"))
	if err != nil || len(names) < 2 {
		t.Fatalf("examples: %v, %v", names, err)
	}
	setting := regexp.MustCompile(`(?m)^#([a-z[])`)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			load(t, string(content))
			all := load(t, setting.ReplaceAllString(string(content), "$1"))
			if len(all.Sources) == 0 && all.Role != config.Far {
				t.Error("the example shows no source")
			}
			if all.Deadlines != config.Default().Deadlines {
				t.Errorf("the example shows the deadlines %+v, the default is %+v", all.Deadlines, config.Default().Deadlines)
			}
		})
	}
}

// TestNearShowsDefaults holds the values that the example shows for limits to
// the defaults that they are said to be.
func TestNearShowsDefaults(t *testing.T) {
	shown := regexp.MustCompile(`(?m)^#((?:connections|per_host|stall|stale|retries|max_requests|drain|keep|grace|timeout) = .*)$`)
	defaults := make(map[string]string)
	for _, k := range config.Keys() {
		defaults[k.Name[strings.LastIndexByte(k.Name, '.')+1:]] = k.Default
	}
	found := shown.FindAllStringSubmatch(configs.Near, -1)
	if len(found) != 10 {
		t.Fatalf("got %d settings, want 10: %q", len(found), found)
	}
	for _, m := range found {
		key, value, _ := strings.Cut(m[1], " = ")
		if defaults[key] != value {
			t.Errorf("%s: the example shows %s, the default is %s", key, value, defaults[key])
		}
	}
}
