package verify

import (
	"crypto/sha256"
	"fmt"

	"patchferry/layout"
)

// Basis returns a digest of everything that a judgement depends on besides the
// document and the clock: keys, pins, profile, source and limits. Where it is
// the same, judging again finds the same.
func (j *Judge) Basis() layout.Digest {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n", j.Profile, j.Source, j.MD5Until, j.SHA1Until)
	if j.Pins != nil {
		// A hash takes everything that is written to it.
		_, _ = j.Pins.WriteTo(h)
	}
	if j.Keys != nil {
		for _, block := range j.Keys.blocks {
			fmt.Fprintf(h, "%d\n", len(block))
			h.Write(block)
		}
	}
	return layout.Digest(h.Sum(nil))
}
