package layout_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

func state(t testing.TB) *layout.State {
	t.Helper()
	ref := layout.ObjectRef{SHA256: layout.DigestOf([]byte("x")), Size: 1}
	at := layout.At(layout.Date("2026-11-22").Time())
	position := layout.Position{Number: 3, Created: at, Generation: layout.SignedRef{Document: ref, Signature: ref}}
	return &layout.State{
		Format: layout.FormatState, Version: layout.Version, Number: 2, Previous: layout.DigestOf([]byte("1")),
		Writer: strings.Repeat("0", 32), Actor: "op", At: at, Why: "sync <xp> & more",
		Generation: &position,
		Streams:    map[string]layout.Stream{"plant": {ID: "i", Epoch: 1, Seq: 42, Position: position}, "Main": {ID: "j"}},
		Rings:      map[string]layout.Ring{"test": {State: 1}},
		HeldBack:   []layout.HeldBack{{Update: "a:1", Reason: "r", Actor: "op", At: at}},
		Leases:     []layout.Lease{{ID: "l", Holder: "h", Why: "export", From: 2, Expires: at}},
		Prune:      &layout.PrunePlan{ID: "p", Objects: ref, Count: 1, Bytes: 2, At: at},
	}
}

func generation() *layout.Generation {
	return &layout.Generation{
		Format: layout.FormatGeneration, Version: layout.Version, Number: 7, Created: layout.At(layout.Date("2026-11-22").Time()),
		Catalog: layout.ObjectRef{SHA256: layout.DigestOf([]byte("c")), Size: 9}, Counts: layout.Counts{Updates: 1, Files: 2},
		Revocations: []layout.Revoked{{Reason: "bad"}},
	}
}

func TestDocumentsRoundTrip(t *testing.T) {
	t.Run("state", func(t *testing.T) {
		want := state(t)
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if b[len(b)-1] != '\n' || !bytes.Contains(b, []byte("\n  \"number\": 2,\n")) || !bytes.Contains(b, []byte("<xp> &")) {
			t.Errorf("state is not plain indented JSON with a newline at its end:\n%s", b)
		}
		got, err := layout.ParseState(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(layout.Time{})); diff != "" {
			t.Errorf("state changed (-want +got):\n%s", diff)
		}
	})
	t.Run("generation", func(t *testing.T) {
		want := generation()
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := layout.ParseGeneration(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(layout.Time{})); diff != "" {
			t.Errorf("generation changed (-want +got):\n%s", diff)
		}
	})
}

func TestParseStateRefuses(t *testing.T) {
	good, err := state(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string {
		s := strings.Replace(string(good), old, new, 1)
		if s == string(good) {
			t.Fatalf("state has no %s", old)
		}
		return s
	}
	for name, in := range map[string]string{
		"nothing":             "",
		"null":                "null",
		"an array":            "[]",
		"another format":      change("patchferry-state", "patchferry-generation"),
		"no format":           change(`"format": "patchferry-state",`, ""),
		"a newer version":     change(`"version": 1`, `"version": 2`),
		"no version":          change(`"version": 1,`, ""),
		"no number":           change(`"number": 2`, `"number": 0`),
		"no previous":         change(`"previous":`, `"before":`),
		"first with previous": change(`"number": 2`, `"number": 1`),
		"a name twice":        change(`"actor":`, `"why": "other", "actor":`),
		"twice in capitals":   change(`"actor":`, `"NUMBER": 9, "actor":`),
		"twice below":         change(`"id": "i",`, `"id": "i", "id": "k",`),
		"two streams of one name": change(`"plant": {`, `"PLANT": {"id": "x", "epoch": 1, "seq": 1, "header": "`+
			strings.Repeat("0", 64)+`"}, "plant": {`),
		"bytes after":    string(good) + "x",
		"an object more": string(good) + "{}",
		"cut short":      string(good[:len(good)-4]),
		"too large":      change(`"why": "`, `"why": "`+strings.Repeat("x", 5<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := layout.ParseState([]byte(in)); err == nil {
				t.Errorf("got state %+v, want an error", s)
			}
		})
	}
	t.Run("a member of the future is ignored", func(t *testing.T) {
		if _, err := layout.ParseState([]byte(change(`"actor":`, `"new": {"a": [1, {"b": "c"}]}, "actor":`))); err != nil {
			t.Error(err)
		}
	})
}

func TestEncodeRefusesWhatParseWould(t *testing.T) {
	for name, s := range map[string]*layout.State{
		"no format":  {Version: 1, Number: 1},
		"no version": {Format: layout.FormatState, Number: 1},
		"no number":  {Format: layout.FormatState, Version: 1},
	} {
		if b, err := s.Encode(); err == nil {
			t.Errorf("%s: got %s, want an error", name, b)
		}
	}
	if b, err := new(layout.Generation).Encode(); err == nil {
		t.Errorf("empty generation: got %s, want an error", b)
	}
}

// TestManyNames looks for a name that stands twice among many, where they are
// found in another way than among few.
func TestManyNames(t *testing.T) {
	names := make([]string, 0, 200)
	for i := range 100 {
		names = append(names, `"s`+strings.Repeat("a", i)+`": {"state": 1}`)
	}
	doc := func(names []string) []byte {
		return []byte(`{"format": "patchferry-state", "version": 1, "number": 1, "rings": {` + strings.Join(names, ",") + `}}`)
	}
	if _, err := layout.ParseState(doc(names)); err != nil {
		t.Errorf("different names: %v", err)
	}
	if _, err := layout.ParseState(doc(append(names, `"SAA": {"state": 2}`))); err == nil {
		t.Error("a name twice among many was taken")
	}
}

func TestStateRoot(t *testing.T) {
	a := layout.ObjectRef{SHA256: layout.Digest{1}, Size: 10}
	b := layout.ObjectRef{SHA256: layout.Digest{2}, Size: 1 << 40}
	want := layout.DigestOf([]byte("01" + strings.Repeat("0", 62) + " 10\n02" + strings.Repeat("0", 62) + " 1099511627776\n"))
	got, err := layout.StateRoot(slices.Values([]layout.ObjectRef{a, b}))
	if err != nil || got != want {
		t.Errorf("StateRoot = %s, %v, want %s", got, err, want)
	}
	if got, err := layout.StateRoot(slices.Values([]layout.ObjectRef(nil))); err != nil || got != layout.DigestOf(nil) {
		t.Errorf("StateRoot of nothing = %s, %v, want the digest of nothing", got, err)
	}
	for name, refs := range map[string][]layout.ObjectRef{
		"out of order":   {b, a},
		"twice":          {a, a},
		"with two sizes": {a, {SHA256: a.SHA256, Size: 11}},
	} {
		if got, err := layout.StateRoot(slices.Values(refs)); err == nil {
			t.Errorf("%s: got %s, want an error", name, got)
		}
	}
}

func TestVerifyReader(t *testing.T) {
	const body = "the publisher's bytes"
	right := layout.DigestOf([]byte(body))
	broken := errors.New("line cut")
	for name, c := range map[string]struct {
		r    io.Reader
		size int64
		want layout.Digest
		what string // of the mismatch
		err  error
	}{
		"right":              {r: strings.NewReader(body), size: int64(len(body)), want: right},
		"byte by byte":       {r: iotest.OneByteReader(strings.NewReader(body)), size: int64(len(body)), want: right},
		"EOF with the last":  {r: iotest.DataErrReader(strings.NewReader(body)), size: int64(len(body)), want: right},
		"unknown size":       {r: strings.NewReader(body), size: -1, want: right},
		"too short":          {r: strings.NewReader(body[:5]), size: int64(len(body)), want: right, what: "size"},
		"too long":           {r: strings.NewReader(body + "x"), size: int64(len(body)), want: right, what: "size"},
		"endless":            {r: endless{}, size: 3, want: right, what: "size"},
		"wrong":              {r: strings.NewReader(strings.ToUpper(body)), size: int64(len(body)), want: right, what: "sha256"},
		"wrong, size open":   {r: strings.NewReader(body + "x"), size: -1, want: right, what: "sha256"},
		"nothing, as wanted": {r: strings.NewReader(""), size: 0, want: layout.DigestOf(nil)},
		"no digest":          {r: strings.NewReader(body), size: int64(len(body)), what: "sha256"},
		"broken":             {r: io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)), size: int64(len(body)), want: right, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			r := layout.NewVerifyReader(c.r, c.size, c.want)
			got, err := io.ReadAll(r)
			if c.size >= 0 && int64(len(got)) > c.size {
				t.Errorf("got %d bytes, more than %d", len(got), c.size)
			}
			var mismatch *layout.MismatchError
			switch {
			case c.err != nil:
				if !errors.Is(err, c.err) {
					t.Errorf("got %v, want %v", err, c.err)
				}
			case c.what == "":
				if err != nil || string(got) != body[:len(got)] {
					t.Errorf("got %q, %v, want the body", got, err)
				}
				return
			case !errors.As(err, &mismatch) || mismatch.What != c.what:
				t.Errorf("got %v, want a mismatch of %s", err, c.what)
			}
			if n, again := r.Read(make([]byte, 8)); n != 0 || again != err {
				t.Errorf("the next read gave %d, %v, want 0 and the same error", n, again)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func FuzzParseState(f *testing.F) {
	good, err := state(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"patchferry-state","version":1,"number":1,"rings":{"a\u0062":{},"ab":{}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := layout.ParseState(b)
		if err != nil {
			return
		}
		first, err := s.Encode()
		if err != nil {
			t.Skip(err) // grew beyond the limit
		}
		again, err := layout.ParseState(first)
		if err != nil {
			t.Fatalf("cannot read back %s: %v", first, err)
		}
		if second, err := again.Encode(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s, %v", first, second, err)
		}
	})
}

// FuzzParseGeneration: what is accepted is written and read again as the same.
func FuzzParseGeneration(f *testing.F) {
	good, err := os.ReadFile("../testdata/bundles/good-full/main-e001-s000001/vol-001-of-001/catalog/generation.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"patchferry-generation","version":1,"number":1,"number":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := layout.ParseGeneration(b)
		if err != nil {
			return
		}
		first, err := g.Encode()
		if err != nil {
			t.Skip(err) // grew beyond the limit
		}
		again, err := layout.ParseGeneration(first)
		if err != nil {
			t.Fatalf("cannot read back %s: %v", first, err)
		}
		if second, err := again.Encode(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s, %v", first, second, err)
		}
	})
}
