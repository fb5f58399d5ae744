//go:build !linux

package store

import (
	"errors"
	"fmt"
	"os"
)

// LinkFile cannot be had here.
func (r *rootFS) LinkFile(old *os.File, _ string) error {
	return fmt.Errorf("link the open file %s: %w", old.Name(), errors.ErrUnsupported)
}
