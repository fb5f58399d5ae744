package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"patchferry/layout"
	"patchferry/layout/store"
)

// ErrHistory is matched by the error of a migration to a store whose log is not
// the beginning of the one that is copied.
var ErrHistory = errors.New("it has another history")

const (
	// migrateCopies is how many objects are copied at a time.
	migrateCopies = 8
	// migrateRounds is how often a migration goes on with what was published
	// meanwhile.
	migrateRounds = 20
)

// MigrateOptions says how to copy a store.
type MigrateOptions struct {
	DryRun bool // nothing is written
	// TrustPresent takes what is there already, with the right length, for
	// right; else it is read and hashed.
	TrustPresent bool
}

// MigrateReport says what was copied; in a dry run what would be.
type MigrateReport struct {
	DryRun   bool            `json:"dry_run,omitempty"`
	State    uint64          `json:"state"`   // the newest of both stores
	States   uint64          `json:"states"`  // copied
	Objects  int             `json:"objects"` // copied
	Bytes    int64           `json:"bytes"`   // of these
	Present  int             `json:"present"` // objects that were there
	Verified int             `json:"verified"`
	Replaced []layout.Digest `json:"replaced,omitempty"` // were there, with wrong bytes
	Bindings int             `json:"bindings"`           // looked after
	Extra    int             `json:"extra"`              // objects that only the copy has
	Wrong    []Finding       `json:"wrong,omitempty"`    // not copied: the store has other bytes under their names
}

// migration is one copying of a store. Objects go first, then bindings, then
// states in their order: so the copy is at each moment a whole store, an older
// one, and whoever dies in between leaves one that the same command completes.
type migration struct {
	m      *Mirror
	to     store.Store // nil: it is not made yet, in a dry run
	opt    MigrateOptions
	report *MigrateReport
	stage  string

	mu   sync.Mutex
	done map[layout.Digest]bool // objects that this run has copied, or found right
	gone bool                   // an object was removed while it was to be copied
}

// Migrate copies the store, whose log is checked first, to another one, which is
// empty, or was begun by an earlier run, or is an older copy: else it is
// ErrHistory. Every object is hashed on its way; one with wrong bytes is not
// copied, and then no state is: the error matches ErrAltered, and the report
// names them all. What is published meanwhile is copied, too. The store itself
// is only read.
func (m *Mirror) Migrate(ctx context.Context, to store.Store, opt MigrateOptions) (*MigrateReport, error) {
	g := &migration{m: m, to: to, opt: opt, report: &MigrateReport{DryRun: opt.DryRun}, done: make(map[layout.Digest]bool)}
	if !opt.DryRun {
		unlock, err := m.lock("store migrate")
		if err != nil {
			return g.report, err
		}
		defer unlock()
		if g.stage, err = m.stageFor(to); err != nil {
			return g.report, fmt.Errorf("make the stage: %w", err)
		}
	}
	for range migrateRounds {
		whole, err := g.round(ctx)
		if err != nil || whole || opt.DryRun {
			return g.report, err
		}
	}
	return g.report, fmt.Errorf("the store was changed %d times meanwhile; the same command goes on", migrateRounds)
}

// round copies the store as it is now, and reports whether nothing was
// published meanwhile.
func (g *migration) round(ctx context.Context) (whole bool, err error) {
	newest, count, err := g.m.Trusted.Chain(ctx)
	if err != nil {
		return false, err
	}
	there, err := g.compare(ctx, count)
	if err != nil {
		return false, err
	}
	if g.report.State = count; newest != nil && newest.Prune != nil {
		g.m.note("", "a prune is under way; what it removes is not copied")
	}
	todo, err := g.plan(ctx)
	if err != nil {
		return false, err
	}
	if g.opt.DryRun {
		g.report.States = count - there
		return true, nil
	}
	if err := g.copyObjects(ctx, todo); err != nil {
		return false, err
	}
	if len(g.report.Wrong) > 0 {
		return false, fmt.Errorf("%w: %d objects were not copied, and no state was", ErrAltered, len(g.report.Wrong))
	}
	if g.gone {
		g.gone = false
		return false, nil // a prune removed what the states up to now may need
	}
	if err := g.copyBindings(ctx); err != nil {
		return false, err
	}
	if err := g.copyStates(ctx, there, count); err != nil {
		return false, err
	}
	now, err := g.m.Store.Newest(ctx)
	if err != nil {
		return false, fmt.Errorf("read the log of states: %w", err)
	}
	return now == count, nil
}

// compare makes sure that the log of the copy is the beginning of the log of the
// store, which has count states, and returns how many it has. Each state names
// the digest of the one before, so that the last one stands for all.
func (g *migration) compare(ctx context.Context, count uint64) (there uint64, err error) {
	if g.to == nil {
		return 0, nil
	}
	if there, err = g.to.Newest(ctx); err != nil {
		return 0, fmt.Errorf("read the log of the copy: %w", err)
	}
	if there == 0 {
		return 0, nil
	}
	if there > count {
		return there, fmt.Errorf("copy to a store with %d states one with %d: %w, or is the newer one", there, count, ErrHistory)
	}
	theirs, err := g.to.Read(ctx, there)
	if err != nil {
		return there, fmt.Errorf("read state %d of the copy: %w", there, err)
	}
	ours, err := g.m.Store.Read(ctx, there)
	if err != nil {
		return there, fmt.Errorf("read state %d: %w", there, err)
	}
	if !bytes.Equal(ours, theirs) {
		return there, fmt.Errorf("state %d of the copy is another one: %w", there, ErrHistory)
	}
	return there, nil
}

// copying is one object that has to be copied, or looked at.
type copying struct {
	store.Info
	present bool // the copy has it, with this length
	wrong   bool // the copy has it, with another length
}

// plan compares the listings of both stores, which are in order.
func (g *migration) plan(ctx context.Context) ([]copying, error) {
	there, err := g.listed(ctx)
	if err != nil {
		return nil, err
	}
	var todo []copying
	var event Event
	for o, err := range g.m.Store.List(ctx, layout.Digest{}) {
		if err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		size, has := there[o.Digest]
		delete(there, o.Digest)
		c := copying{Info: o, present: has && size == o.Size, wrong: has && size != o.Size}
		if g.done[o.Digest] || g.settled(c) {
			continue
		}
		todo = append(todo, c)
		event.Count++
		event.Bytes += o.Size
	}
	g.report.Extra = 0
	for d := range there {
		if !g.done[d] { // else it was pruned after it was copied
			g.report.Extra++
		}
	}
	event.Kind = EventPlan
	g.m.report(event)
	return todo, nil
}

// listed returns the objects of the copy with their lengths.
func (g *migration) listed(ctx context.Context) (map[layout.Digest]int64, error) {
	there := make(map[layout.Digest]int64)
	if g.to == nil {
		return there, nil
	}
	for o, err := range g.to.List(ctx, layout.Digest{}) {
		if err != nil {
			return nil, fmt.Errorf("list the objects of the copy: %w", err)
		}
		there[o.Digest] = o.Size
	}
	return there, nil
}

// settled counts what needs no work.
func (g *migration) settled(c copying) bool {
	switch {
	case g.opt.DryRun && c.present:
		g.report.Present++
	case g.opt.DryRun:
		g.report.Objects++
		g.report.Bytes += c.Size
	case c.present && g.opt.TrustPresent:
		g.report.Present++
		g.done[c.Digest] = true
	default:
		return false
	}
	return true
}

func (g *migration) copyBindings(ctx context.Context) error {
	g.report.Bindings = 0
	for b, err := range g.m.Store.Bindings(ctx) {
		if err != nil {
			return fmt.Errorf("list bindings: %w", err)
		}
		if err := g.to.Bind(ctx, b.Key, b.Doc); err != nil {
			return fmt.Errorf("put binding %s: %w", b.Key, err)
		}
		g.report.Bindings++
	}
	return nil
}

// copyStates copies the states after the first there, up to count, byte for
// byte.
func (g *migration) copyStates(ctx context.Context, there, count uint64) error {
	for n := there + 1; n <= count; n++ {
		doc, err := g.m.Store.Read(ctx, n)
		if err != nil {
			return fmt.Errorf("read state %d: %w", n, err)
		}
		if err := g.createState(ctx, n, doc); err != nil {
			return fmt.Errorf("put state %d: %w", n, err)
		}
		g.report.States++
	}
	return nil
}

// createState resolves an unclear answer by reading the state back.
func (g *migration) createState(ctx context.Context, n uint64, doc []byte) error {
	err := g.to.Create(ctx, n, doc)
	if err == nil {
		return nil
	}
	there, readErr := g.to.Read(ctx, n)
	switch {
	case readErr != nil && errors.Is(err, store.ErrExists):
		return readErr
	case readErr != nil:
		return err
	case !bytes.Equal(there, doc):
		return ErrHistory
	}
	return nil
}
