package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// Limits of what a Prover looks at and gathers.
const (
	// searchedEditions is how many generations are searched for a file, newest
	// first: one that was taken out of the catalog lately is still found.
	searchedEditions = 16
	maxMatches       = 1000
	maxBulletins     = 100
	maxChainStates   = 64
	maxChainBytes    = 16 << 20
)

// Prover gathers what a store has to re-check one file by hand: the signed
// documents that lead from the pinned keys to the file's digest, as stored. It
// only reads. All that it hands on was checked by Reader; who is given it need
// not believe that and can check it again.
//
// Find and Prove see the store as it was at the last call of Find. A Prover is
// for one goroutine.
type Prover struct {
	Reader *trusted.Reader
	Trust  *verify.Trust // the keys and pins that Reader believes in

	newest  *trusted.State
	origins *verify.Trust     // Trust with the rotations of newest followed
	turns   []verify.Rotation // of newest
	spans   []span            // newest first
	log     []layout.Digest   // of the states, newest first, back to the oldest of spans
}

// span is a run of states that publish the same generation.
type span struct {
	first, last uint64 // numbers of states
	ref         layout.SignedRef
	number      uint64 // of the generation
}

// ErrNoEdition is matched by the error of a search in a store that has no
// generation of its own.
var ErrNoEdition = errors.New("nothing was published yet")

// Match is a file that was asked for, as the newest generation that names it
// has it. It is valid until the next Find.
type Match struct {
	Update *layout.Update
	File   *layout.File // of Update; held, or only listed
	span   int
}

// Find returns the files that all names mean, each the id or KB article of an
// update, a SHA-256 or SHA-1, or a file name in any case; in the order of the
// catalog, at most 1,000. The newest generation that has any such file
// counts; the newest sixteen are searched. Held files come alone where there
// are any.
func (p *Prover) Find(ctx context.Context, names ...string) ([]Match, error) {
	if err := p.readLog(ctx); err != nil {
		return nil, err
	}
	asked := parseAsked(names)
	for i := range p.spans[:min(len(p.spans), searchedEditions)] {
		found, err := p.search(ctx, i, asked)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// readLog walks the log of states back from the newest, link by link, as far
// as generations are still kept. Which are is the newest state's word: what a
// prune under way has left of others does not count.
func (p *Prover) readLog(ctx context.Context) (err error) {
	p.spans, p.log = nil, nil
	if p.newest, err = p.Reader.Newest(ctx); err != nil {
		return fmt.Errorf("read the log of states: %w", err)
	}
	if p.newest == nil || p.newest.Generation == nil {
		return ErrNoEdition
	}
	if err := p.readRotations(ctx); err != nil {
		return err
	}
	kept := map[layout.SignedRef]bool{p.newest.Generation.Generation: true}
	for _, position := range p.newest.Kept {
		kept[position.Generation] = true
	}
	for state := p.newest; state.Generation != nil && kept[state.Generation.Generation]; {
		p.addToSpans(state)
		p.log = append(p.log, state.Digest)
		if state.Number == 1 {
			return nil
		}
		if state, err = p.before(ctx, state); err != nil {
			return err
		}
	}
	return nil
}

// before reads the state that another names as the one before it.
func (p *Prover) before(ctx context.Context, state *trusted.State) (*trusted.State, error) {
	number := state.Number - 1
	before, err := p.Reader.State(ctx, number)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &verify.TrustError{
			Code: verify.CodeRollback, Subject: fmt.Sprintf("state %d", number), Err: err,
			Reason: "it is missing from the log, from which nothing is ever removed", Next: "patchferry audit",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the log of states: %w", err)
	}
	if before.Digest != state.Previous {
		return nil, &verify.TrustError{
			Code: verify.CodeFork, Subject: fmt.Sprintf("state %d", number),
			Reason: fmt.Sprintf("its digest is %s, but the state after it names %s", before.Digest, state.Previous),
			Next:   "patchferry audit",
		}
	}
	return before, nil
}

func (p *Prover) addToSpans(state *trusted.State) {
	ref := state.Generation.Generation
	if n := len(p.spans); n > 0 && p.spans[n-1].ref == ref {
		p.spans[n-1].first = state.Number
		return
	}
	p.spans = append(p.spans, span{first: state.Number, last: state.Number, ref: ref, number: state.Generation.Number})
}

// search looks for what was asked for in one generation.
func (p *Prover) search(ctx context.Context, at int, names []asked) ([]Match, error) {
	var found []Match
	best := 0
	for line, err := range p.lines(ctx, at) {
		if err != nil {
			return nil, err
		}
		u, err := layout.ParseLine(line)
		if err != nil {
			return nil, fmt.Errorf("catalog of generation %d: %w", p.spans[at].number, err)
		}
		for i := range u.Files {
			fit := fits(names, u, &u.Files[i])
			if fit < best || fit == 0 || fit == best && len(found) == maxMatches {
				continue
			}
			if fit > best {
				found, best = nil, fit
			}
			found = append(found, Match{Update: u, File: &u.Files[i], span: at})
		}
	}
	return found, nil
}

// lines yields the lines of the catalog of a generation, each valid until the
// next one.
func (p *Prover) lines(ctx context.Context, at int) func(yield func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		gen, err := p.Reader.Generation(ctx, p.spans[at].ref)
		if err != nil {
			yield(nil, err)
			return
		}
		catalog, err := p.Reader.Catalog(ctx, gen)
		if err != nil {
			yield(nil, err)
			return
		}
		defer catalog.Close() // it was only read
		for line, err := range catalog.Lines() {
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// line returns the line of an update in a generation where it has the file
// with that digest held, else nil.
func (p *Prover) line(ctx context.Context, at int, id string, d layout.Digest) ([]byte, error) {
	for line, err := range p.lines(ctx, at) {
		if err != nil {
			return nil, err
		}
		if here, err := layout.LineID(line); err != nil || here != id {
			continue // a line without an id has ended the reading already
		}
		u, err := layout.ParseLine(line)
		if err != nil {
			return nil, fmt.Errorf("catalog of generation %d: %w", p.spans[at].number, err)
		}
		for i := range u.Files {
			if u.Files[i].Held && u.Files[i].SHA256 == d {
				return bytes.Clone(line), nil
			}
		}
		return nil, nil
	}
	return nil, nil
}

// Open reads an object that a proof names. The reader ends in an error unless
// the bytes are the ones named; until io.EOF nothing of them counts. The caller
// closes it.
func (p *Prover) Open(ctx context.Context, ref layout.ObjectRef) (io.ReadCloser, error) {
	in, err := p.Reader.Store.Open(ctx, ref.SHA256, 0, -1)
	if err != nil {
		return nil, err
	}
	return &checkedObject{layout.NewVerifyReader(in, ref.Size, ref.SHA256), in, ref}, nil
}

// checkedObject makes a refusal of bytes that are not the ones named.
type checkedObject struct {
	checked io.Reader
	io.Closer
	ref layout.ObjectRef
}

func (o *checkedObject) Read(b []byte) (int, error) {
	n, err := o.checked.Read(b)
	if wrong, ok := errors.AsType[*layout.MismatchError](err); ok {
		err = &verify.TrustError{
			Code: verify.CodeDigest, Subject: "object " + o.ref.SHA256.String(), Err: wrong,
			Reason: "the store holds other bytes under this name", Next: "patchferry audit",
		}
	}
	return n, err
}
