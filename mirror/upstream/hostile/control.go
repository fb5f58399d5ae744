package hostile

import (
	"net/http"
	"slices"
)

// Span is a part [From, To) of a file, in bytes.
type Span struct{ From, To int64 }

// Down ends all answers under way and lets no new one begin: connections are
// closed without a word, until Up is called.
func (p *Publisher) Down() {
	p.mu.Lock()
	if fall := p.falling(); !closed(fall) {
		close(fall)
	}
	p.mu.Unlock()
	if p.server != nil {
		p.server.CloseClientConnections()
	}
}

// Up ends what Down began.
func (p *Publisher) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fall = nil
}

// falls is falling for who does not hold p.mu.
func (p *Publisher) falls() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.falling()
}

// falling returns the channel that is closed when the publisher goes down. p.mu is
// held.
func (p *Publisher) falling() chan struct{} {
	if p.fall == nil {
		p.fall = make(chan struct{})
	}
	return p.fall
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Spans returns what of a path was served, in the order of the requests; those that
// brought no byte of it are left out.
func (p *Publisher) Spans(path string) []Span {
	var all []Span
	for _, r := range p.Log() {
		if r.Path == path && r.Written > 0 && (r.Status == http.StatusOK || r.Status == http.StatusPartialContent) {
			all = append(all, Span{r.From, r.From + r.Written})
		}
	}
	return all
}

// Twice returns how many bytes of a path were served more than once, each time
// after the first counted.
func (p *Publisher) Twice(path string) int64 {
	spans := p.Spans(path)
	slices.SortFunc(spans, func(a, b Span) int { return int(a.From - b.From) })
	var twice, end int64
	for _, s := range spans {
		twice += max(min(end, s.To)-s.From, 0)
		end = max(end, s.To)
	}
	return twice
}
