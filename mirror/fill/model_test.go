package fill

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"patchferry/layout"
)

// naive is a set of bytes, one by one.
type naive [256]bool

func (n *naive) set(s span, to bool) {
	for i := s.Start; i < s.End; i++ {
		n[i] = to
	}
}

// check compares a set with the model of it, in all that can be asked.
func (n *naive) check(t *testing.T, e extents) {
	t.Helper()
	if !e.valid(int64(len(n))) {
		t.Fatalf("%v is no set", e)
	}
	for i := 1; i < len(e); i++ {
		if e[i-1].End >= e[i].Start {
			t.Fatalf("%v: spans touch", e)
		}
	}
	var size int64
	for i := range int64(len(n)) {
		reach := i
		for reach < int64(len(n)) && n[reach] {
			reach++
		}
		if got := e.reach(i); got != reach {
			t.Fatalf("%v: reach of %d is %d, want %d", e, i, got, reach)
		}
		for _, end := range []int64{i + 1, 100, int64(len(n))} {
			want := span{reach, reach}
			for want.End < end && !n[want.End] {
				want.End++
			}
			if got := e.gap(i, end); got != want && (got.size() > 0 || want.size() > 0) {
				t.Fatalf("%v: gap from %d before %d is %v, want %v", e, i, end, got, want)
			}
		}
		if n[i] {
			size++
		}
	}
	if got := e.size(); got != size {
		t.Fatalf("%v: size %d, want %d", e, got, size)
	}
}

func FuzzExtents(f *testing.F) {
	f.Add([]byte{0, 10, 20, 0, 20, 30, 1, 15, 25, 0, 5, 200})
	f.Add([]byte{0, 1, 2, 0, 3, 4, 0, 5, 6, 0, 2, 5, 1, 0, 255})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var e extents
		var model naive
		for ; len(ops) >= 3; ops = ops[3:] {
			s := span{int64(ops[1]), int64(ops[2])}
			if ops[0]%2 == 0 {
				e.add(s)
			} else {
				e.remove(s)
			}
			model.set(s, ops[0]%2 == 0)
			model.check(t, e)
		}
	})
}

// FuzzPlan lets readers come, move and leave, and requests come in part, whole or not at
// all: no byte is asked for that is here or on its way, somebody who waits is helped as
// long as a request is free, and in the end all is here.
func FuzzPlan(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed), uint32(seed*1_000_003))
	}
	f.Fuzz(func(t *testing.T, seed uint64, most uint8, size uint32) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		p := plan{size: int64(size%20_000_000) + 1, most: int(most%16) + 1}
		m := planModel{t: t, p: &p, rnd: rnd}
		for range 300 {
			m.step()
		}
		m.wants = nil
		for range 100_000 {
			if p.here.reach(0) == p.size {
				return
			}
			m.issue()
			m.end(0, 1)
		}
		t.Fatalf("not done: here %v of %d", p.here, p.size)
	})
}

type planModel struct {
	t      *testing.T
	p      *plan
	rnd    *rand.Rand
	wants  []*want
	flying []span
}

func (m *planModel) step() {
	switch m.rnd.IntN(6) {
	case 0:
		at := m.rnd.Int64N(m.p.size)
		m.wants = append(m.wants, &want{at: at, end: at + 1 + m.rnd.Int64N(m.p.size-at)})
	case 1:
		if len(m.wants) > 0 {
			i := m.rnd.IntN(len(m.wants))
			m.wants[i] = m.wants[len(m.wants)-1]
			m.wants = m.wants[:len(m.wants)-1]
		}
	case 2:
		for _, w := range m.wants {
			if reach := m.p.here.reach(w.at); reach < w.end {
				w.at = max(w.at, reach)
			}
		}
	case 3:
		m.p.pace = pace{rate: float64(m.rnd.IntN(100_000_000)), came: m.rnd.Int64N(1 << 30), wait: time.Duration(m.rnd.IntN(int(time.Second)))}
	case 4:
		m.end(m.rnd.IntN(64), m.rnd.Float64())
	}
	m.issue()
}

// end lets one request end when a part of it is here.
func (m *planModel) end(which int, part float64) {
	if len(m.flying) == 0 {
		return
	}
	i := which % len(m.flying)
	s := m.flying[i]
	m.flying[i] = m.flying[len(m.flying)-1]
	m.flying = m.flying[:len(m.flying)-1]
	mid := s.Start + int64(part*float64(s.size()))
	if mid > s.Start {
		m.p.came(span{s.Start, mid})
	}
	m.p.ended(span{mid, s.End})
}

func (m *planModel) issue() {
	m.p.round++
	for {
		s, ok := m.p.next(m.wants)
		if !ok {
			break
		}
		if s.Start < 0 || s.End > m.p.size || s.size() <= 0 || s.size() > maxRequest*5/4 {
			m.t.Fatalf("asks for %v of %d", s, m.p.size)
		}
		if gap := m.p.covered.gap(s.Start, m.p.size); gap.Start != s.Start || gap.End < s.End {
			m.t.Fatalf("asks for %v again: %v", s, m.p.covered)
		}
		m.p.asked(s)
		m.flying = append(m.flying, s)
	}
	var coming int64
	for _, s := range m.flying {
		coming += s.size()
	}
	if m.p.flying != len(m.flying) || m.p.coming != coming {
		m.t.Fatalf("%d requests of %d bytes are on their way, the plan says %d of %d", len(m.flying), coming, m.p.flying, m.p.coming)
	}
	for _, w := range m.wants {
		if m.p.flying < m.p.most && m.p.covered.gap(w.at, w.end).Start == w.at {
			m.t.Fatalf("nothing helps one at %d, with %d of %d requests", w.at, m.p.flying, m.p.most)
		}
	}
	if m.p.flying == 0 && m.p.here.reach(0) < m.p.size {
		m.t.Fatalf("nothing is on its way: here %v of %d", m.p.here, m.p.size)
	}
}

// TestPlanOrder: what is asked for first.
func TestPlanOrder(t *testing.T) {
	const mib = 1 << 20
	fast := pace{rate: 50e6, came: 1 << 30, wait: 20 * time.Millisecond}
	tests := map[string]struct {
		pace  pace
		here  extents
		wants []want
		most  int
		want  []span
	}{
		"nobody waits: from the beginning": {pace: fast, want: []span{{0, 12_500_000}}},
		"the origin is not known yet":      {want: []span{{0, mib}, {mib, 2 * mib}}},
		"the lowest first, each to where the next waits": {
			pace:  fast,
			wants: []want{{at: 80 * mib, end: 81 * mib}, {at: 40 * mib, end: 100 * mib}, {at: 42 * mib, end: 43 * mib}},
			want:  []span{{40 * mib, 42 * mib}, {42 * mib, 43 * mib}, {80 * mib, 81 * mib}, {43 * mib, 43*mib + 12_500_000}},
		},
		"what is here is not asked for": {
			pace: fast, here: extents{{0, 10 * mib}, {11 * mib, 99 * mib}},
			wants: []want{{at: 0, end: 100 * mib}},
			want:  []span{{10 * mib, 11 * mib}, {99 * mib, 100 * mib}},
		},
		"a byte is asked for with its neighbours": {
			pace: fast, wants: []want{{at: 50 * mib, end: 50*mib + 1}}, most: 1,
			want: []span{{50 * mib, 50*mib + 64<<10}},
		},
		"more wait than can be helped": {
			pace: fast, most: 2,
			wants: []want{{at: 30 * mib, end: 40 * mib}, {at: 20 * mib, end: 30 * mib}, {at: 10 * mib, end: 20 * mib}, {at: 50 * mib, end: 60 * mib}},
			want:  []span{{10 * mib, 10*mib + 6_250_000}, {20 * mib, 20*mib + 6_250_000}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := plan{size: 100 * mib, most: max(test.most, 64*(1-min(test.most, 1))), pace: test.pace, round: 1}
			for _, s := range test.here {
				p.here.add(s)
				p.covered.add(s)
			}
			var wants []*want
			for i := range test.wants {
				wants = append(wants, &test.wants[i])
			}
			for i, w := range test.want {
				got, ok := p.next(wants)
				if !ok || got != w {
					t.Fatalf("request %d: got %v, %t, want %v", i, got, ok, w)
				}
				p.asked(got)
			}
		})
	}
}

// TestPlanTurns: one who began to wait before others is helped before them, wherever.
func TestPlanTurns(t *testing.T) {
	p := plan{size: 100 << 20, most: 1, pace: pace{rate: 50e6, came: 1 << 30}, round: 1}
	late := &want{at: 90 << 20, end: 100 << 20}
	wants := []*want{{at: 10 << 20, end: 20 << 20}, late}
	for p.round = 1; p.round < 10; p.round++ {
		s, ok := p.next(wants)
		if !ok {
			t.Fatal("nothing to ask for")
		}
		if s.Start == late.at {
			return
		}
		p.asked(s)
		p.came(s)
		p.ended(span{s.End, s.End})
		// Another comes, and waits for a lower byte.
		wants = append(wants, &want{at: s.Start - 1<<19, end: s.Start})
		wants[0].at = s.End
	}
	t.Error("one was never helped while others came")
}

// TestStated: all that is stated must be right.
func TestStated(t *testing.T) {
	got := layout.Got{Size: 5, SHA256: layout.Digest{1}, SHA1: layout.SHA1{2}, MD5: layout.MD5{3}}
	for name, s := range map[string]stated{
		"size":   {Size: 6},
		"sha256": {Size: 5, SHA256: layout.Digest{2}, SHA1: got.SHA1, MD5: got.MD5},
		"sha1":   {SHA256: got.SHA256, SHA1: layout.SHA1{3}},
		"md5":    {MD5: layout.MD5{4}},
	} {
		wrong, ok := errors.AsType[*layout.MismatchError](s.check(got))
		if !ok || wrong.What != name {
			t.Errorf("another %s: got %v", name, s.check(got))
		}
	}
	for _, s := range []stated{{}, {Size: 5, SHA256: got.SHA256, SHA1: got.SHA1, MD5: got.MD5}} {
		if err := s.check(got); err != nil {
			t.Errorf("%+v: got %v", s, err)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"format":1,"key":"` + string(bytes.Repeat([]byte("ab"), 32)) + `","size":10,"attempt":3,"etag":"\"x\"","here":[{"start":0,"end":5}]}`))
	f.Add([]byte(`{"format":1,"here":[{"start":5,"end":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := decodeJournal(bytes.NewReader(data))
		if err != nil || !j.usable(j.Stated) {
			return
		}
		last := int64(0)
		for _, s := range j.kept() {
			if s.Start < last || s.End <= s.Start || s.End > j.Size {
				t.Fatalf("usable, with bytes %v of %d", j.kept(), j.Size)
			}
			last = s.End
		}
	})
}

// TestSpread: more at once where that helps, and no more where it does not.
func TestSpread(t *testing.T) {
	for name, test := range map[string]struct {
		rate func(requests int) float64
		want int
	}{
		"the line is slow":        {func(int) float64 { return 50e6 }, 1},
		"each answer is slow":     {func(n int) float64 { return 5e6 * float64(n) }, mostSpread},
		"the line is four of one": {func(n int) float64 { return 5e6 * float64(min(n, 4)) }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			var s spread
			now := time.Unix(0, 0)
			tries := make(map[int]int)
			for range 20 * 60 { // a minute
				s.look(test.rate(s.requests()), now)
				tries[s.requests()]++
				now = now.Add(50 * time.Millisecond)
			}
			most := 0
			for n, times := range tries {
				if times > tries[most] {
					most = n
				}
			}
			if most != test.want {
				t.Errorf("mostly %d requests at once, want %d: %v", most, test.want, tries)
			}
		})
	}
	var s spread
	for now := time.Unix(0, 0); s.base == 0; now = now.Add(time.Second) {
		s.look(5e6, now)
	}
	s.forget(time.Unix(100, 0))
	if s.requests() != 1 || s.base != 0 {
		t.Errorf("after an origin was away: %+v", s)
	}
}

// TestPaceIsProven has the first bytes come out of buffers, faster than any line: no more
// is asked for at once than has come, or the reader of the first part would share the line
// with many parts that nobody waits for.
func TestPaceIsProven(t *testing.T) {
	p := plan{size: 1 << 30, most: 64, pace: pace{rate: 1.4e9, came: 1 << 20}, round: 1}
	for {
		s, ok := p.next(nil)
		if !ok {
			break
		}
		p.asked(s)
	}
	if p.coming > 4*firstRequest {
		t.Errorf("%d bytes are on their way after %d came", p.coming, p.pace.came)
	}
}
