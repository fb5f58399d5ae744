package mirror

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

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
	// Judged, where it is set, returns a notice as this side sees it: what came
	// over a gap is judged by its origin. nil takes the verdicts as recorded.
	Judged func(ctx context.Context, n *layout.Notice) (*layout.Notice, error)

	newest  *trusted.State
	origins *verify.Trust     // Trust with the rotations of newest followed
	turns   []verify.Rotation // of newest
	tracks  []track           // this side's own, or those of the streams that it follows, the newest generation first
	log     []layout.Digest   // of the states, newest first, back to the oldest of all tracks
}

// track is what was published of one source of generations.
type track struct {
	stream string // its UUID; empty: this side makes its own generations
	spans  []span // newest first
	ended  bool   // the walk through the log is past the oldest
	whole  bool   // nothing was published before the oldest
}

// span is a run of states that publish the same generation.
type span struct {
	first, last uint64 // numbers of states
	ref         layout.SignedRef
	number      uint64 // of the generation
}

// ErrNoEdition is matched by the error of a job that needs something published,
// in a store that publishes nothing.
var ErrNoEdition = errors.New("nothing was published yet")

// Match is a file that was asked for, as the newest generation that names it
// has it. It is valid until the next Find.
type Match struct {
	Update *layout.Update
	File   *layout.File // of Update; held, or only listed
	// Stream is the UUID of the stream that brought the update; empty where this
	// side makes its own generations.
	Stream string
	track  *track
	span   int
}

// Find returns the files that all names mean, each the id or KB article of an
// update, a SHA-256 or SHA-1, or a file name in any case; in the order of the
// catalog, at most 1,000. The newest generation that has any such file
// counts; the newest sixteen are searched, of every stream on a far side. Held
// files come alone where there are any. A file that several streams have comes
// once, from the one whose generation is the newest.
func (p *Prover) Find(ctx context.Context, names ...string) ([]Match, error) {
	if err := p.readLog(ctx); err != nil {
		return nil, err
	}
	s := &search{asked: parseAsked(names)}
	for i := range searchedEditions {
		for k := range p.tracks {
			if t := &p.tracks[k]; i < len(t.spans) {
				if err := p.search(ctx, s, t, i); err != nil {
					return nil, err
				}
			}
		}
		if len(s.found) > 0 {
			return s.found, nil
		}
	}
	return nil, nil
}

// readLog walks the log of states back from the newest, link by link, as far
// as generations are still kept. Which are is the newest state's word: what a
// prune under way has left of others does not count.
func (p *Prover) readLog(ctx context.Context) (err error) {
	p.tracks, p.log = nil, nil
	if p.newest, err = p.Reader.Newest(ctx); err != nil {
		return fmt.Errorf("read the log of states: %w", err)
	}
	if p.newest == nil || len(p.newest.Positions()) == 0 {
		return ErrNoEdition
	}
	if err := p.readRotations(ctx); err != nil {
		return err
	}
	kept := p.openTracks()
	for state := p.newest; ; {
		open := false
		for i := range p.tracks {
			open = p.tracks[i].add(state, kept) || open
		}
		if !open {
			return nil
		}
		p.log = append(p.log, state.Digest)
		if state.Number == 1 {
			for i := range p.tracks {
				p.tracks[i].end(true)
			}
			return nil
		}
		if state, err = p.before(ctx, state); err != nil {
			return err
		}
	}
}

// openTracks begins a track for every source of the newest state, and returns
// the generations that are kept.
func (p *Prover) openTracks() map[layout.SignedRef]bool {
	kept := make(map[layout.SignedRef]bool)
	keep := func(all ...layout.Position) {
		for _, position := range all {
			kept[position.Generation] = true
		}
	}
	keep(p.newest.Kept...)
	if own := p.newest.Generation; own != nil {
		keep(*own)
		p.tracks = append(p.tracks, track{})
	}
	for _, s := range p.newest.Streams {
		keep(append(s.Kept, s.Position)...)
		p.tracks = append(p.tracks, track{stream: s.ID})
	}
	slices.SortFunc(p.tracks, func(x, y track) int {
		a, b := position(p.newest, x.stream), position(p.newest, y.stream)
		return cmp.Or(b.Created.Time().Compare(a.Created.Time()), strings.Compare(x.stream, y.stream))
	})
	return kept
}

// position returns what a state publishes of a source of generations; nil is
// nothing.
func position(state *trusted.State, stream string) *layout.Position {
	if stream == "" {
		return state.Generation
	}
	if s, follows := state.Streams[stream]; follows {
		return &s.Position
	}
	return nil
}

// add goes on with an older state, and reports whether the track goes on.
func (t *track) add(state *trusted.State, kept map[layout.SignedRef]bool) bool {
	at := position(state, t.stream)
	switch {
	case t.ended:
	case at == nil:
		t.end(true)
	case !kept[at.Generation]:
		t.end(false)
	default:
		t.extend(state.Number, at)
	}
	return !t.ended
}

// end ends a track. whole says that nothing was published before its oldest
// state.
func (t *track) end(whole bool) {
	if !t.ended {
		t.ended, t.whole = true, whole
	}
}

func (t *track) extend(state uint64, at *layout.Position) {
	if n := len(t.spans); n > 0 && t.spans[n-1].ref == at.Generation {
		t.spans[n-1].first = state
		return
	}
	t.spans = append(t.spans, span{first: state, last: state, ref: at.Generation, number: at.Number})
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

// search is what was found of what was asked for.
type search struct {
	asked []asked
	best  int // how well what was found fits
	found []Match
}

// search looks for what was asked for in one generation.
func (p *Prover) search(ctx context.Context, s *search, t *track, at int) error {
	for line, err := range p.lines(ctx, t.spans[at]) {
		if err != nil {
			return err
		}
		u, err := layout.ParseLine(line)
		if err != nil {
			return fmt.Errorf("catalog of generation %d: %w", t.spans[at].number, err)
		}
		for i := range u.Files {
			s.add(Match{Update: u, File: &u.Files[i], Stream: t.stream, track: t, span: at})
		}
	}
	return nil
}

// add adds a file that fits as well as those that were found, or better.
func (s *search) add(m Match) {
	fit := fits(s.asked, m.Update, m.File)
	if fit < s.best || fit == 0 {
		return
	}
	if fit > s.best {
		s.found, s.best = nil, fit
	}
	another := func(o Match) bool {
		return o.track != m.track && o.Update.ID == m.Update.ID && o.File.Entry() == m.File.Entry()
	}
	if len(s.found) < maxMatches && !slices.ContainsFunc(s.found, another) {
		s.found = append(s.found, m)
	}
}

// lines yields the lines of the catalog of a generation, each valid until the
// next one.
func (p *Prover) lines(ctx context.Context, at span) func(yield func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		gen, err := p.Reader.Generation(ctx, at.ref)
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
func (p *Prover) line(ctx context.Context, at span, id string, d layout.Digest) ([]byte, error) {
	for line, err := range p.lines(ctx, at) {
		if err != nil {
			return nil, err
		}
		if here, err := layout.LineID(line); err != nil || here != id {
			continue // a line without an id has ended the reading already
		}
		u, err := layout.ParseLine(line)
		if err != nil {
			return nil, fmt.Errorf("catalog of generation %d: %w", at.number, err)
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
