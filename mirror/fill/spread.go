package fill

import "time"

const (
	// spreadTime is how long more requests at once are tried.
	spreadTime = time.Second
	// spreadPause and longestSpreadPause bound the time between tries that did not help.
	spreadPause        = 5 * time.Second
	longestSpreadPause = time.Minute
	mostSpread         = 8
)

// spread finds out how many requests at once it takes to have all that an origin gives:
// one, unless it gives more to several.
type spread struct {
	more  int           // requests at once, less one
	base  float64       // rate with one less, while one more is tried; else 0
	at    time.Time     // when to look next
	pause time.Duration // after a try that does not help
}

// requests is how many there should be at once for what is read in order.
func (s *spread) requests() int { return s.more + 1 }

// helped is by how much the rate must have grown: by half of what one more request brings
// where each brings as much.
func (s *spread) helped() float64 { return 1 + 0.5/float64(s.requests()) }

// look is told of a rate, in bytes a second.
func (s *spread) look(rate float64, now time.Time) {
	switch {
	case s.at.IsZero():
		s.at, s.pause = now.Add(spreadTime), spreadPause
	case now.Before(s.at):
	case s.base != 0 && rate < s.base*s.helped():
		s.more--
		s.base = 0
		s.at, s.pause = now.Add(s.pause), min(2*s.pause, longestSpreadPause)
	case s.requests() < mostSpread:
		s.more++
		s.base = rate
		s.at = now.Add(spreadTime)
	default:
		s.base = 0
		s.at = now.Add(longestSpreadPause)
	}
}

// forget ends a try: what comes while an origin is away tells nothing.
func (s *spread) forget(now time.Time) {
	if s.base != 0 {
		s.more, s.base = s.more-1, 0
	}
	s.at = now.Add(spreadTime)
}
