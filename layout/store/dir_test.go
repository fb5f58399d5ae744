package store_test

import (
	"testing"

	"go.uber.org/goleak"

	"patchferry/layout/store"
	"patchferry/layout/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newDir makes a store in a new folder.
func newDir(t testing.TB) *store.Dir {
	t.Helper()
	d, err := store.CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func TestDirSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return newDir(t) })
}
