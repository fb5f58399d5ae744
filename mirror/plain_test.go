package mirror_test

import (
	"testing"

	"patchferry/mirror/upstream/hostile"
)

// plainPublisher serves a list over http.
func plainPublisher(t *testing.T, list []byte) string {
	t.Helper()
	p := hostile.New(map[string][]byte{"/list": list})
	t.Cleanup(p.Close)
	return p.URL("")
}
