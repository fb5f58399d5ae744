package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"patchferry/verify"

	"patchferry/layout/durable"
)

// TestPinFileKeepsEveryChange lets many writers change one file at once: none
// may write back what it read before another's change.
func TestPinFileKeepsEveryChange(t *testing.T) {
	const writers, each = 8, 6
	path := filepath.Join(t.TempDir(), "pins")
	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			for i := range each {
				p := verify.Pin{Fingerprint: verify.Fingerprint(fmt.Sprintf("%036X%02X%02X", 0, w, i)), Purpose: verify.PurposeBulletin}
				err := verify.PinFile{Path: path}.Update(t.Context(), func(pins *verify.Pins) error { return pins.Add(p) })
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	pins, err := verify.PinFile{Path: path}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(pins.All()); got != writers*each {
		t.Errorf("got %d pins, want %d", got, writers*each)
	}
}

// TestPinFileStopsWaiting ends the context of a change that another holds up.
func TestPinFileStopsWaiting(t *testing.T) {
	file := verify.PinFile{Path: filepath.Join(t.TempDir(), "pins")}
	err := file.Update(t.Context(), func(*verify.Pins) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return file.Update(ctx, func(*verify.Pins) error {
			t.Error("two changes at once")
			return nil
		})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestWriteNewAndReplace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key.asc")
	if err := durable.WriteNew(name, 0o600, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteNew(name, 0o600, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want one that matches fs.ErrExist", err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "one" {
		t.Errorf("got %q, %v, want the first content", got, err)
	}
	if err := durable.Replace(name, 0o644, []byte("three")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != "three" {
		t.Errorf("got %q, %v, want the new content", got, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v, want mode 0644", info, err)
	}
	if err := durable.Replace(filepath.Join(name, "below"), 0o644, nil); err == nil {
		t.Error("a file below a file was written")
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want no file left over", entries, err)
	}
}
