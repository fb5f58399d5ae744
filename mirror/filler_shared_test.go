package mirror_test

import (
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
)

// TestFillOfTwoUpdatesTellsBothTheSame lets hosts ask for one content under two
// updates while it comes, and under a third while the pool still has it: later each is
// told what its hosts were told then.
func TestFillOfTwoUpdatesTellsBothTheSame(t *testing.T) {
	s, listed, content := onDemand(t)
	f := s.filler()
	f.Pool.Linger = time.Hour
	listed.SHA256, listed.Size = layout.DigestOf(content), int64(len(content))
	as := func(update string) layout.Listed { return layout.Listed{Update: "pub:" + update, File: listed} }
	updates := []string{name(1), name(2), name(3)}
	told := make([][2]string, len(updates))
	ask := func(i int) {
		got, said, err := whole(t, f, as(updates[i]))
		if err != nil || string(got) != string(content) {
			t.Errorf("%s: got %d bytes, %v", updates[i], len(got), err)
		}
		told[i] = said
	}
	var wg sync.WaitGroup
	wg.Go(func() { ask(0) })
	wg.Go(func() { ask(1) })
	wg.Wait()
	s.until(func() bool { return s.bindings() == 2 })
	ask(2)
	if got := s.bindings(); got != 3 {
		t.Fatalf("there are %d bindings, want one for each update", got)
	}
	for i, u := range updates {
		_, later, err := whole(t, &mirror.Filler{Mirror: s.Mirror}, as(u)) // one that has only the store
		if err != nil || later != told[i] || told[i] != told[0] {
			t.Errorf("hosts of %s were told %v, and are told %v (%v)", u, told[i], later, err)
		}
	}
}
