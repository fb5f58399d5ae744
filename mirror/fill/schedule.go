package fill

import (
	"cmp"
	"time"
)

const (
	// firstRequest is what is asked for as long as nobody knows how fast the origin is:
	// more than a fast line brings while the next request is on its way.
	firstRequest = 1 << 20
	// minRequest and maxRequest bound the size of a request.
	minRequest = 256 << 10
	maxRequest = 16 << 20
	// leastPiece is the least that is asked for, however little somebody wants, so that
	// absurd ranges make neither absurd requests nor an endless map.
	leastPiece = 64 << 10
)

// pace is what was measured of an origin.
type pace struct {
	rate float64       // bytes a second, all requests together; 0: unknown
	wait time.Duration // from a request to its answer; 0: unknown
	came int64         // bytes so far, all requests together
	// spread is how many requests at once help.
	spread spread
}

// request is how much to ask for at once: what comes in a quarter of a second, in as many
// requests as help.
func (p *pace) request() int64 {
	if p.rate == 0 {
		return firstRequest
	}
	return min(max(int64(p.rate/4)/int64(p.spread.requests()), minRequest), maxRequest, p.proven())
}

// ahead is how much must be on its way so that the line is never idle while the next
// request travels.
func (p *pace) ahead() int64 {
	if p.rate == 0 {
		return 2 * firstRequest
	}
	return max(min(int64(p.rate*(100*time.Millisecond+2*p.wait).Seconds()), p.proven()), leastPiece)
}

// proven is the most to rely on a rate for: what is on its way at most doubles what has
// come, as the first bytes come out of buffers, and as if the line were without end.
func (p *pace) proven() int64 { return max(p.came, 2*firstRequest) }

// want is what one reader wants: the bytes [at, end), of which it waits for the first.
type want struct {
	at, end int64
	// round counts the schedules that were made before the one that found that nothing
	// helps this reader; 0: something did.
	round uint64
}

// plan decides what to ask an origin for next. It has no clock and no lock.
//
// Invariants: here is a part of covered; covered is what is here or was asked for.
type plan struct {
	size    int64 // of the file
	here    extents
	covered extents
	coming  int64 // bytes asked for that are not here yet
	flying  int   // requests
	most    int   // requests at once
	pace    pace
	round   uint64
	patient bool // only for those who wait: others are about to say what they want
}

// next returns what to ask for, or nothing: first for those whom nothing under way
// helps, in the order in which they began to wait, the lowest offset first among those
// who began together; then for those who soon get to the end of what is under way; then,
// so that the line is never idle, for the lowest bytes that are missing.
func (p *plan) next(wants []*want) (span, bool) {
	if p.flying >= p.most {
		return span{}, false
	}
	var best *want
	var bestGap span
	for _, w := range wants {
		gap := p.covered.gap(w.at, w.end)
		if gap.Start >= w.end {
			w.round = 0
			continue
		}
		if gap.Start != w.at {
			w.round = 0
		} else if w.round == 0 {
			w.round = p.round
		}
		if best == nil || p.before(w, gap, best, bestGap) {
			best, bestGap = w, gap
		}
	}
	if best != nil && (bestGap.Start == best.at || !p.patient && p.soon(bestGap.Start-best.at)) {
		return p.cut(bestGap, wants), true
	}
	if p.patient || !p.hungry() {
		return span{}, false
	}
	gap := p.covered.gap(0, p.size)
	if gap.size() <= 0 {
		return span{}, false
	}
	return p.cut(gap, wants), true
}

// soon reports whether one who has so many bytes before the next gap needs it filled now.
func (p *plan) soon(distance int64) bool {
	return distance <= p.pace.ahead() && p.hungry()
}

// hungry reports whether more should be on its way.
func (p *plan) hungry() bool {
	return p.coming < p.pace.ahead() || p.flying < p.pace.spread.requests()
}

// before reports whether w comes before o.
func (p *plan) before(w *want, gap span, o *want, other span) bool {
	urgent, otherUrgent := gap.Start == w.at, other.Start == o.at
	if urgent != otherUrgent {
		return urgent
	}
	if urgent {
		return cmp.Or(cmp.Compare(w.round, o.round), cmp.Compare(w.at, o.at)) < 0
	}
	return cmp.Or(cmp.Compare(gap.Start-w.at, other.Start-o.at), cmp.Compare(gap.Start, other.Start)) < 0
}

// cut makes one request of the beginning of a gap. It ends where somebody else waits, so
// that who waits for a later byte gets it at once and not after all before it.
func (p *plan) cut(gap span, wants []*want) span {
	most := p.pace.request()
	if n := int64(len(wants)); n > int64(p.most) {
		// More wait than can be served at once: smaller turns.
		most = max(most*int64(p.most)/n, minRequest)
	}
	free := p.covered.gap(gap.Start, p.size)
	s := span{gap.Start, min(gap.End, gap.Start+most)}
	if rest := gap.End - s.End; rest > 0 && rest < most/4 {
		s.End = gap.End
	}
	for _, w := range wants {
		if w.round != 0 && w.at >= s.Start+leastPiece && w.at < s.End {
			s.End = w.at
		}
	}
	s.End = min(max(s.End, s.Start+leastPiece), free.End)
	return s
}

// asked notes that s was asked for.
func (p *plan) asked(s span) {
	p.covered.add(s)
	p.coming += s.size()
	p.flying++
}

// came notes that s is here, of a request.
func (p *plan) came(s span) {
	p.here.add(s)
	p.coming -= s.size()
}

// ended notes that a request is over, of which rest did not come.
func (p *plan) ended(rest span) {
	p.flying--
	if rest.size() <= 0 {
		return
	}
	p.coming -= rest.size()
	p.covered.remove(rest)
	for _, h := range p.here { // a whole answer passes over what was here before
		p.covered.add(span{max(h.Start, rest.Start), min(h.End, rest.End)})
	}
}

// full reports whether all was asked for, or is here.
func (p *plan) full() bool { return p.covered.reach(0) >= p.size }
