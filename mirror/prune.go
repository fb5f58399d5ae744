package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// ErrGrace is matched by the error of a prune that comes too early.
var ErrGrace = errors.New("grace time has not passed")

// PrunePlan says what a prune would remove. It is kept in the work directory
// until it is applied.
type PrunePlan struct {
	ID          string          `json:"id"`
	At          layout.Time     `json:"at"`
	After       layout.Time     `json:"after"` // when it may be applied
	Count       int             `json:"count"` // objects
	Bytes       int64           `json:"bytes"`
	Generations []uint64        `json:"generations"` // that stay
	Objects     []layout.Digest `json:"objects"`     // to be removed, sorted
}

// PruneReport says what a prune removed.
type PruneReport struct {
	ID      string `json:"id"`
	Removed int    `json:"removed"` // objects
	Bytes   int64  `json:"bytes"`
	Spared  int    `json:"spared"` // planned, but needed since
}

func (m *Mirror) grace() time.Duration {
	switch {
	case m.Grace < 0:
		return 0
	case m.Grace == 0:
		return 24 * time.Hour
	}
	return m.Grace
}

// PlanPrune finds the objects that nothing needs and writes the plan to
// remove them. It removes nothing.
func (m *Mirror) PlanPrune(ctx context.Context) (*PrunePlan, error) {
	unlock, err := m.lock("prune")
	if err != nil {
		return nil, err
	}
	defer unlock()
	plan, err := m.RehearsePrune(ctx)
	if err != nil {
		return nil, err
	}
	return plan, m.writePlan(plan)
}

// RehearsePrune is PlanPrune that writes nothing: its plan cannot be applied.
func (m *Mirror) RehearsePrune(ctx context.Context) (*PrunePlan, error) {
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	if base.state == nil {
		return nil, ErrNoEdition
	}
	refs, _, err := m.needed(ctx, &base.state.State)
	if err != nil {
		return nil, err
	}
	kept, err := m.keptOnce(ctx, &base.state.State)
	if err != nil {
		return nil, err
	}
	plan := &PrunePlan{At: layout.At(m.now()), After: layout.At(m.now().Add(m.grace())), Objects: []layout.Digest{}}
	for _, p := range kept {
		plan.Generations = append(plan.Generations, p.Number)
	}
	for o, err := range m.Store.List(ctx, layout.Digest{}) {
		if err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		if _, ok := refs[o.Digest]; !ok {
			plan.Objects = append(plan.Objects, o.Digest)
			plan.Bytes += o.Size
		}
	}
	plan.Count = len(plan.Objects)
	plan.ID = fmt.Sprintf("%s-%s", plan.At.Time().Format("20060102-150405"), layout.DigestOf(digestLines(plan.Objects)).String()[:8])
	return plan, nil
}

// ApplyPrune removes what the plan names and is still not needed. It first
// publishes a state that names these objects, so that every writer that
// started from an older state loses the race and begins again; then it
// deletes; then it publishes a state without the plan. Killed in between, it
// is finished by whichever job comes next with this work directory, or with
// any other once the time of the announcement is over (see claim).
func (m *Mirror) ApplyPrune(ctx context.Context, id string) (*PruneReport, error) {
	unlock, err := m.lock("prune")
	if err != nil {
		return nil, err
	}
	defer unlock()
	plan, err := m.readPlan(id)
	if err != nil {
		return nil, err
	}
	if left := plan.After.Time().Sub(m.now()); left > 0 {
		return nil, fmt.Errorf("plan %s: %w; it may be applied from %s on", plan.ID, ErrGrace, plan.After)
	}
	for range changeAttempts {
		report, err := m.applyPlan(ctx, plan)
		if errors.Is(err, errOvertaken) {
			continue // what is needed may be more now
		}
		if err != nil {
			return nil, err
		}
		return report, errors.Join(os.Remove(m.planPath(plan.ID)), m.forgetClaim(plan.ID))
	}
	return nil, fmt.Errorf("prune %s: %w; try again", plan.ID, errOvertaken)
}

// applyPlan is one attempt at a plan, from the state that is the newest now.
func (m *Mirror) applyPlan(ctx context.Context, plan *PrunePlan) (*PruneReport, error) {
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	if base.state == nil {
		return nil, ErrNoEdition
	}
	refs, own, err := m.needed(ctx, &base.state.State)
	if err != nil {
		return nil, err
	}
	report := &PruneReport{ID: plan.ID}
	objects := slices.DeleteFunc(slices.Clone(plan.Objects), func(d layout.Digest) bool {
		_, ok := refs[d]
		return ok
	})
	report.Spared = len(plan.Objects) - len(objects)
	state, err := m.announcePrune(ctx, base, plan, objects, own)
	if err != nil {
		return nil, err
	}
	report.Removed = len(objects)
	for _, d := range objects {
		size, err := m.Store.Stat(ctx, d)
		if err == nil {
			report.Bytes += size
		}
	}
	_, err = m.finishPrune(ctx, state)
	return report, err
}

// announcePrune publishes the state that names the objects and keeps only the
// own generations. It must be the one after base: what anybody published since
// may need more.
func (m *Mirror) announcePrune(ctx context.Context, base *base, plan *PrunePlan, objects []layout.Digest, own []layout.Position) (*trusted.State, error) {
	ref, err := m.Writer.PutDocument(ctx, digestLines(objects))
	if err != nil {
		return nil, fmt.Errorf("put prune plan %s: %w", plan.ID, err)
	}
	holder, err := m.claim(plan.ID)
	if err != nil {
		return nil, err
	}
	state, err := m.Writer.Publish(ctx, base.state, func(s *layout.State) error {
		if s.Number != base.state.Number+1 {
			return errOvertaken
		}
		now := m.now()
		s.Prune = &layout.PrunePlan{
			ID: plan.ID, Objects: ref, Count: len(objects), Bytes: plan.Bytes, At: layout.At(now),
			Holder: holder, Until: layout.At(now.Add(pruneLasts)),
		}
		s.Pruned = s.Number
		s.Kept = nil
		if len(own) > 1 {
			s.Kept = own[1:]
		}
		s.Leases = slices.DeleteFunc(slices.Clone(s.Leases), func(l layout.Lease) bool { return l.Expires.Time().Before(now) })
		s.Why = "prune " + plan.ID
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("announce prune %s: %w", plan.ID, err)
	}
	return state, nil
}

// finishPrune deletes what the state's plan names, and publishes a state
// without the plan. It is ours.
func (m *Mirror) finishPrune(ctx context.Context, state *trusted.State) (*trusted.State, error) {
	plan := *state.Prune
	objects, err := m.readDigests(ctx, plan.Objects)
	if err != nil {
		return nil, fmt.Errorf("read prune plan %s: %w", plan.ID, err)
	}
	bound := references{}
	if err := m.referBindings(ctx, bound); err != nil {
		return nil, err
	}
	for _, d := range objects {
		if _, filled := bound[d]; filled {
			continue // a host asked for it since the plan was made
		}
		if state, err = m.extendPrune(ctx, state); err != nil {
			return nil, err
		}
		if err := m.Store.Delete(ctx, d); err != nil {
			return nil, fmt.Errorf("prune %s: %w", d, err)
		}
		m.report(Event{Kind: EventObject, Text: "removed"})
	}
	next, err := m.Writer.Publish(ctx, state, func(s *layout.State) error {
		if !sameClaim(s.Prune, &plan) {
			return fmt.Errorf("prune %s was ended by another job", plan.ID)
		}
		s.Prune = nil
		s.Why = "pruned " + plan.ID
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("end prune %s: %w", plan.ID, err)
	}
	return next, nil
}

// digestLines writes digests one a line.
func digestLines(all []layout.Digest) []byte {
	var b bytes.Buffer
	for _, d := range all {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// readDigests reads an object of digests, one a line.
func (m *Mirror) readDigests(ctx context.Context, ref layout.ObjectRef) ([]layout.Digest, error) {
	doc, err := m.readObject(ctx, ref)
	if err != nil {
		return nil, err
	}
	var all []layout.Digest
	for line := range strings.Lines(string(doc)) {
		d, err := layout.ParseDigest(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// readObject returns a whole object that a state names, checked.
func (m *Mirror) readObject(ctx context.Context, ref layout.ObjectRef) ([]byte, error) {
	r, err := m.Store.Open(ctx, ref.SHA256, 0, -1)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", ref.SHA256, err)
	}
	defer r.Close() // it was only read
	doc, err := io.ReadAll(layout.NewVerifyReader(r, ref.Size, ref.SHA256))
	if wrong, ok := errors.AsType[*layout.MismatchError](err); ok {
		return nil, &verify.TrustError{
			Code: verify.CodeDigest, Subject: "object " + ref.SHA256.String(), Err: wrong,
			Reason: "the store holds other bytes under this name", Next: "find what else was altered with: patchferry audit",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", ref.SHA256, err)
	}
	return doc, nil
}

func (m *Mirror) planPath(id string) string { return filepath.Join(m.Work, "prune", id+".json") }

func (m *Mirror) writePlan(plan *PrunePlan) error {
	path := m.planPath(plan.ID)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write prune plan: %w", err)
	}
	doc, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return fmt.Errorf("write prune plan: %w", err)
	}
	if err := os.WriteFile(path, append(doc, '\n'), 0o640); err != nil {
		return fmt.Errorf("write prune plan: %w", err)
	}
	return nil
}

func (m *Mirror) readPlan(id string) (*PrunePlan, error) {
	if layout.SafeName(id) != id {
		return nil, fmt.Errorf("prune plan %q: not the id of a plan", id)
	}
	doc, err := os.ReadFile(m.planPath(id))
	if err != nil {
		return nil, fmt.Errorf("prune plan %s: %w; patchferry prune makes one", id, err)
	}
	var plan PrunePlan
	if err := json.Unmarshal(doc, &plan); err != nil {
		return nil, fmt.Errorf("prune plan %s: %w", id, err)
	}
	return &plan, nil
}

// PrunePlans returns the ids of the plans that wait, oldest first.
func (m *Mirror) PrunePlans() []string {
	var ids []string
	for _, name := range namesIn(filepath.Join(m.Work, "prune")) {
		if id, ok := strings.CutSuffix(name, ".json"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
