package layout_test

import (
	"bytes"
	"strings"
	"testing"

	"patchferry/layout"
)

func bound() *layout.Binding {
	return &layout.Binding{
		Format: layout.FormatBinding, Version: layout.Version, Source: "wu", Update: "wu:1", File: "a.exe", URL: "https://example.net/a.exe",
		Validators: layout.Validators{ETag: `"x"`}, SHA256: layout.Digest{1}, SHA1: layout.SHA1{2}, Size: 5, Tag: "0123-1",
		Evidence: layout.Evidence{Grade: layout.GradeChannel, Algorithm: "sha1", Weak: true},
	}
}

func TestBindingRoundTrip(t *testing.T) {
	want := bound()
	doc, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := layout.ParseBinding(doc)
	if err != nil {
		t.Fatal(err)
	}
	if *got != *want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseBindingRefuses(t *testing.T) {
	doc, err := bound().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new string }{
		"another format":    {"patchferry-binding", "patchferry-state"},
		"a later version":   {`"version": 1`, `"version": 2`},
		"an unknown member": {`"version": 1`, `"version": 1, "and": 1`},
		"a member twice":    {`"version": 1`, `"version": 1, "Version": 1`},
		"no update":         {`"wu:1"`, `"1"`},
		"no file":           {`"a.exe"`, `""`},
		"no URL":            {`"https://example.net/a.exe"`, `""`},
		"no digest":         {layout.Digest{1}.String(), strings.Repeat("0", 64)},
		"no SHA-1":          {"02" + strings.Repeat("0", 38), strings.Repeat("0", 40)},
		"a negative size":   {`"size": 5`, `"size": -5`},
		"nobody vouching":   {`"channel"`, `""`},
		"more behind it":    {"}\n", "}\n{}"},
		"too much":          {"}\n", "}" + strings.Repeat(" ", 64<<10)},
	} {
		changed := bytes.Replace(doc, []byte(c.old), []byte(c.new), 1)
		if name == "more behind it" || name == "too much" {
			changed = append(bytes.TrimSuffix(doc, []byte("}\n")), c.new...)
		}
		if bytes.Equal(changed, doc) {
			t.Errorf("%s: the document has no %q", name, c.old)
		}
		if got, err := layout.ParseBinding(changed); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
	if _, err := (&layout.Binding{}).Encode(); err == nil {
		t.Error("an empty binding is encoded")
	}
	long := bound()
	long.URL += strings.Repeat("a", 64<<10)
	if doc, err := long.Encode(); err == nil {
		t.Errorf("a binding of %d bytes is encoded, and would not be read", len(doc))
	}
}

func TestBindingKey(t *testing.T) {
	vouched := layout.File{Name: "a", URL: "u", SHA1: layout.SHA1{1}, Evidence: []layout.Evidence{{Grade: layout.GradeChannel}}}
	first := vouched
	first.Evidence = []layout.Evidence{{Grade: layout.GradeFirstUse}}
	key := func(change func(*layout.File), f layout.File) layout.Digest {
		change(&f)
		return layout.BindingKey("s:1", &f)
	}
	same := func(*layout.File) {}
	for _, f := range []layout.File{vouched, first} {
		if key(func(f *layout.File) { f.URL = "v" }, f) == key(same, f) {
			t.Error("another key does not follow from another URL")
		}
		if key(func(f *layout.File) { f.Name = "b" }, f) != key(same, f) {
			t.Error("the name by which hosts know it makes another key")
		}
	}
	stated := func(f *layout.File) { f.SHA256 = layout.Digest{3} }
	if key(stated, vouched) == key(same, vouched) {
		t.Error("a file that is stated anew has the old key")
	}
	if key(stated, first) != key(same, first) {
		t.Error("a list that nobody vouches for gets around the pin by stating another digest")
	}
	if layout.BindingKey("s:2", &vouched) == key(same, vouched) {
		t.Error("two updates have one key")
	}
}

func FuzzParseBinding(f *testing.F) {
	doc, err := bound().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"format":"patchferry-binding","version":1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := layout.ParseBinding(doc)
		if err != nil {
			return
		}
		again, err := got.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if back, err := layout.ParseBinding(again); err != nil || *back != *got {
			t.Fatalf("got %+v back, %v, want %+v", back, err, got)
		}
	})
}
