package main

import (
	"errors"
	"fmt"
	"testing"

	"patchferry/verify"
)

func TestExitCodeAndHint(t *testing.T) {
	locked := withHint(withCode(exitLocked, errors.New("locked")), "wait")
	for _, test := range []struct {
		name string
		err  error
		code int
		hint string
	}{
		{"plain", errors.New("broken"), exitFailed, ""},
		{"wrapped", fmt.Errorf("sync: %w", locked), exitLocked, "wait"},
		{"joined with nothing", errors.Join(locked, nil), exitLocked, "wait"},
		{"joined with another", errors.Join(errors.New("close"), locked), exitLocked, "wait"},
		{"the first of two counts", errors.Join(usageError("flag"), locked), exitUsage, "wait"},
		{"two at once", fmt.Errorf("%w: %w", errors.New("partial"), locked), exitLocked, "wait"},
		{"untrusted", fmt.Errorf("state 3: %w", verify.ErrUntrusted), exitUntrusted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := exitCode(t.Context(), test.err); got != test.code {
				t.Errorf("got code %d, want %d", got, test.code)
			}
			if got := hintOf(test.err); got != test.hint {
				t.Errorf("got hint %q, want %q", got, test.hint)
			}
		})
	}
}
