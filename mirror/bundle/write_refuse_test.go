package bundle_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

func TestWriteRefuses(t *testing.T) {
	origin := testKey(t, "origin")
	tests := []struct {
		name string
		edit func(*bundle.Content)
		want string
	}{
		{"no ids", func(c *bundle.Content) { c.Header.Origin = "" }, "ids"},
		{"an id that is none", func(c *bundle.Content) { c.Header.Bundle = "x" }, "UUID"},
		{"no seq", func(c *bundle.Content) { c.Header.Seq = 0 }, "from 1"},
		{"a name that is a path", func(c *bundle.Content) { c.Header.StreamName = "../x" }, "folder"},
		{"a name in capitals", func(c *bundle.Content) { c.Header.StreamName = "Main" }, "a-z"},
		{"a long name", func(c *bundle.Content) { c.Header.StreamName = strings.Repeat("a", 60) }, "64"},
		{"no time", func(c *bundle.Content) { c.Header.Created = layout.Time{} }, "time"},
		{"no catalog", func(c *bundle.Content) { c.Catalog = layout.ObjectRef{} }, "no catalog"},
		{"no generation", func(c *bundle.Content) { c.Generation.Document = nil }, "no generation"},
		{"another kind", func(c *bundle.Content) { c.Header.Kind = "some" }, "kind"},
		{"another state root", func(c *bundle.Content) { c.Header.StateRoot[0] ^= 1 }, "state root"},
		{"an object that is nowhere", func(c *bundle.Content) { c.Objects = nil }, "state root"},
		{"shipped and required", func(c *bundle.Content) { c.Requires = c.Objects }, "state root"},
		{"an unknown critical member", func(c *bundle.Content) { c.Header.Critical = []string{"teleport"} }, "teleport"},
		{"too many rotations", func(c *bundle.Content) { c.Rotations = make([]bundle.SignedDocument, 33) }, "33 rotations"},
		{"an empty rotation", func(c *bundle.Content) { c.Rotations = make([]bundle.SignedDocument, 1) }, "rotation 1"},
		{"a tool outside", func(c *bundle.Content) { c.Tools = []bundle.Tool{{Name: "../x"}} }, ".."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSample(t, origin, sampleOptions{sizes: []int{10}})
			tt.edit(s.content)
			w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}}
			if _, err := w.Write(t.Context(), t.TempDir(), s.content); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestNeverTwoHeaders: what was signed or finished under a name is completed
// with its own header or not at all.
func TestNeverTwoHeaders(t *testing.T) {
	origin := testKey(t, "origin")
	for _, finished := range []bool{false, true} {
		s := newSample(t, origin, sampleOptions{sizes: []int{10}})
		w := &bundle.Writer{Source: s.source}
		dir := t.TempDir()
		p, err := w.Prepare(t.Context(), dir, s.content)
		if err != nil {
			t.Fatal(err)
		}
		if err := bundle.AddSignature(t.Context(), p.Dir, origin, bundledAt); err != nil {
			t.Fatal(err)
		}
		if finished {
			if _, err := w.Finish(t.Context(), p.Dir); err != nil {
				t.Fatal(err)
			}
		}
		before := filesBelow(t, dir)
		other := newSample(t, origin, sampleOptions{sizes: []int{11}})
		w.Source = other.source
		if _, err := w.Prepare(t.Context(), dir, other.content); !errors.Is(err, bundle.ErrOtherHeader) {
			t.Errorf("finished %v: got %v, want ErrOtherHeader", finished, err)
		}
		if diff := cmp.Diff(before, filesBelow(t, dir)); diff != "" {
			t.Errorf("finished %v: the refused attempt changed it:\n%s", finished, diff)
		}
		s.content.Recorded, w.Source = p.Header, s.source
		again, err := w.Prepare(t.Context(), dir, s.content)
		if err != nil || string(again.Header) != string(p.Header) || again.Copied != 0 {
			t.Errorf("finished %v: again gives %+v, %v, want the same header and nothing copied", finished, again, err)
		}
	}
}

// TestRecordedHeaderIsKept: what was recorded is not replaced by another, even
// where the medium holds nothing any more.
func TestRecordedHeaderIsKept(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{10}})
	w := &bundle.Writer{Source: s.source}
	p, err := w.Prepare(t.Context(), t.TempDir(), s.content)
	if err != nil {
		t.Fatal(err)
	}
	s.content.Recorded = p.Header
	if _, err := w.Prepare(t.Context(), t.TempDir(), s.content); err != nil {
		t.Errorf("the same again: %v", err)
	}
	s.content.Header.ExpectedNext = layout.At(bundledAt.AddDate(1, 0, 0))
	if _, err := w.Prepare(t.Context(), t.TempDir(), s.content); !errors.Is(err, bundle.ErrOtherHeader) {
		t.Errorf("got %v, want ErrOtherHeader", err)
	}
}

func TestRecordFails(t *testing.T) {
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{10}})
	failure := errors.New("the store is full")
	w := &bundle.Writer{Source: s.source, Signers: []bundle.Signer{origin}, Record: func(context.Context, []byte) error { return failure }}
	dir := t.TempDir()
	if _, err := w.Write(t.Context(), dir, s.content); !errors.Is(err, failure) {
		t.Errorf("got %v, want %v", err, failure)
	}
	for name := range filesBelow(t, dir) {
		if strings.HasSuffix(name, bundle.HeaderSigFile) {
			t.Errorf("%s was signed before its header was recorded", name)
		}
	}
}
