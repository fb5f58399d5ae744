package config_test

import (
	"encoding"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

func TestValues(t *testing.T) {
	size := func(s string) (any, error) { return parse[config.Size](s) }
	rate := func(s string) (any, error) { return parse[config.Rate](s) }
	rates := func(s string) (any, error) { return parse[config.Rates](s) }
	day, night := config.Window{From: 360, To: 1080}, config.Window{From: 1320, To: 390}
	span := func(s string) (any, error) { return parse[config.Duration](s) }
	window := func(s string) (any, error) { return parse[config.Window](s) }
	date := func(s string) (any, error) { return parse[config.Date](s) }
	tests := []struct {
		name  string
		parse func(string) (any, error)
		text  string
		want  any // nil: refused
	}{
		{"bytes", size, "4096", config.Size(4096)},
		{"power of ten", size, "10MB", config.Size(10_000_000)},
		{"power of two", size, "10MiB", config.Size(10 << 20)},
		{"fraction", size, "4.7GB", config.Size(4_700_000_000)},
		{"blank before the unit", size, "2 TiB", config.Size(2 << 40)},
		{"plain B", size, "12B", config.Size(12)},
		{"unknown unit", size, "10Q", nil},
		{"unit alone", size, "MB", nil},
		{"negative size", size, "-1MB", nil},
		{"fraction of a byte", size, "1.5", nil},
		{"beyond 63 bits", size, "9000000TB", config.Size(9_000_000 * 1_000_000_000_000)},
		{"far beyond 63 bits", size, "90000000TB", nil},
		{"not a number", size, "NaNMB", nil},
		{"infinite", size, "InfMB", nil},
		{"rate", rate, "512KiB/s", config.Rate(512 << 10)},
		{"no limit", rate, "0", config.Rate(0)},
		{"rate without time", rate, "10MB", nil},
		{"one rate", rates, "10MB/s", config.Rates{Always: 10_000_000}},
		{"no rates", rates, "", config.Rates{}},
		{"rates", rates, "20MB/s, 06:00-18:00 1MB/s,22:00-06:30 0", config.Rates{Always: 20_000_000, Times: []config.TimedRate{{day, 1_000_000}, {night, 0}}}},
		{"rate by day", rates, " 06:00-18:00  1MB/s ", config.Rates{Times: []config.TimedRate{{day, 1_000_000}}}},
		{"two rates", rates, "20MB/s, 1MB/s", nil},
		{"rates with a gap", rates, "20MB/s,, 06:00-18:00 1MB/s", nil},
		{"rate before its time", rates, "1MB/s 06:00-18:00", nil},
		{"rate of no time", rates, "06:00-06:00 1MB/s", nil},
		{"time without a rate", rates, "06:00-18:00", nil},
		{"Go span", span, "90s", config.Duration(90 * time.Second)},
		{"days", span, "30d", config.Duration(30 * 24 * time.Hour)},
		{"weeks", span, "2w", config.Duration(14 * 24 * time.Hour)},
		{"negative span", span, "-1h", nil},
		{"negative days", span, "-1d", nil},
		{"days beyond 63 bits", span, "4294967295d", nil},
		{"span without a unit", span, "30", nil},
		{"over midnight", window, "22:00-06:30", config.Window{From: 1320, To: 390}},
		{"empty window", window, "06:00-06:00", nil},
		{"hour 25", window, "25:00-06:00", nil},
		{"no end", window, "22:00", nil},
		{"day", date, "2004-08-25", config.Date("2004-08-25")},
		{"31 February", date, "2004-02-31", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.parse(tt.text)
			if tt.want == nil {
				if err == nil {
					t.Fatalf("%q is read as %v, want an error", tt.text, got)
				}
				if !strings.Contains(err.Error(), "allowed:") {
					t.Errorf("%q: %v: does not say what is allowed", tt.text, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

// TestRatesAreReadBack holds what is printed to what is read.
func TestRatesAreReadBack(t *testing.T) {
	for _, text := range []string{"0", "20MB/s", "20MB/s, 06:00-18:00 1MB/s", "06:00-18:00 1MB/s, 18:00-06:00 0", "1KiB/s, 22:00-06:00 0, 12:00-13:00 5kB/s"} {
		v, err := parse[config.Rates](text)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.(config.Rates).String(); got != text {
			t.Errorf("%q is printed as %q", text, got)
		}
	}
}

func parse[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](s string) (any, error) {
	var v T
	err := P(&v).UnmarshalText([]byte(s))
	return v, err
}

// TestKeysAreComplete holds the table of keys to the fields of Config: a key
// that is not in the table has no variable, no origin and no documentation.
func TestKeysAreComplete(t *testing.T) {
	var want []string
	leaves(reflect.TypeFor[config.Config](), "", &want)
	var got []string
	for _, k := range config.Keys() {
		got = append(got, k.Name)
		if k.Doc == "" || k.Env == "" || k.Default == "" {
			t.Errorf("key %s lacks documentation, variable or default: %+v", k.Name, k)
		}
	}
	less := cmp.Transformer("set", func(names []string) map[string]bool {
		set := make(map[string]bool)
		for _, n := range names {
			set[n] = true
		}
		return set
	})
	if diff := cmp.Diff(want, got, less); diff != "" {
		t.Errorf("keys (-fields +table):\n%s", diff)
	}
}

func leaves(typ reflect.Type, prefix string, names *[]string) {
	for f := range typ.Fields() {
		name := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			leaves(f.Type, prefix, names)
		case name == "":
		case reflect.PointerTo(f.Type).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
			*names = append(*names, prefix+name)
		case f.Type.Kind() == reflect.Struct:
			leaves(f.Type, prefix+name+".", names)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && isTable(f.Type.Elem()):
			leaves(f.Type.Elem(), prefix+name+".", names)
		default:
			*names = append(*names, prefix+name)
		}
	}
}

// isTable reports whether a type has keys of its own.
func isTable(typ reflect.Type) bool {
	for f := range typ.Fields() {
		if f.Tag.Get("toml") != "" {
			return true
		}
	}
	return false
}

// TestDefaultsAreWhatAnEmptyFileGives reads every default back from the form
// in which config show prints it.
func TestDefaultsAreWhatAnEmptyFileGives(t *testing.T) {
	var file strings.Builder
	for _, k := range config.Keys() {
		if !strings.HasPrefix(k.Name, "source.") && !strings.HasPrefix(k.Name, "stream.") && !strings.HasPrefix(k.Name, "prefetch.") && !strings.HasPrefix(k.Name, "override.") {
			file.WriteString(k.Name + " = " + k.Default + "\n")
		}
	}
	written := load(t, file.String())
	for _, s := range load(t, "").Settings() {
		for _, w := range written.Settings() {
			if w.Key == s.Key && w.Value != s.Value {
				t.Errorf("%s is %s by default, and %s when that is written", s.Key, s.Value, w.Value)
			}
		}
	}
}

func load(t *testing.T, content string) *config.Loaded {
	t.Helper()
	name := filepath.Join(t.TempDir(), "patchferry.toml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := config.Load(config.Request{File: name, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPrefetchOfASource(t *testing.T) {
	const source = "[[source]]\nkind = \"links\"\npath = \"x.txt\"\nname = "
	l := load(t, source+"\"all\"\n"+source+"\"some\"\nfill = \"on-demand\"\n"+source+"\"other\"\nfill = \"on-demand\"\n"+`
[[prefetch]]
severities = ["critical", "wichtig"]
[[prefetch]]
sources = ["some"]
products = ["windows 11"]
classifications = ["service_pack"]
`)
	critical := layout.Selection{Severities: []layout.Severity{layout.Critical, layout.Important}}
	packs := layout.Selection{Products: []string{"windows 11"}, Classifications: []layout.Classification{layout.ServicePack}}
	for name, want := range map[string][]layout.Selection{"all": nil, "some": {critical, packs}, "other": {critical}} {
		s, _ := l.Source(name)
		if diff := cmp.Diff(want, l.PrefetchOf(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	s := l.Settings()
	if !slices.ContainsFunc(s, func(s config.Setting) bool {
		return s.Key == "prefetch.2.products" && s.Value == `["windows 11"]` && s.Origin.Line > 0
	}) {
		t.Errorf("the settings do not name the rules: %+v", s)
	}
}

func TestSelectionOfASource(t *testing.T) {
	l := load(t, `
[select]
languages = ["EN", "de"]
since = "2001-01-01"
exclude = ["*beta*"]
[[source]]
name = "all"
kind = "links"
url = "https://a.example/x.txt"
[[source]]
name = "own"
kind = "links"
path = "x.txt"
[source.select]
languages = []
exclude = ["kb1*"]
`)
	tests := []struct {
		source string
		want   layout.Selection
	}{
		{"all", layout.Selection{Languages: []layout.Language{"EN", "DE"}, Since: "2001-01-01", Exclude: []string{"*beta*"}}},
		{"own", layout.Selection{Since: "2001-01-01", Exclude: []string{"kb1*"}}},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			s, ok := l.Source(tt.source)
			if !ok {
				t.Fatal("no such source")
			}
			if diff := cmp.Diff(tt.want, l.Selection(s)); diff != "" {
				t.Errorf("selection (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	l := load(t, "store = \"file:///srv/mirror\"\nkeys = \"/etc/keys\"\n")
	dir := filepath.Dir(l.File)
	for _, tt := range []struct{ name, got, want string }{
		{"URL", l.StorePath(), filepath.FromSlash("/srv/mirror")},
		{"relative to the file", l.WorkFile("mark.json"), filepath.Join(dir, "work", "mark.json")},
		{"absolute", l.KeyFile("pins"), filepath.FromSlash("/etc/keys/pins")},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// FuzzLoad feeds files to the whole of Load: it must refuse or accept, name
// the line of what it refuses, and never panic.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "role = \"near\"\n", "[[source]]\nname = \"a\"\nkind = \"links\"\nurl = \"https://h/a\"\n",
		"source = [{name = \"a\"}]\n", "[source.select]\n", "tls = {cert = \"a\"}\n", "a.b.c = 1\n[a]\n", "x = \"",
		"[[source]]\nselect.os = [\"windowsxp\"]\n[[source]]\n[source.select]\nsince = \"2001-01-32\"\n", "\xef\xbb\xbfrole=\"near\"",
		"[deadlines]\ncritical = { within = \"24h\", tested = \"2w\" }\n[deadlines.low]\nor_with = true\n", "deadlines.moderate.within = \"4mo\"\n",
		"[hooks]\non_bulletin = [\"a\", \"b\"]\non_stale = \"c\"\ntimeout = \"2m\"\n",
		"[[source]]\nname = \"a\"\nkind = \"csaf\"\nurls = [\"x\"]\nsigned = false\nprofile = \"historical\"\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		name := filepath.Join(dir, "patchferry.toml")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := config.Load(config.Request{File: name, Dir: dir})
		if err == nil {
			for _, s := range l.Settings() {
				if s.Key == "" || s.Value == "" {
					t.Errorf("setting without key or value: %+v", s)
				}
			}
			return
		}
		var problem *config.Error
		if !errors.As(err, &problem) {
			t.Errorf("error %v names no place", err)
		}
	})
}
