package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
	"patchferry/verify"
)

// rotated says in one line which key took the place of which.
func rotated(r mirror.RotationReport) string {
	return fmt.Sprintf("%s in the place of %s, by rotation %d of %s", r.New, r.Old, r.Number, day(r.Created))
}

// acceptedRotations returns the changes of origins' keys that the newest state
// of the store names. Where there is no store yet there are none.
func acceptedRotations(ctx context.Context, c *config.Config) ([]verify.Rotation, error) {
	s, err := openSite(ctx, c)
	if isNoPlace(c, err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.Close() // it was only read
	state, err := s.reader.Newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of states: %w", err)
	}
	return s.reader.Rotations(ctx, state)
}

// originsInForce returns the changes of origins' keys that the newest state of
// the store leads to from the pins. Where there is no store yet there are none.
func originsInForce(ctx context.Context, c *config.Config) ([]mirror.RotationReport, error) {
	s, err := openSite(ctx, c)
	if isNoPlace(c, err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.Close() // it was only read
	return mirror.Rotations(ctx, s.reader)
}

// addRotations says of the pins of origins what rotations made of them, and
// adds the keys that are believed by a rotation alone.
func addRotations(entries []keyEntry, all []mirror.RotationReport) []keyEntry {
	for i := range all {
		r := &all[i]
		pinned := false
		for k := range entries {
			e := &entries[k]
			if e.Pin == nil || e.Pin.Purpose != verify.PurposeOrigin {
				continue
			}
			if e.Fingerprint.String() == r.Old {
				e.Ended = r
			}
			if e.Fingerprint.String() == r.New {
				e.Rotation, pinned = r, true
			}
		}
		if !pinned {
			entries = append(entries, keyEntry{Kind: "rotation", Fingerprint: verify.Fingerprint(r.New), Rotation: r})
		}
	}
	for i := range entries {
		e := &entries[i]
		next := slices.IndexFunc(all, func(r mirror.RotationReport) bool { return e.Rotation != nil && r.Old == e.Rotation.New })
		if next >= 0 {
			e.Ended = &all[next]
		}
	}
	return entries
}

// turns says what rotations made of a key, for people.
func (e *keyEntry) turns() []string {
	var rows []string
	if r := e.Rotation; r != nil {
		rows = append(rows, fmt.Sprintf("by rotation %d of %s in the place of %s", r.Number, day(r.Created), verify.Fingerprint(r.Old).Grouped()))
	}
	if r := e.Ended; r != nil {
		rows = append(rows, fmt.Sprintf("out of force since rotation %d of %s; what it signed before is read", r.Number, day(r.Created)))
	}
	return rows
}

// checkOrigins says whether the signing key of a near side is the one in force,
// and which keys a far side follows.
func checkOrigins(ctx context.Context, c *config.Config) []finding {
	all, err := originsInForce(ctx, c)
	f := finding{Check: "origin keys", Result: "ok"}
	switch {
	case err != nil:
		f.Result, f.Detail, f.Next = "fail", err.Error(), hintOf(err)
		return []finding{f}
	case len(all) == 0:
		return nil
	}
	var words []string
	for _, r := range all {
		words = append(words, fmt.Sprintf("rotation %d put %s in force on %s", r.Number, r.New, day(r.Created)))
	}
	f.Detail = strings.Join(words, "; ")
	if c.Role == config.Far {
		return []finding{f}
	}
	last := all[len(all)-1]
	ring, err := verify.ReadKeyFile(c.KeyFile(originKey + ".asc"))
	_, unfinished := os.Lstat(c.KeyFile(nextKey + ".key"))
	if err != nil || !has(ring, verify.Fingerprint(last.New)) || unfinished == nil {
		f.Result, f.Next = "fail", "patchferry key rotate ends the change of keys that was interrupted"
		f.Detail += "; " + c.KeyFile(originKey+".key") + " is another key"
	}
	return []finding{f}
}
