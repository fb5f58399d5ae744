//go:build !linux

package store

import (
	"errors"
	"fmt"
	"os"
)

// flusher is for systems without a call that writes a whole file system out.
type flusher struct{}

func (flusher) flush(*os.Root) error {
	return fmt.Errorf("flush: %w", errors.ErrUnsupported)
}

func (flusher) close() error { return nil }
