package s3

import (
	"context"
	"errors"
	"time"
)

// scratchFolder holds the keys of Probe. No key of the store lies in it.
const scratchFolder = "scratch"

// Probe is what an engine was found to honour.
type Probe struct {
	Engine string        // as it names itself; "" where it does not
	Skew   time.Duration // its clock less ours; exact to a second
	Checks []Check       // in the order in which they were made
}

// Result is what a check found.
type Result string

// The results.
const (
	Honoured Result = "honoured" // the engine does what is asked
	Missing  Result = "missing"  // it does not, and something else is done instead
	Broken   Result = "broken"   // it does not, and without it nothing is written
	Unknown  Result = "unknown"  // the check could not be made
)

// Check is one line of a Probe.
type Check struct {
	Name    string // stable, for machines: "create-only", "range", …
	Asks    string // what is asked of the engine, in words
	Result  Result
	Found   string // what was seen, where the engine does not honour it
	Instead string // what is done instead, or what to do
}

// Writable reports whether the engine is one to which a Bucket writes.
func (p *Probe) Writable() bool {
	for _, c := range p.Checks {
		if c.Result == Broken || c.Result == Unknown {
			return false
		}
	}
	return len(p.Checks) > 0
}

// Probe asks the engine, on scratch keys below the prefix that are removed
// afterwards, whether it does what a store needs. An error is one of reaching it;
// what it does not honour is in the Probe.
func (b *Bucket) Probe(ctx context.Context) (*Probe, error) { return nil, errors.New("not yet") }

// Sweep removes multipart uploads that were begun longer ago than olderThan and
// never ended, and the scratch keys of probes that were killed, and returns how
// many. By the engine's clock.
func (b *Bucket) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	return 0, errors.New("not yet")
}
