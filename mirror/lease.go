package mirror

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"patchferry/layout"
)

// Lease keeps the newest generation and all after it from being pruned until
// release is called or the time is over, whichever is first. Exports, imports
// and long reads take one; a reader that dies is forgotten when its lease
// expires. holder and why are for whoever reads the log.
func (m *Mirror) Lease(ctx context.Context, holder, why string, lasts time.Duration) (release func(context.Context) error, err error) {
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if state == nil || state.Generation == nil {
		return nil, fmt.Errorf("lease for %s: the store has no generation yet", why)
	}
	var random [8]byte
	_, _ = rand.Read(random[:])
	lease := layout.Lease{ID: hex.EncodeToString(random[:]), Holder: holder, Why: why, Expires: layout.At(m.now().Add(lasts))}
	_, err = m.Writer.Publish(ctx, state, func(s *layout.State) error {
		if s.Generation == nil {
			return fmt.Errorf("the store has no generation")
		}
		lease.From = s.Generation.Number
		s.Leases = append(slices.Clone(s.Leases), lease)
		s.Why = "lease: " + why
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("lease for %s: %w", why, err)
	}
	return func(ctx context.Context) error { return m.endLease(ctx, lease) }, nil
}

// endLease publishes a state without the lease.
func (m *Mirror) endLease(ctx context.Context, lease layout.Lease) error {
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return err
	}
	_, err = m.Writer.Publish(ctx, state, func(s *layout.State) error {
		s.Leases = slices.DeleteFunc(slices.Clone(s.Leases), func(l layout.Lease) bool { return l.ID == lease.ID })
		s.Why = "end of lease: " + lease.Why
		return nil
	})
	if err != nil {
		return fmt.Errorf("end lease %s: %w", lease.ID, err)
	}
	return nil
}
