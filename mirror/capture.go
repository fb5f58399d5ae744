package mirror

import (
	"sync"

	"patchferry/layout"
)

// captures remembers the validators of files that change in place, so that
// asking whether one changed costs a request and no download.
type captures struct {
	mu  sync.Mutex
	new map[*listing]map[string]layout.Validators
	// journal knows what a killed sync admitted.
	journal *admitted
}

// validators returns what to ask with: those of the last capture, if it is
// still held, or of one that a killed sync admitted.
func (c *captures) validators(w *want) layout.Validators {
	if before, ok := c.journal.find("capture:" + w.f.URL); ok {
		return before.Validators
	}
	if !w.f.Held {
		return layout.Validators{}
	}
	return w.from.mem.Captures[w.f.URL]
}

// got notes the validators of a new capture.
func (c *captures) got(w *want, got layout.Got) {
	if !w.capture {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.new[w.from] == nil {
		c.new[w.from] = map[string]layout.Validators{}
	}
	c.new[w.from][w.f.URL] = got.Validators
}

// folded notes the validators of what a host asked for, where it changes in place:
// from the next sync on it is asked whether it did.
func (l *listing) folded(f *layout.File, b *boundFile) {
	if f.Best().Grade != layout.GradeCapture || b.Validators.IsZero() {
		return
	}
	if l.mem.Captures == nil {
		l.mem.Captures = map[string]layout.Validators{}
	}
	l.mem.Captures[f.URL] = b.Validators
}

// fold moves the new validators into the memory of their source.
func (c *captures) fold(l *listing) {
	for url, v := range c.new[l] {
		if l.mem.Captures == nil {
			l.mem.Captures = map[string]layout.Validators{}
		}
		l.mem.Captures[url] = v
	}
}
