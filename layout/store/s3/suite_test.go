package s3_test

import (
	"errors"
	"testing"

	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
	"patchferry/layout/store/storetest"
)

// TestBucketSuite: a bucket is a store like any other, at its root and below a
// prefix.
func TestBucketSuite(t *testing.T) {
	e := s3test.Start(t)
	for _, prefix := range []string{"", "site/patchferry"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				c := e.Bucket(t)
				c.Prefix = prefix
				return create(t, c)
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	e := s3test.Start(t)
	c := e.Bucket(t)
	_, err := s3.Open(t.Context(), c)
	if !errors.Is(err, store.ErrNoStore) {
		t.Errorf("open of an empty bucket: got %v", err)
	}
}
