package main

import (
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/verify"
)

// TestCertificateProblem says of a key that came to its end what that means for
// what it signed: bulletins outlive their keys, documents of ours do not.
func TestCertificateProblem(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	end := layout.At(now.AddDate(0, -1, 0))
	for name, test := range map[string]struct {
		key              certificateReport
		bulletin, origin string
	}{
		"in force":      {certificateReport{}, "", ""},
		"expires later": {certificateReport{Expires: layout.At(now.AddDate(0, 1, 0))}, "", ""},
		"expired": {
			certificateReport{Expires: end},
			"expired on 2026-10-22; what it signed before stays valid",
			"expired on 2026-10-22; nothing that it signed is accepted any more",
		},
		"retired": {
			certificateReport{Revoked: true, RevokedAt: end},
			"retired by its owner on 2026-10-22; what it signed before stays valid",
			"retired by its owner on 2026-10-22; nothing that it signed is accepted any more",
		},
		"compromised": {
			certificateReport{Revoked: true, RevokedAt: end, Compromised: true, Expires: end},
			"revoked by its owner on 2026-10-22 as compromised, or without a reason: nothing that it signed counts",
			"revoked by its owner on 2026-10-22 as compromised, or without a reason: nothing that it signed counts",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.key.problem(verify.PurposeBulletin, now); got != test.bulletin {
				t.Errorf("bulletin: got %q, want %q", got, test.bulletin)
			}
			if got := test.key.problem(verify.PurposeOrigin, now); got != test.origin {
				t.Errorf("origin: got %q, want %q", got, test.origin)
			}
		})
	}
}

// TestKeysWithManyNames prints no more names than a person reads.
func TestKeysWithManyNames(t *testing.T) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = "somebody"
	}
	key := certificateReport{UserIDs: names}
	lines := key.lines(time.Now())
	if len(lines) != 10 || lines[8] != "… and 992 more" {
		t.Errorf("got %d lines: %q", len(lines), lines)
	}
	if len(names) != 1000 || names[8] != "somebody" {
		t.Error("the names themselves were cut")
	}
}
