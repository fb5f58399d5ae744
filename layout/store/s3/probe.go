package s3

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// scratchFolder holds the keys of Probe. No key of the store lies in it, and no
// method but Probe and Sweep looks there.
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
	Broken   Result = "broken"   // it does not, and without it nothing is to be written
	Unknown  Result = "unknown"  // the check could not be made
)

// Check is one line of a Probe.
type Check struct {
	Name    string // stable, for machines: "create-only", "range", …
	Asks    string // what is asked of the engine, in words
	Result  Result
	Found   string // what was seen, where it is not honoured or not known
	Instead string // what is done instead, or what to do
}

// Writable reports whether all that a store cannot do without is honoured. What
// a Bucket itself refuses is less: to write where create-only writes are not.
func (p *Probe) Writable() bool {
	for _, c := range p.Checks {
		if c.Result == Broken || c.Result == Unknown {
			return false
		}
	}
	return len(p.Checks) > 0
}

// probe is a Probe that is being made.
type probe struct {
	bucket *Bucket
	folder string // of its scratch keys
	made   []string
}

func newProbe(b *Bucket) *probe {
	return &probe{bucket: b, folder: scratchFolder + "/" + strings.ToLower(rand.Text())}
}

// question is a check and what it means when the engine fails it. ask returns
// what was found instead of what is asked, "" where that is honoured.
type question struct {
	name, asks string
	failed     Result
	instead    string
	ask        func(*probe, context.Context) (found string, err error)
}

// questions returns all of them; what the later ones take for granted the first
// have asked.
func questions() []question {
	return []question{
		{"put-get", "what is written is read back the same", Broken, "do not use this engine", (*probe).putGet},
		{"empty", "an object of no bytes is one", Broken, "do not use this engine", (*probe).empty},
		{"missing-key", "a key that is not there is told from a bucket that is not", Broken, "do not use this engine, or what stands before it", (*probe).missingKey},
		{"digest", "bytes that are not those of the signed digest are refused", Missing, "sizes are compared after each write, and every object is checked when it is read", (*probe).wrongDigest},
		{"create-only", "a write with If-None-Match: * leaves what is there", Broken, "nothing is written: two servers could publish over each other", (*probe).createOnly},
		{"create-only-race", "of eight create-only writes at once one wins", Broken, "do not use this engine: two servers could publish over each other", (*probe).race},
		{"torn", "an upload that breaks off leaves no key", Broken, "do not use this engine", (*probe).torn},
		{"multipart", "an object sent in parts appears whole when it is completed, and not before", Broken, "do not use this engine", (*probe).multipart},
		{"multipart-digest", "a part that is not of the signed digest is refused", Missing, "sizes are compared after each write, and every object is checked when it is read", (*probe).partDigest},
		{"multipart-create-only", "completing an upload with If-None-Match: * leaves what is there", Missing, "it is harmless: a key is the digest of its object, so that another upload has the same bytes", (*probe).completeOnly},
		{"multipart-list", "uploads that never ended are listed", Missing, "let the engine remove them (a lifecycle rule, AbortIncompleteMultipartUpload)", (*probe).listUploads},
		{"range", "a range is answered with its bytes alone", Broken, "do not use this engine", (*probe).ranges},
		{"list", "keys are listed in order, from any key on, as soon as they are written", Broken, "do not use this engine", (*probe).order},
		{"delete", "a deleted key is gone, and deleting it again is no error", Broken, "do not use this engine", (*probe).deletes},
		{"clock", "the clocks differ by less than a minute", Missing, "set the clock that is wrong: from 15 minutes on every request is refused", (*probe).clock},
	}
}

// Probe asks the engine, on scratch keys below the prefix that are removed
// afterwards, whether it does what a store needs. An error is one of reaching it
// or of being allowed to write; what it does not honour is in the Probe. It
// sends some 11 MiB.
func (b *Bucket) Probe(ctx context.Context) (*Probe, error) {
	p := newProbe(b)
	result := new(Probe)
	first, err := p.meet(ctx)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", b.where(), err)
	}
	result.Engine, result.Skew = first.server, first.skew
	for _, q := range questions() {
		result.Checks = append(result.Checks, p.answer(ctx, q))
		if err := ctx.Err(); err != nil {
			break
		}
	}
	if err := p.clean(ctx); err != nil {
		return result, fmt.Errorf("probe %s: remove scratch keys: %w", b.where(), err)
	}
	return result, ctx.Err()
}

// answer makes one check.
func (p *probe) answer(ctx context.Context, q question) Check {
	c := Check{Name: q.name, Asks: q.asks, Result: Honoured}
	found, err := q.ask(p, ctx)
	switch {
	case err != nil:
		c.Result, c.Found, c.Instead = Unknown, err.Error(), "see why, then probe again"
	case found != "":
		c.Result, c.Found, c.Instead = q.failed, found, q.instead
	}
	return c
}

// meet writes the first scratch key and returns what the engine says of itself.
func (p *probe) meet(ctx context.Context) (exchange, error) {
	var met exchange
	err := p.bucket.request(ctx, "write a scratch key", func(ctx context.Context, _ attempt) error {
		_, err := p.bucket.putOnce(ctx, p.key("meet"), strings.NewReader("x"), 1, digestOf([]byte("x")))
		met = *known(ctx)
		return err
	})
	met.server = plain(met.server)
	return met, err
}

// key returns a scratch key and remembers to remove it.
func (p *probe) key(name string) string {
	key := p.folder + "/" + name
	p.made = append(p.made, key)
	return key
}

// clean removes the scratch keys, also where ctx has ended.
func (p *probe) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	for _, key := range p.made {
		if err := p.bucket.remove(ctx, "remove "+key, key); err != nil {
			return err
		}
	}
	return nil
}
