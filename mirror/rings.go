package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// DefaultRings returns the rings of a site that names none, in the order in
// which updates are released.
func DefaultRings() []string { return []string{"test", "pilot", "production"} }

// maxReason is the longest reason in bytes.
const maxReason = 1000

// RingError is the error of a promotion, a hold, a revocation or a revert that
// makes no sense: an unknown ring, an update that is not there, a state that
// was pruned. Nothing was changed.
type RingError struct {
	Problem string
	Next    string // what to type; may be empty
}

func (e *RingError) Error() string { return e.Problem }

func senseless(next, format string, args ...any) error {
	return &RingError{Problem: fmt.Sprintf(format, args...), Next: next}
}

// RingReport says what a job on rings did, or would do.
type RingReport struct {
	DryRun     bool            `json:"dry_run"`
	Changed    bool            `json:"changed"`              // false: it was so already, and nothing is written
	State      uint64          `json:"state"`                // the state that says so; 0 where nothing was written
	Ring       string          `json:"ring,omitempty"`       // empty: all of them
	From       string          `json:"from,omitempty"`       // the ring that it was promoted from
	Shows      uint64          `json:"shows,omitempty"`      // the state whose catalog the ring shows now
	Was        uint64          `json:"was,omitempty"`        // the state whose catalog it showed before; 0: it showed nothing
	Generation uint64          `json:"generation,omitempty"` // that was made, to carry a hold or a revocation on
	Updates    []string        `json:"updates,omitempty"`    // ids of what was promoted, held, released or revoked
	Files      []layout.Digest `json:"files,omitempty"`      // that were revoked
	Shared     []string        `json:"shared,omitempty"`     // other updates that lose a file by that
	Reason     string          `json:"reason,omitempty"`
}

func (m *Mirror) rings() []string {
	if len(m.Rings) > 0 {
		return m.Rings
	}
	return DefaultRings()
}

// landing is the ring that a publication moves.
func (m *Mirror) landing() string {
	if m.Land != "" {
		return m.Land
	}
	rings := m.rings()
	return rings[len(rings)-1]
}

// land lets the landing ring show what s publishes; it is called before
// anything else of s is changed. Where nobody has used rings and the last one
// is landed in, there is nothing to say: every ring shows what is newest.
func (m *Mirror) land(s *layout.State) {
	rings := m.rings()
	if len(s.Rings) == 0 && m.landing() == rings[len(rings)-1] {
		return
	}
	m.settleRings(s)
	s.Rings[m.landing()] = layout.Ring{State: s.Number, Moved: s.Number}
}

// settleRings writes down what every ring shows, where until now each showed
// what is newest, so that one of them can be moved. It is called before
// anything else of s is changed.
func (m *Mirror) settleRings(s *layout.State) {
	if len(s.Rings) > 0 {
		return
	}
	s.Rings = make(map[string]layout.Ring)
	if len(s.Positions()) == 0 {
		return
	}
	for _, name := range m.rings() {
		s.Rings[name] = layout.Ring{State: s.Number - 1}
	}
}

// ringChange is a planned change of rings or holds.
type ringChange struct {
	report *RingReport
	// apply makes the change in a newer state, or says why it no longer holds.
	apply func(*layout.State) error
	// regenerate, where it is set, makes the change in the next generation.
	regenerate func(*layout.Generation)
}

// errOvertaken is the error of a change whose generation was made from one that
// is no longer the newest; it is planned anew.
var errOvertaken = errors.New("another generation was published meanwhile")

// changeAttempts is how often a change is planned anew.
const changeAttempts = 5

// change plans a change on the newest state and publishes it, in one state,
// under the lock of the work directory. In a dry run it only plans.
func (m *Mirror) change(ctx context.Context, command string, dryRun bool, plan func(context.Context, *trusted.State) (*ringChange, error)) (*RingReport, error) {
	if dryRun {
		state, err := m.Trusted.Newest(ctx)
		if err != nil {
			return nil, err
		}
		c, err := planOn(ctx, state, plan)
		if err != nil {
			return nil, err
		}
		c.report.DryRun = true
		return c.report, nil
	}
	unlock, err := m.lock(command)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for range changeAttempts {
		base, err := m.openBase(ctx)
		if err != nil {
			return nil, err
		}
		c, err := planOn(ctx, base.state, plan)
		if err != nil || !c.report.Changed {
			return reportOf(c), err
		}
		err = m.publishChange(ctx, base, c)
		if !errors.Is(err, errOvertaken) {
			return c.report, err
		}
	}
	return nil, fmt.Errorf("%s: %w, %d times in a row; try again", command, errOvertaken, changeAttempts)
}

func reportOf(c *ringChange) *RingReport {
	if c == nil {
		return nil
	}
	return c.report
}

func planOn(ctx context.Context, state *trusted.State, plan func(context.Context, *trusted.State) (*ringChange, error)) (*ringChange, error) {
	if state == nil || len(state.Positions()) == 0 {
		return nil, senseless("patchferry sync, or on a far side patchferry import DIR", "nothing was published yet")
	}
	return plan(ctx, state)
}

// publishChange writes one state with the change, after the generation that
// carries it where there is one.
func (m *Mirror) publishChange(ctx context.Context, base *base, c *ringChange) error {
	position, err := m.regenerate(ctx, base, c)
	if err != nil {
		return err
	}
	state, err := m.Writer.Publish(ctx, base.state, func(s *layout.State) error {
		if err := unpruned(base.state, s); err != nil {
			return err
		}
		if position != nil && (s.Generation == nil || *s.Generation != base.position()) {
			return errOvertaken
		}
		if err := c.apply(s); err != nil {
			return err
		}
		if position != nil {
			follow(s, *position)
		}
		return nil
	})
	if state != nil {
		c.report.State = state.Number
	}
	return err
}

// regenerate puts the generation that carries a change on, with the catalog of
// the newest one. It returns nil where there is nothing to carry, or no
// generations are made here.
func (m *Mirror) regenerate(ctx context.Context, base *base, c *ringChange) (*layout.Position, error) {
	if c.regenerate == nil || m.Origin == nil || base.gen == nil {
		return nil, nil
	}
	next := *base.gen
	next.Number, next.Created = base.gen.Number+1, layout.At(m.now())
	next.Previous = base.position().Generation.Document.SHA256
	next.HeldBack = heldFromAll(base.state.HeldBack)
	c.regenerate(&next)
	if slices.Equal(next.HeldBack, base.gen.HeldBack) && slices.Equal(next.Revocations, base.gen.Revocations) {
		return nil, nil
	}
	position, err := m.putGeneration(ctx, &next)
	if err != nil {
		return nil, err
	}
	c.report.Generation = next.Number
	return &position, nil
}

// place returns where in the order of release a ring stands.
func (m *Mirror) place(ring string) (int, error) {
	i := slices.Index(m.rings(), ring)
	if i < 0 {
		return 0, senseless("", "no ring is called %q; there are %s", ring, strings.Join(m.rings(), ", "))
	}
	return i, nil
}

// checkReason refuses a reason that is missing where it must be given, too
// long, or not one line of text.
func checkReason(reason string, must bool) error {
	switch {
	case reason == "" && must:
		return senseless("the same command with --reason TEXT", "a reason is needed: it stays in the log of states")
	case len(reason) > maxReason:
		return senseless("", "the reason has %d bytes, at most %d", len(reason), maxReason)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return senseless("", "the reason is not one line of text")
	}
	return nil
}

// because adds a reason to what a state says of itself.
func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}

// unmoved makes sure that a ring shows in a newer state what it showed in the
// one that a change was planned on.
func unmoved(base *layout.State, s *layout.State, ring string) error {
	was, is := base.Shows(ring), s.Shows(ring)
	same := was.Same(is)
	if len(base.Rings) == 0 && len(s.Rings) == 0 {
		same = slices.Equal(base.Positions(), s.Positions())
	}
	if same {
		return nil
	}
	return fmt.Errorf("ring %s was moved by somebody else meanwhile; look at it with patchferry status, then the same command again", ring)
}

// keptForRings returns the generations that rings show, and those that they
// showed before their last change: a revert can always take that back.
func (m *Mirror) keptForRings(ctx context.Context, s *layout.State) ([]layout.Position, error) {
	states := make(map[uint64]bool)
	for name, ring := range s.Rings {
		for _, n := range ring.States() {
			states[n] = true
		}
		if ring.Moved < 2 {
			continue
		}
		before, err := m.Trusted.State(ctx, ring.Moved-1)
		if err != nil {
			return nil, fmt.Errorf("read what ring %s showed before: %w", name, err)
		}
		for _, n := range before.Shows(name).States() {
			states[n] = true
		}
	}
	var all []layout.Position
	for _, n := range slices.Sorted(maps.Keys(states)) {
		old, err := m.Trusted.State(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("read a state that a ring shows: %w", err)
		}
		all = append(all, old.Positions()...)
	}
	return all, nil
}
