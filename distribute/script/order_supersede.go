package script

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchferry/layout"
)

// withoutSuperseded leaves out what others of the set make needless: what one of
// them supersedes for at least the same hosts, what a service pack in the set
// includes, and all but the newest of what is cumulative. Items that supersede
// each other in a circle all stay.
func withoutSuperseded(drafts []*draft) ([]*draft, []Left) {
	by := superseders(drafts)
	circle := circles(by)
	var kept []*draft
	var left []Left
	for i, d := range drafts {
		at := slices.IndexFunc(by[i], func(j int) bool { return circle[j] != circle[i] })
		if at < 0 {
			kept = append(kept, d)
			continue
		}
		winner := drafts[by[i][at]]
		verb := "superseded by"
		if winner.Kind == layout.KindServicePack {
			verb = "included in"
		}
		left = append(left, Left{Update: d.Update, File: d.file.Name, Why: fmt.Sprintf("%s %s, which is in the set", verb, called(winner))})
	}
	return kept, left
}

// withoutCopies leaves out files that are byte for byte those of another item for
// at least the same hosts: records of several sources are never merged, and one
// file stands in the records of several releases.
func withoutCopies(drafts []*draft) ([]*draft, []Left) {
	var kept []*draft
	var left []Left
	same := make(map[layout.Digest][]*draft)
	for _, d := range drafts {
		at := slices.IndexFunc(same[d.SHA256], func(k *draft) bool { return k.Gate.covers(&d.Gate) })
		if at >= 0 && !d.SHA256.IsZero() {
			left = append(left, Left{Update: d.Update, File: d.file.Name, Why: "the same file as that of " + title(same[d.SHA256][at].Update) + ", which is in the set"})
			continue
		}
		if len(same[d.SHA256]) < maxNamed {
			same[d.SHA256] = append(same[d.SHA256], d)
		}
		kept = append(kept, d)
	}
	return kept, left
}

// called names an item for people.
func called(d *draft) string {
	if d.KB != "" {
		return "KB" + d.KB
	}
	return d.Title
}

// superseders returns for each item those that make it needless, the newest first.
func superseders(drafts []*draft) [][]int {
	by := make([][]int, len(drafts))
	pairs := 0
	note := func(winner, loser int) {
		pairs++
		if pairs > maxPairs {
			return // then what is superseded stays, which is only slower
		}
		if winner != loser && drafts[winner].Update != drafts[loser].Update && drafts[winner].Gate.covers(&drafts[loser].Gate) {
			by[loser] = append(by[loser], winner)
		}
	}
	names, packs := namesOf(drafts), 0
	for _, d := range drafts {
		if d.Kind == layout.KindServicePack {
			packs++
		}
	}
	for i, d := range drafts {
		for _, word := range d.update.Supersedes {
			for _, j := range names.find(word) {
				note(i, j)
			}
		}
		if d.Kind == layout.KindServicePack && packs <= maxNamed {
			for j, other := range drafts {
				if other.Detect.SP > 0 && other.Detect.SP <= d.pack.level && other.Kind != layout.KindServicePack {
					note(i, j)
				}
			}
		}
	}
	for _, series := range cumulative(drafts) {
		newest := series[len(series)-1]
		for _, j := range series[:len(series)-1] {
			note(newest, j)
		}
	}
	for i := range by {
		slices.SortFunc(by[i], func(a, b int) int {
			return cmp.Or(cmp.Compare(drafts[b].Released, drafts[a].Released), byName(drafts[b], drafts[a]))
		})
	}
	return by
}

// Titles of what Microsoft publishes anew each month with all that came before:
// "2026-11 Cumulative Update for Windows 11 Version 24H2 for x64-based Systems
// (KB5050009)". Without month, article and revision the titles of a series are
// equal.
var (
	cumulativeTitle = regexp.MustCompile(`(?i)\bcumulative update\b|\bmonthly quality rollup\b|\bservicing stack update\b|\bmalicious software removal tool\b|\bcumulative security update\b`)
	passing         = regexp.MustCompile(`(?i)^\s*\d{4}-\d\d\s|\((?:KB)?\d+\)|\bkb\d+\b|\bpreview( of)?\b| - v\d+\.\d+\b|- (january|february|march|april|may|june|july|august|september|october|november|december) \d{4}`)
)

// cumulative returns the series of which only the newest is needed, each from the
// oldest to the newest. Definitions of Defender are one by their file name. What
// has no day of release is in none.
func cumulative(drafts []*draft) [][]int {
	series := make(map[string][]int)
	for i, d := range drafts {
		key := ""
		switch {
		case d.Released == "":
		case d.Kind == layout.KindDefender:
			key = "defender " + layout.Fold(stem(d.file.Name))
		case cumulativeTitle.MatchString(d.update.Title):
			key = strings.Join(strings.Fields(layout.Fold(passing.ReplaceAllString(d.update.Title, " "))), " ")
		}
		if key != "" {
			key += fmt.Sprintf("\n%s\n%v", d.Kind, d.Gate)
			series[key] = append(series[key], i)
		}
	}
	var all [][]int
	for _, s := range series {
		slices.SortFunc(s, func(a, b int) int {
			return cmp.Or(cmp.Compare(drafts[a].Released, drafts[b].Released), cmp.Compare(len(drafts[a].KB), len(drafts[b].KB)),
				cmp.Compare(drafts[a].KB, drafts[b].KB), byName(drafts[a], drafts[b]))
		})
		all = append(all, s)
	}
	return all
}

// circles numbers the items so that two have the same number where each leads to
// the other (Tarjan's strongly connected components, without recursion).
func circles(next [][]int) []int {
	const unseen = -1
	n := len(next)
	number, low, at := make([]int, n), make([]int, n), make([]int, n)
	circle := make([]int, n)
	for i := range number {
		number[i], circle[i] = unseen, unseen
	}
	var stack, path []int
	count := 0
	for root := range n {
		if number[root] != unseen {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			v := path[len(path)-1]
			if number[v] == unseen {
				number[v], low[v] = count, count
				count++
				stack = append(stack, v)
			}
			if at[v] < len(next[v]) {
				w := next[v][at[v]]
				at[v]++
				if number[w] == unseen {
					path = append(path, w)
				} else if circle[w] == unseen {
					low[v] = min(low[v], number[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				parent := path[len(path)-1]
				low[parent] = min(low[parent], low[v])
			}
			if low[v] == number[v] {
				stack = settle(stack, v, circle)
			}
		}
	}
	return circle
}

// settle takes a circle that begins with v off the stack.
func settle(stack []int, v int, circle []int) []int {
	for {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		circle[w] = v
		if w == v {
			return stack
		}
	}
}
