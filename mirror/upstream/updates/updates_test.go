package updates_test

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream/parsetest"
	"patchferry/mirror/upstream/updates"
)

func TestLimits(t *testing.T) {
	file := `{"url":"https://a.example/a.exe"},`
	tests := []struct{ name, line, err string }{
		{"long line", `{"id":"a","title":"` + strings.Repeat("x", updates.MaxLine) + `"}`, "longer than 1048576 bytes"},
		{"long id", `{"id":"` + strings.Repeat("x", 201) + `"}`, "id has 201 bytes, more than 200"},
		{"many files", `{"id":"a","files":[` + strings.TrimSuffix(strings.Repeat(file, 10_001), ",") + `]}`, "10001 files, more than 10000"},
		{"deep", `{"id":"a","products":` + strings.Repeat("[", 500_000), "exceeded max depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(parsetest.Render(t, updates.Parse(strings.NewReader(tt.line+"\n{\"id\":\"b\"}\n"), parsetest.List("l.jsonl"))))
			if !strings.HasPrefix(got, "error: line 1: ") || !strings.Contains(got, tt.err) || !strings.Contains(got, `"xp:b"`) {
				t.Errorf("got %.300q, want %q and then an update", got, tt.err)
			}
		})
	}
}

// TestEveryFieldHasAPlace holds the format to layout.Update: what a publisher
// may state can be stated, what is not for it to say cannot.
func TestEveryFieldHasAPlace(t *testing.T) {
	ours := map[string]bool{"folder": true, "delisted": true, "as": true, "held": true, "modified": true, "tag": true, "evidence": true,
		"package": true, "in": true, "from": true}
	check := func(typ reflect.Type, wrap func(member string) string) {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			got := string(parsetest.Render(t, updates.Parse(strings.NewReader(wrap(name)), parsetest.List("l.jsonl"))))
			unknown := strings.Contains(got, "unknown field") || strings.Contains(got, "stands twice")
			if name == "id" || name == "files" || name == "url" {
				continue
			}
			if unknown != ours[name] {
				t.Errorf("member %q: got %s", name, got)
			}
		}
	}
	check(reflect.TypeFor[layout.Update](), func(m string) string { return `{"id":"a","` + m + `":null}` })
	check(reflect.TypeFor[layout.Driver](), func(m string) string { return `{"id":"a","driver":{"` + m + `":null}}` })
	check(reflect.TypeFor[layout.Install](), func(m string) string { return `{"id":"a","install":{"` + m + `":null}}` })
	for list, typ := range map[string]reflect.Type{
		"codes": reflect.TypeFor[layout.ExitCode](), "keys": reflect.TypeFor[layout.InstalledKey](), "files": reflect.TypeFor[layout.InstalledFile](),
	} {
		check(typ, func(m string) string { return `{"id":"a","install":{"` + list + `":[{"` + m + `":null}]}}` })
	}
	check(reflect.TypeFor[layout.File](), func(m string) string {
		return `{"id":"a","files":[{"url":"https://a.example/a.exe","` + m + `":null}]}`
	})
}

// TestDocumented holds docs/source-updates.md to the format: its example
// parses, and it names every member that the example has.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../../docs/source-updates.md")
	if err != nil {
		t.Fatal(err)
	}
	var example []byte
	for rest := b; ; {
		_, after, found := bytes.Cut(rest, []byte("```json\n"))
		if !found {
			break
		}
		lines, more, _ := bytes.Cut(after, []byte("```"))
		example, rest = append(example, lines...), more
	}
	n := 0
	for _, err := range updates.Parse(bytes.NewReader(example), parsetest.List("l.jsonl")) {
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if n < 3 {
		t.Errorf("got %d updates in the examples, want at least 3", n)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[layout.Update](), reflect.TypeFor[layout.Driver](), reflect.TypeFor[layout.File](),
		reflect.TypeFor[layout.Install](), reflect.TypeFor[layout.ExitCode](), reflect.TypeFor[layout.InstalledKey](), reflect.TypeFor[layout.InstalledFile]()} {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !bytes.Contains(b, []byte("`"+name+"`")) {
				t.Errorf("member %q is not documented", name)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	parsetest.Seed(f, "testdata/*.jsonl")
	f.Add([]byte(`{"id":"a","files":[{"url":"https://a.example/a.exe"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		parsetest.Rules(t, updates.Parse(bytes.NewReader(b), parsetest.List("l.jsonl")))
	})
}
