package main

import (
	"strings"

	"patchferry/distribute"
	"patchferry/layout"
)

// wordOn returns what a host says of an item of the set of its kind. In sets for several
// kinds of host the same package has its architecture and language behind its id
// (KB824146-x86-EN): that the host has one of these counts, too, where that is the newer
// word. That another one is not for it says nothing.
func wordOn(h *distribute.Host, id string) distribute.HostUpdate {
	word := h.Updates[id]
	for other, u := range h.Updates {
		there := u.State.Done() && u.State != layout.OutcomeNotApplicable
		if there && strings.HasPrefix(other, id+"-") && !word.State.Done() && !u.At.Time().Before(word.At.Time()) {
			word = u
		}
	}
	return word
}
