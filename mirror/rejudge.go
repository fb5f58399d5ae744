package mirror

import (
	"patchferry/layout"
	"patchferry/verify"
)

// Rejudged returns a notice that came over a gap as this side sees it: its
// document judged by judge, by the keys and pins of here, and read with read where
// it counts here and did not there. A document that counts for both is as its
// origin read it, and one that counts here for nothing announces nothing. What
// the origin took from a publisher that signs nothing stays unsigned.
func Rejudged(n *layout.Notice, judge *verify.Judge, read ReadFunc, doc verify.Document) *layout.Notice {
	j := judgement(judge, n.Verdict == layout.Unsigned, doc)
	if j.Verdict == n.Verdict {
		return n
	}
	here := *n
	g := &gazette{src: &BulletinSource{Read: read}, judge: judge}
	_ = g.describe(&here, j, doc.Original) // what cannot be read of it, it does not announce
	return &here
}
