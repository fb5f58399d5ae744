package verify_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/verify"
)

const pinText = `# the near side, read out by phone
9502BE22B4975112FBE0BFC98ADE1206AA55BC66 purpose=origin added-by="Ann Example" added-at=2026-11-20T08:30:00Z note="the \"big\" house"

  9502be22b4975112fbe0bfc98ade1206aa55bc66   purpose=bulletin	legacy source=ms-* not-before=1996-01-01 not-after=2011-01-01
`

func TestReadPins(t *testing.T) {
	pins, err := verify.ReadPins(strings.NewReader(pinText))
	if err != nil {
		t.Fatal(err)
	}
	var at layout.Time
	if err := at.UnmarshalText([]byte("2026-11-20T08:30:00Z")); err != nil {
		t.Fatal(err)
	}
	want := []verify.Pin{
		{Fingerprint: fpr4, Purpose: verify.PurposeOrigin, AddedBy: "Ann Example", AddedAt: at, Note: `the "big" house`},
		{Fingerprint: fpr4, Purpose: verify.PurposeBulletin, Legacy: true, Source: "ms-*", NotBefore: "1996-01-01", NotAfter: "2011-01-01"},
	}
	byTime := cmp.Comparer(func(a, b layout.Time) bool { return a == b })
	if diff := cmp.Diff(want, pins.All(), byTime); diff != "" {
		t.Error(diff)
	}
	if got := pins.For(verify.PurposeOrigin); len(got) != 1 || got[0].Note != `the "big" house` {
		t.Errorf("for origin: got %v", got)
	}
	if got := pins.For(verify.PurposeSite); len(got) != 0 {
		t.Errorf("for site: got %v, want none", got)
	}
	var b strings.Builder
	if _, err := pins.WriteTo(&b); err != nil || b.String() != pinText {
		t.Errorf("got back %q, %v, want the text as it was", b.String(), err)
	}
}

func TestReadPinsRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"line number":           {"# a\n\nnonsense\n", "line 3"},
		"key id":                {"8ADE1206AA55BC66 purpose=site", "key id"},
		"misprint":              {strings.Replace(fpr4, "FBE0", "FBEO", 1) + " purpose=site", "did you mean " + fpr4},
		"blanks in the digits":  {"9502 BE22 B497 5112 FBE0 BFC9 8ADE 1206 AA55 BC66 purpose=site", "4 digits"},
		"no purpose":            {fpr4, "purpose"},
		"unknown purpose":       {fpr4 + " purpose=everything", "everything"},
		"unknown member":        {fpr4 + " purpose=site colour=red", "colour"},
		"member twice":          {fpr4 + " purpose=site purpose=origin", "twice"},
		"unclosed quote":        {fpr4 + ` purpose=site note="x`, "note"},
		"no blank after quote":  {fpr4 + ` purpose=site note="x"y`, "note"},
		"legacy with a value":   {fpr4 + " purpose=bulletin legacy=yes", "legacy"},
		"legacy for our own":    {fpr4 + " purpose=site legacy", "legacy"},
		"source for our own":    {fpr4 + " purpose=origin source=x", "source"},
		"nameless destination":  {fpr4 + " purpose=destination", "needs source"},
		"many destinations":     {fpr4 + " purpose=destination source=plant-*", "is a pattern"},
		"date":                  {fpr4 + " purpose=site not-after=2011-02-30", "2011-02-30"},
		"dates in reverse":      {fpr4 + " purpose=site not-before=2012-01-01 not-after=2011-01-01", "later"},
		"time":                  {fpr4 + " purpose=site added-at=yesterday", "yesterday"},
		"the same pin twice":    {fpr4 + " purpose=site\n" + fpr4 + " purpose=site note=again", "line 2"},
		"a line without an end": {strings.Repeat("x", 100<<10), "line 1"},
		"too long":              {strings.Repeat("#\n", 600<<10), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			pins, err := verify.ReadPins(strings.NewReader(test.text))
			if err == nil {
				t.Fatalf("got %v, want an error", pins.All())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to say %q", err, test.want)
			}
		})
	}
}

func TestAddAndRemovePins(t *testing.T) {
	pins := &verify.Pins{}
	site := verify.Pin{Fingerprint: fpr4, Purpose: verify.PurposeSite, Note: "tab\tand \"quote\" and ä"}
	origin := verify.Pin{Fingerprint: fpr6, Purpose: verify.PurposeOrigin}
	both := verify.Pin{Fingerprint: fpr4, Purpose: verify.PurposeOrigin}
	for _, p := range []verify.Pin{site, origin, both} {
		if err := pins.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	for name, bad := range map[string]verify.Pin{
		"again":           site,
		"no fingerprint":  {Purpose: verify.PurposeSite},
		"lower case":      {Fingerprint: verify.Fingerprint(strings.ToLower(fpr6)), Purpose: verify.PurposeSite},
		"no purpose":      {Fingerprint: fpr6},
		"impossible date": {Fingerprint: fpr6, Purpose: verify.PurposeSite, NotAfter: "soon"},
	} {
		if err := pins.Add(bad); err == nil {
			t.Errorf("%s: it was added", name)
		}
	}
	var b strings.Builder
	if _, err := pins.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	back, err := verify.ReadPins(strings.NewReader(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	byTime := cmp.Comparer(func(a, b layout.Time) bool { return a == b })
	if diff := cmp.Diff(pins.All(), back.All(), byTime); diff != "" {
		t.Error(diff)
	}
	if n := pins.Remove(fpr4, verify.PurposeSite); n != 1 {
		t.Errorf("removed %d pins, want 1", n)
	}
	if n := pins.Remove(fpr4, verify.PurposeSite); n != 0 {
		t.Errorf("removed %d pins the second time, want 0", n)
	}
	if n := pins.Remove(fpr4, ""); n != 1 {
		t.Errorf("removed %d pins of any purpose, want 1", n)
	}
}

func TestPinFile(t *testing.T) {
	file := verify.PinFile{Path: filepath.Join(t.TempDir(), "pins.txt")}
	if _, err := file.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want one that matches fs.ErrNotExist", err)
	}
	add := func(p verify.Pin) func(*verify.Pins) error {
		return func(ps *verify.Pins) error { return ps.Add(p) }
	}
	if err := file.Update(t.Context(), add(verify.Pin{Fingerprint: fpr4, Purpose: verify.PurposeSite})); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := file.Update(t.Context(), add(verify.Pin{Fingerprint: fpr6, Purpose: verify.PurposeOrigin})); err != nil {
		t.Fatal(err)
	}
	pins, err := file.Load()
	if err != nil || len(pins.All()) != 2 {
		t.Fatalf("got %v, %v, want two pins", pins, err)
	}
	info, err := os.Stat(file.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want that of the file before", info.Mode(), err)
	}
	stop := errors.New("stop")
	err = file.Update(t.Context(), func(ps *verify.Pins) error {
		ps.Remove(fpr4, "")
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	if pins, err := file.Load(); err != nil || len(pins.All()) != 2 {
		t.Errorf("after a failed change: got %v, %v, want two pins", pins, err)
	}
	entries, err := os.ReadDir(filepath.Dir(file.Path))
	if err != nil || len(entries) != 2 || entries[0].Name() != ".lock" {
		t.Errorf("got %v, %v, want the pin file and the lock alone", entries, err)
	}
	if err := os.WriteFile(file.Path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := file.Update(t.Context(), func(*verify.Pins) error { return nil }); err == nil {
		t.Error("a damaged pin file was taken for an empty one")
	}
}

func FuzzReadPins(f *testing.F) {
	f.Add(pinText)
	f.Add(fpr4 + ` purpose=site note="\u00e4"`)
	f.Add("\x00\r\n#")
	f.Fuzz(func(t *testing.T, text string) {
		pins, err := verify.ReadPins(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		if _, err := pins.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		back, err := verify.ReadPins(strings.NewReader(b.String()))
		if err != nil || len(back.All()) != len(pins.All()) {
			t.Fatalf("%q does not come back: %v", text, err)
		}
	})
}
