package s3_test

import (
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"patchferry/layout"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// TestProbe: versitygw honours everything, no scratch key is left, and none is
// ever listed.
func TestProbe(t *testing.T) {
	e := s3test.Start(t)
	c := e.Bucket(t)
	b := create(t, c)
	p, err := b.Probe(t.Context())
	check(t, err)
	for _, got := range p.Checks {
		t.Logf("%-22s %-9s %s %s", got.Name, got.Result, got.Found, got.Instead)
		if got.Result != s3.Honoured && e.Ours() {
			t.Errorf("%s: got %s: %s", got.Name, got.Result, got.Found)
		}
	}
	if !p.Writable() || p.Skew.Abs() > time.Minute {
		t.Errorf("writable: got %v, skew %s", p.Writable(), p.Skew)
	}
	t.Log(p.Engine)
	for o := range e.Client().ListObjectsIter(t.Context(), c.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		check(t, o.Err)
		if o.Key != "format" {
			t.Errorf("left behind: %s", o.Key)
		}
	}
	for got, err := range b.List(t.Context(), layout.Digest{}) {
		t.Errorf("list: got %v, %v", got, err)
	}
}
