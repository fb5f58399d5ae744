package trusted

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/verify"
)

// Checker checks signatures against what is pinned; *verify.Trust is one.
type Checker interface {
	OpenClear(data []byte, p verify.Purpose) (*verify.Signed, error)
	CheckDetached(doc, sig []byte, p verify.Purpose) (*verify.Signed, error)
	// Follow returns what is believed once rotations of origins' keys were
	// followed from the pins.
	Follow(rotations []verify.Rotation) (*verify.Trust, error)
	// Followed returns the rotations that were followed from a pin.
	Followed() []layout.Rotation
}

// Mark is the local high-water mark of a log of states: it lies outside of
// the store and only rises. *store.Mark is one.
type Mark interface {
	// State returns the newest state that was ever accepted here, and the
	// SHA-256 of its bytes as stored; 0 where there is none yet.
	State() (number uint64, digest layout.Digest, err error)
	// CheckStream returns an error if the position in a stream is older than
	// the marked one (store.ErrRollback) or another in its place
	// (store.ErrFork).
	CheckStream(id string, at store.StreamMark) error
	// Raise moves the mark up, durably, with the newest date of what was
	// accepted and the positions in streams. What is below the mark is left
	// out; another digest at the mark is store.ErrFork.
	Raise(ctx context.Context, number uint64, digest layout.Digest, clock layout.Time, streams map[string]store.StreamMark) error
}

// Reader reads a store and believes nothing of it. It may be used
// concurrently; its fields must not change meanwhile.
//
// A Reader never goes back: once it has accepted a state, or its Mark has, it
// refuses a log that ends before it, has another state in its place, or does
// not lead to it.
type Reader struct {
	Store store.Store
	Trust Checker
	Mark  Mark // nil: only what this Reader has seen itself is remembered

	// CatalogLimits bounds catalogs; the zero value has the defaults of
	// layout.
	CatalogLimits layout.Limits
	// CatalogBytes is the largest catalog object in bytes; 0 is 1 GiB.
	CatalogBytes int64

	last    atomic.Pointer[State] // the newest that was accepted: the floor
	newest  atomic.Pointer[State] // the newest whose place in the log was checked
	origins atomic.Pointer[origins]
}

// State is one checked state. It is shared: nobody may change it.
type State struct {
	layout.State
	Digest layout.Digest  // SHA-256 of the state as stored; the next one names it
	Signed *verify.Signed // by whom and when
}

// position is a place in the log.
type position struct {
	number uint64
	digest layout.Digest
}

// Newest returns the newest state, or nil for an empty log, and raises the
// mark to it. Where nothing is new since the last call, it returns the same
// state again and reads nothing but the number.
func (r *Reader) Newest(ctx context.Context) (*State, error) {
	floor, err := r.floor()
	if err != nil {
		return nil, err
	}
	number, err := r.Store.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if number < floor.number {
		return nil, rolledBack(number, floor)
	}
	if number == 0 {
		return nil, nil
	}
	if last := r.last.Load(); last != nil && last.Number == number {
		return last, nil
	}
	state, err := r.State(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := r.leadsTo(ctx, state, floor); err != nil {
		return nil, err
	}
	return state, r.accept(ctx, state)
}

// State returns state n. Its place in the log is known only as far as the
// number that it states of itself; Newest and Chain check the links.
func (r *Reader) State(ctx context.Context, n uint64) (*State, error) {
	doc, err := r.Store.Read(ctx, n)
	if err != nil {
		return nil, err
	}
	return r.open(n, doc)
}

// Chain checks the whole log, from the first state to the newest, each
// signature and each link, and that no position in a stream sinks, also not below
// the mark; it returns the newest, or nil for an empty log,
// and how many there are. It does not raise the mark.
func (r *Reader) Chain(ctx context.Context) (newest *State, count uint64, err error) {
	floor, err := r.floor()
	if err != nil {
		return nil, 0, err
	}
	end, err := r.Store.Newest(ctx)
	if err != nil {
		return nil, 0, err
	}
	if end < floor.number {
		return nil, 0, rolledBack(end, floor)
	}
	var here position
	for n := uint64(1); n <= end; n++ {
		before := newest
		newest, err = r.State(ctx, n)
		if errors.Is(err, fs.ErrNotExist) {
			err = missing(n, err)
		}
		if err != nil {
			return nil, n - 1, err
		}
		if newest.Previous != here.digest {
			return nil, n - 1, forked(n, newest.Previous, here.digest)
		}
		here = position{n, newest.Digest}
		if n == floor.number && here != floor {
			return nil, n - 1, equivocates(here, floor)
		}
		if err := streamsRise(before, newest); err != nil {
			return nil, n - 1, err
		}
	}
	if newest != nil {
		if err = r.checkStreams(newest); err == nil {
			r.saw(newest)
		}
	}
	return newest, end, err
}

// open checks the bytes of a state.
func (r *Reader) open(n uint64, doc []byte) (*State, error) {
	subject := fmt.Sprintf("state %d", n)
	signed, err := r.Trust.OpenClear(doc, verify.PurposeSite)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	parsed, err := layout.ParseState(signed.Text)
	if err != nil {
		return nil, &verify.TrustError{Code: verify.CodeFormat, Subject: subject, Reason: "what was signed is no state", Err: err}
	}
	if parsed.Number != n {
		return nil, &verify.TrustError{
			Code: verify.CodeFormat, Subject: subject, Fingerprint: signed.Fingerprint,
			Reason: fmt.Sprintf("it is state %d, stored in the place of another", parsed.Number),
		}
	}
	return &State{State: *parsed, Digest: layout.DigestOf(doc), Signed: signed}, nil
}

// floor returns the place in the log that must not be left any more: the
// higher one of the mark and what this Reader has seen.
func (r *Reader) floor() (position, error) {
	var floor position
	if last := r.last.Load(); last != nil {
		floor = position{last.Number, last.Digest}
	}
	if r.Mark == nil {
		return floor, nil
	}
	number, digest, err := r.Mark.State()
	if err != nil {
		return floor, fmt.Errorf("read the high-water mark: %w", err)
	}
	marked := position{number, digest}
	if marked.number == floor.number && number > 0 && marked != floor {
		return floor, equivocates(floor, marked)
	}
	if marked.number > floor.number {
		floor = marked
	}
	return floor, nil
}

// leadsTo checks that the log leads from the floor to the state. Each state
// names the digest of the one before, so that only those in between are read.
func (r *Reader) leadsTo(ctx context.Context, state *State, floor position) error {
	if floor.number == 0 {
		return nil
	}
	if state.Number == floor.number {
		if here := (position{state.Number, state.Digest}); here != floor {
			return equivocates(here, floor)
		}
		return nil
	}
	before := position{state.Number - 1, state.Previous}
	for before.number > floor.number {
		older, err := r.before(ctx, before)
		if err != nil {
			return err
		}
		before = position{older.Number - 1, older.Previous}
	}
	if before != floor {
		return forked(floor.number+1, before.digest, floor.digest)
	}
	return nil
}

// before reads the state that a newer one names as the one before it.
func (r *Reader) before(ctx context.Context, want position) (*State, error) {
	state, err := r.State(ctx, want.number)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(want.number, err)
	}
	if err != nil {
		return nil, err
	}
	if state.Digest != want.digest {
		return nil, forked(want.number+1, want.digest, state.Digest)
	}
	return state, nil
}

// accept raises the mark to a state and remembers it.
func (r *Reader) accept(ctx context.Context, state *State) error {
	if err := r.raise(ctx, state); err != nil {
		return err
	}
	r.saw(state)
	for {
		last := r.last.Load()
		if last != nil && last.Number >= state.Number {
			return nil
		}
		if r.last.CompareAndSwap(last, state) {
			return nil
		}
	}
}

func (r *Reader) raise(ctx context.Context, state *State) error {
	if r.Mark == nil {
		return nil
	}
	if err := r.Mark.Raise(ctx, state.Number, state.Digest, newestDate(state), streamMarks(state)); err != nil {
		return contradicts(state, fmt.Errorf("raise the high-water mark: %w", err))
	}
	return nil
}

// checkStreams refuses a state that goes back in a stream, before it gets into
// the log and stops everybody who reads it.
func (r *Reader) checkStreams(state *State) error {
	if r.Mark == nil {
		return nil
	}
	for id, at := range streamMarks(state) {
		if err := r.Mark.CheckStream(id, at); err != nil {
			return contradicts(state, err)
		}
	}
	return nil
}

func streamMarks(state *State) map[string]store.StreamMark {
	marks := make(map[string]store.StreamMark, len(state.Streams))
	for _, s := range state.Streams {
		marks[s.ID] = store.StreamMark{Epoch: s.Epoch, Seq: s.Seq, Header: s.Header}
	}
	return marks
}

// newestDate returns the newest date of a state and of the transfer bundles that
// it accepted.
func newestDate(state *State) layout.Time {
	newest := state.At
	for _, s := range state.Streams {
		if s.Created.Time().After(newest.Time()) {
			newest = s.Created
		}
	}
	return newest
}

// contradicts makes a TrustError of a position that the mark refuses.
func contradicts(state *State, err error) error {
	subject := fmt.Sprintf("state %d", state.Number)
	const reason = "it contradicts what was seen here before"
	switch {
	case errors.Is(err, store.ErrFork):
		return &verify.TrustError{Code: verify.CodeEquivocation, Subject: subject, Reason: reason, Err: err}
	case errors.Is(err, store.ErrRollback):
		return &verify.TrustError{Code: verify.CodeRollback, Subject: subject, Reason: reason, Err: err}
	}
	return fmt.Errorf("%s: %w", subject, err)
}

func missing(n uint64, err error) error {
	return &verify.TrustError{
		Code: verify.CodeRollback, Subject: fmt.Sprintf("state %d", n), Err: err,
		Reason: "it is missing from the log, from which nothing is ever removed",
	}
}

func rolledBack(end uint64, floor position) error {
	return &verify.TrustError{
		Code: verify.CodeRollback, Subject: "log of states",
		Reason: fmt.Sprintf("it ends with state %d, but state %d was seen here before", end, floor.number),
		Next:   "bring back the newer states, and find out who removed them",
	}
}

func equivocates(got, want position) error {
	return &verify.TrustError{
		Code: verify.CodeEquivocation, Subject: fmt.Sprintf("state %d", want.number),
		Reason: fmt.Sprintf("its digest is %s, but %s was seen here before", got.digest, want.digest),
		Next:   "two logs were signed with one key, for example after a restore from a backup; find out which one is right",
	}
}

func forked(n uint64, got, want layout.Digest) error {
	return &verify.TrustError{
		Code: verify.CodeFork, Subject: fmt.Sprintf("state %d", n),
		Reason: fmt.Sprintf("it follows a state with the digest %s, but the one before it has %s", got, want),
		Next:   "two logs were signed with one key, for example after a restore from a backup; find out which one is right",
	}
}
