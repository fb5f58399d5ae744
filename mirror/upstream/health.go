package upstream

import (
	"errors"
	"sync"
)

// health notes which hosts have been failing. A host that is down would else
// cost every file of a long list all its retries, days in sum, and a server
// that is overloaded would be asked many times over.
type health struct {
	most   int // failures in a row after which a host is taken to be down
	mu     sync.Mutex
	failed map[string]int
}

func newHealth(most int) *health { return &health{most: most, failed: map[string]int{}} }

// down reports whether a file of host gets one attempt only. The attempt is
// still made: the first that succeeds brings the host back.
func (h *health) down(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed[host] >= h.most
}

// note takes the outcome of a fetch and reports whether host went down by it.
func (h *health) note(host string, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !unreachable(err) {
		h.failed[host] = 0
		return false
	}
	h.failed[host]++
	return h.failed[host] == h.most
}

// unreachable reports whether err says that the host did not do its work, as
// opposed to work that was not what was wanted.
func unreachable(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code >= 500 || status.Code == 429
	}
	var transport *transportError
	return errors.As(err, &transport)
}

// transportError is the end of a request without an answer.
type transportError struct{ err error }

func (e *transportError) Error() string { return e.err.Error() }
func (e *transportError) Unwrap() error { return e.err }

// Temporary is true: what would come again is no transportError (see final).
func (e *transportError) Temporary() bool { return true }
