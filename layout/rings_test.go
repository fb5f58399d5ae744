package layout_test

import (
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
)

func TestARingShowsWhatItsEntrySays(t *testing.T) {
	published, empty := state(t), state(t)
	published.Rings, empty.Rings = nil, nil
	empty.Generation, empty.Streams = nil, nil
	moved := state(t)
	moved.Rings = map[string]layout.Ring{"test": {State: 1, Moved: 2}}
	for _, tt := range []struct {
		name  string
		state *layout.State
		ring  string
		want  uint64
	}{
		{"nobody uses rings", published, "pilot", 2},
		{"nothing was published", empty, "pilot", 0},
		{"it has an entry", moved, "test", 1},
		{"another has one", moved, "pilot", 0},
	} {
		if got := tt.state.Shows(tt.ring); got.State != tt.want || got.IsZero() != (tt.want == 0) {
			t.Errorf("%s: got %+v, want state %d", tt.name, got, tt.want)
		}
	}
}

func TestRing(t *testing.T) {
	r := layout.Ring{State: 3, Updates: []layout.Picked{{Update: "a:1", State: 7}, {Update: "a:2", State: 5}, {Update: "b:1", State: 7}}}
	if got, want := r.States(), []uint64{3, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("States: got %v, want %v", got, want)
	}
	for update, want := range map[string]uint64{"a:2": 5, "b:1": 7, "a:0": 3, "c": 3} {
		if got := r.From(update); got != want {
			t.Errorf("From(%s): got %d, want %d", update, got, want)
		}
	}
	other := r
	other.Updates = slices.Clone(r.Updates)
	other.Moved, other.Updates[0].Moved = 9, 9
	if !r.Same(other) {
		t.Error("who moved it makes it another")
	}
	other.Updates[0].State = 8
	if r.Same(other) {
		t.Error("an update of another state is the same")
	}
}

func TestStateRefusesRingsThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		name string
		ring layout.Ring
		want string
	}{
		{"a later state", layout.Ring{State: 3}, "names a later state"},
		{"moved later", layout.Ring{State: 1, Moved: 3}, "names a later state"},
		{"an update of a later state", layout.Ring{Updates: []layout.Picked{{Update: "a:1", State: 3}}}, "from state 3"},
		{"an update of no state", layout.Ring{Updates: []layout.Picked{{Update: "a:1"}}}, "from state 0"},
		{"unsorted updates", layout.Ring{Updates: []layout.Picked{{Update: "a:2", State: 1}, {Update: "a:1", State: 1}}}, "not sorted"},
		{"an update twice", layout.Ring{Updates: []layout.Picked{{Update: "a:1", State: 1}, {Update: "a:1", State: 2}}}, "not sorted"},
	} {
		s := state(t)
		s.Rings = map[string]layout.Ring{"test": tt.ring}
		if _, err := s.Encode(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestUpdateIsCalled(t *testing.T) {
	u := &layout.Update{ID: "xp:1", KB: "824146"}
	for name, want := range map[string]bool{
		"xp:1": true, "KB824146": true, "kb824146": true, "Q824146": true, "824146": true,
		"xp:2": false, "KB82414": false, "KB": false, "": false, "1": false,
	} {
		if got := u.Is(name); got != want {
			t.Errorf("Is(%q): got %v, want %v", name, got, want)
		}
	}
}
