package inspect_test

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"

	"patchferry/layout"
	"patchferry/mirror/inspect"
)

// harmless looks at a file, whatever it is, and demands that what is found can be
// written to a catalog, read back and printed.
func harmless(t *testing.T, b []byte, name string) {
	t.Helper()
	got, _ := inspect.File(bytes.NewReader(b), int64(len(b)), name) // most of it is damaged
	p := got.Package
	if p == nil {
		return
	}
	if len(p.Targets) > 256 {
		t.Errorf("%d targets", len(p.Targets))
	}
	for _, word := range append([]string{p.Title, p.Version, p.Engine, p.Identity, p.Product, p.Patch, p.Restart, p.Catalog}, p.Targets...) {
		if !utf8.ValidString(word) || utf8.RuneCountInString(word) > 5*201 {
			t.Errorf("%q is no word for a catalog", word)
		}
		for _, r := range word {
			if !unicode.IsPrint(r) {
				t.Errorf("%q has what is no character to print", word)
			}
		}
	}
	u := &layout.Update{ID: "a:b", Type: layout.Software, Files: []layout.File{{Name: "x", Kind: got.Kind, Package: p}}}
	line, err := layout.AppendLine(nil, u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := layout.ParseLine(line); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}

// FuzzPE looks at programs.
func FuzzPE(f *testing.F) {
	for _, p := range programs() {
		f.Add(p.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		harmless(t, append([]byte("MZ"), b[min(2, len(b)):]...), "setup.exe")
	})
}

// FuzzMSI looks at compound files.
func FuzzMSI(f *testing.F) {
	for _, name := range []string{"MSI", "MSI by content", "MSP", "transform", "document"} {
		f.Add(others()[name].bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		harmless(t, append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), b[min(8, len(b)):]...), "a.msi")
	})
}

// FuzzInspect looks at anything, by any name.
func FuzzInspect(f *testing.F) {
	for _, p := range others() {
		f.Add(p.bytes, p.name)
	}
	f.Fuzz(harmless)
}
