package layout_test

import (
	"testing"
	"time"

	"patchferry/layout"
)

func TestStateNow(t *testing.T) {
	system := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	made := func(days ...int) *layout.State {
		s := &layout.State{Streams: make(map[string]layout.Stream)}
		for i, d := range days {
			s.Streams[string(rune('a'+i))] = layout.Stream{Created: layout.At(system.AddDate(0, 0, d))}
		}
		return s
	}
	for _, test := range []struct {
		name  string
		state *layout.State
		want  time.Time
	}{
		{"no state", nil, system},
		{"no stream", made(), system},
		{"all made before", made(-3, -1), system},
		{"one made after", made(-3, 2, 1), system.AddDate(0, 0, 2)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.state.Now(system); !got.Equal(test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
