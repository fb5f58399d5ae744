package fill

import (
	"slices"
	"sort"
)

// span is the bytes [Start, End) of a file.
type span struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

func (s span) size() int64 { return s.End - s.Start }

// extents is a set of bytes of a file.
//
// Invariant: the spans are not empty, sorted, and do not touch one another.
type extents []span

// after returns the index of the first span that ends after offset.
func (e extents) after(offset int64) int {
	return sort.Search(len(e), func(i int) bool { return e[i].End > offset })
}

// add puts s into the set.
func (e *extents) add(s span) {
	if s.Start >= s.End {
		return
	}
	old := *e
	from := sort.Search(len(old), func(i int) bool { return old[i].End >= s.Start })
	to := from
	for to < len(old) && old[to].Start <= s.End {
		s.Start, s.End = min(s.Start, old[to].Start), max(s.End, old[to].End)
		to++
	}
	if to == from+1 { // grows in place: what happens most
		old[from] = s
		return
	}
	*e = slices.Replace(old, from, to, s)
}

// remove takes s out of the set.
func (e *extents) remove(s span) {
	if s.Start >= s.End {
		return
	}
	var kept extents
	for _, x := range *e {
		if left := (span{x.Start, min(x.End, s.Start)}); left.Start < left.End {
			kept = append(kept, left)
		}
		if right := (span{max(x.Start, s.End), x.End}); right.Start < right.End {
			kept = append(kept, right)
		}
	}
	*e = kept
}

// reach returns up to where all bytes from offset on are in the set; offset itself
// where that one is not.
func (e extents) reach(offset int64) int64 {
	i := e.after(offset)
	if i == len(e) || e[i].Start > offset {
		return offset
	}
	return e[i].End
}

// gap returns the first bytes from offset on that are not in the set, up to the next
// one that is, or to end. It is empty where there are none before end.
func (e extents) gap(offset, end int64) span {
	i := e.after(offset)
	if i < len(e) && e[i].Start <= offset {
		offset = e[i].End
		i++
	}
	if offset >= end {
		return span{end, end}
	}
	if i < len(e) {
		end = min(end, e[i].Start)
	}
	return span{offset, end}
}

// size returns how many bytes the set has.
func (e extents) size() int64 {
	var n int64
	for _, s := range e {
		n += s.size()
	}
	return n
}

// valid reports whether what was read back is a set of bytes of a file of that size.
func (e extents) valid(size int64) bool {
	last := int64(-1)
	for _, s := range e {
		if s.Start <= last || s.End <= s.Start || s.End > size || s.Start < 0 {
			return false
		}
		last = s.End
	}
	return true
}
