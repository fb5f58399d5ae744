package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/verify"
)

// The exit statuses. This list alone counts; the help shows it.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPart        = 3
	exitUntrusted   = 4
	exitLocked      = 9
	exitAlready     = 10
	exitStale       = 20
	exitInterrupted = 130
)

const exitHelp = `Exit status:
  0    done, also when there was nothing to do
  1    failed
  2    usage or configuration
  3    done in part, or waiting
  4    untrusted: a signature, digest, position or format was refused
  9    locked by another run
  10   import of what is imported already
  20   status: stale
  130  interrupted; the same command continues`

// failure is an error with its exit status and the next command to type.
type failure struct {
	code int // 0: as the error below says
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usageError is what somebody typed wrong.
func usageError(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// withCode gives err an exit status.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &failure{code: code, err: err}
}

// withHint adds the next thing to type to err.
func withHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &failure{err: err, hint: fmt.Sprintf(format, args...)}
}

// exitCode says how the process ends after err.
func exitCode(ctx context.Context, err error) int {
	stopped := errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) || errors.Is(err, errTerminated)
	if ctx.Err() != nil && stopped {
		return exitInterrupted
	}
	for f := range failures(err) {
		if f.code != 0 {
			return f.code
		}
	}
	if errors.Is(err, verify.ErrUntrusted) {
		return exitUntrusted
	}
	var bad *config.Error
	if errors.As(err, &bad) || errors.Is(err, config.ErrNone) {
		return exitUsage
	}
	return exitFailed
}

// hintOf returns the outermost hint of err.
func hintOf(err error) string {
	for f := range failures(err) {
		if f.hint != "" {
			return f.hint
		}
	}
	return ""
}

// failures yields every failure in the tree of err, outer ones first.
func failures(err error) iter.Seq[*failure] {
	return func(yield func(*failure) bool) { walkFailures(err, yield) }
}

func walkFailures(err error, yield func(*failure) bool) bool {
	if f, ok := err.(*failure); ok && !yield(f) {
		return false
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return walkFailures(e.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			if !walkFailures(below, yield) {
				return false
			}
		}
	}
	return true
}
