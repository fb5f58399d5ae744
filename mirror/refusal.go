package mirror

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"patchferry/layout"
)

// refusedFor is how long a refusal is remembered. The bytes may have been
// spoilt on the way, under the validators of the right ones.
const refusedFor = 24 * time.Hour

// refusal is what is remembered of a file whose bytes were not what the list
// states: as long as the publisher says that it is still the same file, it is
// not downloaded again at every sync only to be refused again. It is tried
// anew after a day, and by a sync with Recheck at once.
type refusal struct {
	Wanted     string            `json:"wanted"` // contentKey of what the list stated
	Validators layout.Validators `json:"validators"`
	Why        string            `json:"why"`
	At         layout.Time       `json:"at"`
}

// RefusedError says that a publisher still has the file that was refused.
type RefusedError struct {
	URL string
	Why string // as it was refused
	At  layout.Time
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is still the file that was refused at %s: %s; patchferry sync --recheck tries it at once, else it is tried again after a day", e.URL, e.At, e.Why)
}

// refusals gathers the refusals of one sync.
type refusals struct {
	forget time.Time // refusals from before count for nothing
	mu     sync.Mutex
	new    map[*listing]map[string]refusal // by URL
}

// validators returns what to ask with, so that a file which was refused for
// the same statement is not sent again.
func (r *refusals) validators(w *want) layout.Validators {
	known := w.from.mem.Refused[w.f.URL]
	if known.Wanted != contentKey(&w.f) || known.At.Time().Before(r.forget) {
		return layout.Validators{}
	}
	return known.Validators
}

// still returns the error of a file that was refused before and did not change.
func (r *refusals) still(w *want) error {
	known := w.from.mem.Refused[w.f.URL]
	r.add(w, known)
	return &RefusedError{URL: w.f.URL, Why: known.Why, At: known.At}
}

// note remembers a file with wrong bytes, if the publisher gave anything to
// know it again by.
func (r *refusals) note(w *want, got layout.Got, why error, now layout.Time) {
	var mismatch *layout.MismatchError
	if w.capture || got.Validators.IsZero() || !errors.As(why, &mismatch) {
		return
	}
	r.add(w, refusal{Wanted: contentKey(&w.f), Validators: got.Validators, Why: mismatch.Error(), At: now})
}

func (r *refusals) add(w *want, known refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.new == nil {
		r.new = map[*listing]map[string]refusal{}
	}
	if r.new[w.from] == nil {
		r.new[w.from] = map[string]refusal{}
	}
	r.new[w.from][w.f.URL] = known
}
