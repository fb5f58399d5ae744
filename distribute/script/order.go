package script

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strings"

	"patchferry/layout"
)

// byName orders drafts by what is theirs alone, so that the order in which updates
// came makes no difference.
func byName(a, b *draft) int {
	return cmp.Or(cmp.Compare(a.Update, b.Update), cmp.Compare(a.Path, b.Path))
}

func compareLeft(a, b Left) int {
	return cmp.Or(cmp.Compare(a.Update, b.Update), cmp.Compare(a.File, b.File), cmp.Compare(a.Why, b.Why))
}

// maxNamed is how many items of a set may bear one name that others speak of. A
// name with more says nothing: neither orders nor supersedes.
const maxNamed = 2000

// maxPairs is how many pairs of items are looked at for prerequisites, and how many
// for supersedence: a hundred times what real catalogs have, some seconds.
const maxPairs = 20_000_000

// named finds items by what prerequisites and supersedence call them: the id of
// the update with or without its source, its article, its bulletins.
type named map[string][]int

func namesOf(drafts []*draft) named {
	n := make(named)
	for i, d := range drafts {
		seen := make(map[string]bool)
		for _, name := range spoken(d) {
			if !seen[name] {
				seen[name] = true
				n[name] = append(n[name], i)
			}
		}
	}
	for name, items := range n {
		if len(items) > maxNamed {
			delete(n, name)
		}
	}
	return n
}

// spoken returns the folded names of an item.
func spoken(d *draft) []string {
	all := []string{layout.Fold(d.Update)}
	if _, native, ok := strings.Cut(d.Update, ":"); ok {
		all = append(all, layout.Fold(native))
	}
	for _, kb := range []string{d.KB, d.update.KB} {
		if kb != "" {
			all = append(all, kb)
		}
	}
	for _, b := range d.update.Bulletins {
		all = append(all, layout.Fold(b))
	}
	return all
}

// find returns the items that a word names: an article also with its letters.
func (n named) find(word string) []int {
	word = layout.Fold(strings.TrimSpace(word))
	if items, ok := n[word]; ok {
		return items
	}
	for _, prefix := range []string{"kb", "q"} {
		if article, ok := strings.CutPrefix(word, prefix); ok && only(article, "0123456789", 8) {
			return n[article]
		}
	}
	return nil
}

// inOrder returns the drafts in the order in which they are run: service packs,
// SHA-2 support, servicing stacks, installers, the rest by day; but each after
// what it needs and after what it supersedes. Circles are cut at the item that
// comes first by phase, day and id, and noted.
func inOrder(drafts []*draft) ([]*draft, []string) {
	after, whole := edges(drafts)
	g := newGraph(len(drafts), after)
	g.inherit(drafts)
	ready := &queue{drafts: drafts, phase: g.phase, step: g.step}
	for i := range drafts {
		if g.waits[i] == 0 {
			ready.items = append(ready.items, i)
		}
	}
	heap.Init(ready)
	left := make([]int, len(drafts))
	for i := range left {
		left[i] = i
	}
	slices.SortFunc(left, ready.compare)
	var ordered []*draft
	var notes []string
	if !whole {
		notes = append(notes, "there are too many prerequisites: the order is by day from some item on")
	}
	done := make([]bool, len(drafts))
	for len(ordered) < len(drafts) {
		if ready.Len() == 0 {
			for done[left[0]] {
				left = left[1:]
			}
			notes = append(notes, fmt.Sprintf("%s waits for what waits for it: it goes first", drafts[left[0]].ID))
			g.waits[left[0]] = 0
			heap.Push(ready, left[0])
		}
		i := heap.Pop(ready).(int)
		if done[i] {
			continue
		}
		done[i] = true
		ordered = append(ordered, drafts[i])
		for _, next := range g.before[i] {
			g.waits[next]--
			if g.waits[next] == 0 && !done[next] {
				heap.Push(ready, next)
			}
		}
	}
	return ordered, notes
}

// edges returns for each item those that must come before it, and whether all was
// looked at. Of several updates of which any would do all that are in the set come
// before.
func edges(drafts []*draft) ([][]int, bool) {
	n := namesOf(drafts)
	pairs := 0
	after := make([][]int, len(drafts))
	for i, d := range drafts {
		add := func(word string) {
			if pairs > maxPairs {
				return
			}
			found := n.find(word)
			pairs += 1 + len(found)
			for _, j := range found {
				if drafts[j].Update != d.Update && meets(&d.Gate, &drafts[j].Gate) {
					after[i] = append(after[i], j)
				}
			}
		}
		for _, any := range d.update.Prerequisites {
			for _, word := range any {
				add(word)
			}
		}
		for _, word := range d.update.Supersedes {
			add(word)
		}
		slices.Sort(after[i])
		after[i] = slices.Compact(after[i])
	}
	return after, pairs <= maxPairs
}

// meets reports whether some host may be admitted by both: their architectures and
// languages have something in common.
func meets(a, b *Gate) bool {
	common := func(x layout.Arch) bool { return slices.Contains(b.Arch, x) }
	return (a.Language == "" || b.Language == "" || a.Language == b.Language) &&
		(len(a.Arch) == 0 || len(b.Arch) == 0 || slices.ContainsFunc(a.Arch, common))
}

// graph holds who waits for whom.
type graph struct {
	after  [][]int // what comes before an item
	before [][]int // what comes after it
	waits  []int   // how many of after are not done
	phase  []int   // of the item, or of the first of those that wait for it
	step   []int
}

func newGraph(n int, after [][]int) *graph {
	g := &graph{after: after, before: make([][]int, n), waits: make([]int, n), phase: make([]int, n), step: make([]int, n)}
	for i, all := range after {
		g.waits[i] = len(all)
		for _, j := range all {
			g.before[j] = append(g.before[j], i)
		}
	}
	return g
}

// inherit gives what an early item waits for the phase of that item, so that it
// comes early too.
func (g *graph) inherit(drafts []*draft) {
	var work []int
	for i, d := range drafts {
		g.phase[i], g.step[i] = d.phase, d.step
		work = append(work, i)
	}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		for _, j := range g.after[i] {
			if cmp.Or(cmp.Compare(g.phase[i], g.phase[j]), cmp.Compare(g.step[i], g.step[j])) < 0 {
				g.phase[j], g.step[j] = g.phase[i], g.step[i]
				work = append(work, j)
			}
		}
	}
}

// queue is a heap of the items that wait for nothing.
type queue struct {
	drafts      []*draft
	phase, step []int
	items       []int
}

func (q *queue) compare(i, j int) int {
	a, b := q.drafts[i], q.drafts[j]
	return cmp.Or(
		cmp.Compare(q.phase[i], q.phase[j]), cmp.Compare(q.step[i], q.step[j]),
		cmp.Compare(a.Released, b.Released), cmp.Compare(len(a.KB), len(b.KB)), cmp.Compare(a.KB, b.KB), byName(a, b))
}

func (q *queue) Len() int           { return len(q.items) }
func (q *queue) Less(a, b int) bool { return q.compare(q.items[a], q.items[b]) < 0 }
func (q *queue) Swap(a, b int)      { q.items[a], q.items[b] = q.items[b], q.items[a] }
func (q *queue) Push(x any)         { q.items = append(q.items, x.(int)) }
func (q *queue) Pop() any {
	last := len(q.items) - 1
	x := q.items[last]
	q.items = q.items[:last]
	return x
}
