package trusted_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// position puts a generation with updates, given as "id:revision", made so many
// hours after noon.
func (s *site) position(hours int, edit func(*layout.Generation), updates ...string) layout.Position {
	s.t.Helper()
	var b bytes.Buffer
	out, err := layout.NewCatalogWriter(&b)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, text := range updates {
		id, revision, _ := strings.Cut(text, "@")
		u := &layout.Update{ID: id, Type: layout.Software, Title: revision}
		line, err := layout.AppendLine(nil, u)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := out.WriteLine(line); err != nil {
			s.t.Fatal(err)
		}
	}
	sum, err := out.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	gen := &layout.Generation{
		Format: layout.FormatGeneration, Version: layout.Version, Number: 1, Created: layout.At(noon.Add(time.Duration(hours) * time.Hour)),
		Catalog: s.put(b.Bytes()), Lines: sum.Lines, Counts: layout.Counts{Updates: len(updates)},
	}
	if edit != nil {
		edit(gen)
	}
	return layout.Position{Number: 1, Created: gen.Created, Generation: s.signed(s.origin, gen)}
}

// log publishes one state after another.
func (s *site) log(changes ...func(*layout.State)) *trusted.State {
	s.t.Helper()
	w := s.writer()
	base, err := w.Reader.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, change := range changes {
		base, err = w.Publish(s.t.Context(), base, func(next *layout.State) error { change(next); return nil })
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return base
}

// shown returns the updates of a ring: "a:1@new a:2".
func (s *site) shown(state *trusted.State, ring string) (string, *trusted.Shown) {
	s.t.Helper()
	shown, err := s.reader().Shown(s.t.Context(), state, ring)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for u, err := range shown.Updates(s.t.Context()) {
		if err != nil {
			s.t.Fatal(err)
		}
		text := u.ID
		if u.Title != "" {
			text += "@" + u.Title
		}
		all = append(all, text)
	}
	return strings.Join(all, " "), shown
}

func stream(id string, p layout.Position) layout.Stream {
	return layout.Stream{ID: id, Epoch: 1, Seq: 1, Header: layout.DigestOf([]byte(id)), Position: p}
}

// TestARingShowsTheUnionOfStreams: of an update that two streams have the newer
// record counts; what their origins held back or revoked counts here, too.
func TestARingShowsTheUnionOfStreams(t *testing.T) {
	s := newSite(t)
	gone := layout.DigestOf([]byte("gone"))
	plant := s.position(2, func(g *layout.Generation) {
		g.HeldBack = []layout.HeldBack{{Update: "a:4", Reason: "by the origin"}}
	}, "a:1", "a:3@newer", "a:4")
	office := s.position(1, func(g *layout.Generation) {
		g.Revocations = []layout.Revoked{{SHA256: gone, Reason: "bad"}}
	}, "a:2", "a:3@older", "b:1")
	state := s.log(func(next *layout.State) {
		next.Streams = map[string]layout.Stream{"a-plant": stream("p", plant), "z-office": stream("o", office)}
		next.Revoked = []layout.Revoked{{SHA256: layout.DigestOf([]byte("here")), Reason: "bad here"}}
	})
	got, shown := s.shown(state, "test")
	if want := "a:1 a:2 a:3@newer b:1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(shown.Revoked) != 2 || shown.Held["a:4"].Reason != "by the origin" {
		t.Errorf("got %d revoked, held %v", len(shown.Revoked), shown.Held)
	}
	if newest := shown.Newest(); newest == nil || newest.Created != plant.Created {
		t.Errorf("the newest generation is %+v", newest)
	}
}

// TestAnOldRingObeysTheNewestState: what a ring shows is old, what keeps hosts
// from it is not.
func TestAnOldRingObeysTheNewestState(t *testing.T) {
	s := newSite(t)
	old, newer := s.position(1, nil, "a:1", "a:2@old", "a:3"), s.position(2, func(g *layout.Generation) {
		g.Revocations = []layout.Revoked{{SHA256: layout.DigestOf([]byte("gone")), Reason: "bad"}}
	}, "a:1@new", "a:2@new", "a:4@new")
	state := s.log(
		func(next *layout.State) { next.Generation = &old },
		func(next *layout.State) {
			next.Generation = &newer
			next.Rings = map[string]layout.Ring{
				"test":       {State: 2, Moved: 2},
				"production": {State: 1, Moved: 2, Updates: []layout.Picked{{Update: "a:2", State: 2, Moved: 2}, {Update: "a:4", State: 2, Moved: 2}}},
			}
			next.HeldBack = []layout.HeldBack{{Update: "a:1", Ring: "production", Reason: "not there"}}
		},
	)
	for _, tt := range []struct{ ring, want string }{
		{"test", "a:1@new a:2@new a:4@new"},
		{"production", "a:2@new a:3 a:4@new"},
		{"pilot", ""},
	} {
		got, shown := s.shown(state, tt.ring)
		if got != tt.want {
			t.Errorf("ring %s: got %s, want %s", tt.ring, got, tt.want)
		}
		if len(shown.Revoked) != 1 {
			t.Errorf("ring %s: got %d revocations, want that of the newest generation", tt.ring, len(shown.Revoked))
		}
	}
}

// TestTheDigestOfARing is equal for what shows the same, and for nothing else.
func TestTheDigestOfARing(t *testing.T) {
	s := newSite(t)
	one, two := s.position(1, nil, "a:1"), s.position(2, nil, "a:1", "a:2")
	before := s.log(func(next *layout.State) { next.Generation = &one })
	_, first := s.shown(before, "test")
	after := s.log(func(next *layout.State) { next.Why = "a lease" })
	if _, again := s.shown(after, "pilot"); again.Digest != first.Digest {
		t.Error("another state and ring with the same content have another digest")
	}
	digests := map[layout.Digest]string{first.Digest: "first"}
	for _, change := range []struct {
		name string
		edit func(*layout.State)
	}{
		{"another generation", func(next *layout.State) { next.Generation = &two }},
		{"an update held back", func(next *layout.State) { next.HeldBack = []layout.HeldBack{{Update: "a:1", Reason: "r"}} }},
		{"a file revoked", func(next *layout.State) { next.Revoked = []layout.Revoked{{SHA256: layout.DigestOf(nil)}} }},
		{"an update picked", func(next *layout.State) {
			next.Rings = map[string]layout.Ring{"test": {State: 1, Updates: []layout.Picked{{Update: "a:2", State: 3}}}}
		}},
		{"nothing shown", func(next *layout.State) { next.Rings = map[string]layout.Ring{"pilot": {State: 1}} }},
	} {
		_, shown := s.shown(s.log(change.edit), "test")
		if same, ok := digests[shown.Digest]; ok {
			t.Errorf("%s has the digest of %s", change.name, same)
		}
		digests[shown.Digest] = change.name
	}
}

func TestARingThatNamesWhatIsNotThereIsRefused(t *testing.T) {
	s := newSite(t)
	one := s.position(1, nil, "a:1")
	state := s.log(func(next *layout.State) {
		next.Generation = &one
		next.Rings = map[string]layout.Ring{"test": {Updates: []layout.Picked{{Update: "a:2", State: 1}}}}
	})
	shown, err := s.reader().Shown(t.Context(), state, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range shown.Updates(t.Context()) {
	}
	wantCode(t, err, verify.CodeCount)
}
