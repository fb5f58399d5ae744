package bulletin_test

import (
	"errors"
	"regexp"
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/verify/bulletin"
)

// FuzzParse holds Parse to its promises on texts of every kind.
func FuzzParse(f *testing.F) {
	for _, text := range samples(f) {
		f.Add(text)
	}
	f.Add("{\"document\":{\"category\":\"a\",\"csaf_version\":\"2.0\",\"tracking\":{\"id\":\"\xff\"}}}")
	f.Add("Microsoft Security Bulletin (MS00-000)\n\n\n")
	f.Add("Microsoft Security Bulletin (MS00-000)\n\n\nhttp://a/\u3000b/ms00-000.asp\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := bulletin.Parse(text)
		if len(got) == 0 && err == nil {
			t.Fatal("neither bulletins nor an error")
		}
		if errors.Is(err, bulletin.ErrUnknown) && len(got) > 0 {
			t.Fatal("bulletins of an unknown form")
		}
		check(t, got)
		again, _ := bulletin.Parse(text)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatalf("the same text says two things:\n%s", diff)
		}
	})
}

var (
	kbForm  = regexp.MustCompile(`^[0-9]{5,7}$`)
	cveForm = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,7}$`)
	msForm  = regexp.MustCompile(`^MS[0-9]{2}-[0-9]{3}$`)
	urlForm = regexp.MustCompile(`(?i)^(https?://[^\s<>"]+)?$`)
)

// check holds bulletins to the limits that the package states, written down
// once more so as not to believe it.
func check(t *testing.T, all []layout.Bulletin) {
	t.Helper()
	names := make(map[string]bool)
	if len(all) > 5000 {
		t.Fatalf("%d bulletins", len(all))
	}
	for i := range all {
		b := &all[i]
		if names[b.Name] || b.Name == "" {
			t.Fatalf("name %q is empty or stands twice", b.Name)
		}
		names[b.Name] = true
		shown(t, 100, b.Name)
		shown(t, 500, b.Title)
		shown(t, 20, b.Revision)
		shown(t, 500, b.URL)
		shown(t, 200, b.Products...)
		for _, d := range []layout.Date{b.Released, b.Revised} {
			if _, err := layout.ParseDate(string(d)); d != "" && err != nil {
				t.Fatal(err)
			}
		}
		if b.Severity != "" && b.Severity.Rank() == 5 {
			t.Fatalf("severity %q", b.Severity)
		}
		listed(t, "KB", b.KBs, 2000, kbForm)
		listed(t, "CVE", b.CVEs, 2000, cveForm)
		listed(t, "superseded", b.Supersedes, 500, msForm)
		if len(b.Products) > 200 || len(b.Files) > 10000 || !urlForm.MatchString(b.URL) {
			t.Fatalf("%d products, %d files, URL %q", len(b.Products), len(b.Files), b.URL)
		}
		for j, file := range b.Files {
			shown(t, 500, file.Name)
			if file.SHA256.IsZero() && file.Name == "" || j > 0 && b.Files[j-1].Name >= file.Name {
				t.Fatalf("file %q is out of order", file.Name)
			}
		}
	}
	n := &layout.Notice{ID: "s:n", Verdict: layout.Valid, Original: layout.ObjectRef{SHA256: layout.DigestOf(nil)}, Bulletins: all}
	line, err := layout.AppendNotice(nil, n)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := layout.ParseNotice(line); err != nil || len(back.Bulletins) != len(all) {
		t.Fatalf("a notice of it cannot be read back: %v", err)
	}
}

func shown(t *testing.T, limit int, all ...string) {
	t.Helper()
	for _, s := range all {
		unseen := func(r rune) bool {
			return !unicode.IsGraphic(r) || r == utf8.RuneError || unicode.IsSpace(r) && r != ' '
		}
		if len(s) > limit || !utf8.ValidString(s) || slices.ContainsFunc([]rune(s), unseen) {
			t.Fatalf("%q may not be shown", s)
		}
	}
}

func listed(t *testing.T, what string, all []string, limit int, form *regexp.Regexp) {
	t.Helper()
	if len(all) > limit || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Fatalf("%s: %d, or not sorted and distinct", what, len(all))
	}
	for _, s := range all {
		if !form.MatchString(s) {
			t.Fatalf("%s %q", what, s)
		}
	}
}
