package verify_test

import (
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/verify"
)

// BenchmarkJudge judges the advisories of one publisher: RSA-4096, SHA-512.
func BenchmarkJudge(b *testing.B) {
	dir := signedDir(b)
	var docs []verify.Document
	var size int64
	for _, e := range expectations(b, dir) {
		if strings.HasPrefix(e.document, "cisa-csaf/") {
			d := e.read(b, dir)
			docs = append(docs, d)
			size += int64(len(d.Original))
		}
	}
	keys := ring(b, dir, "keys/cisa-csaf-signing.asc")
	judge := &verify.Judge{Keys: keys, Pins: verify.PinAll(keys, false), Clock: clock(noon)}
	b.SetBytes(size / int64(len(docs)))
	n := 0
	for b.Loop() {
		if got := judge.Document(docs[n%len(docs)]); got.Verdict != layout.Valid {
			b.Fatalf("got %s %q", got.Verdict, got.Reasons)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "documents/s")
}
