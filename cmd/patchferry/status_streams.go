package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// streamReport is how one stream stands that this side follows (docs/json.md).
type streamReport struct {
	Name       string        `json:"name"` // as its origin calls it
	Stream     string        `json:"stream"`
	Origin     string        `json:"origin"`
	Bundle     string        `json:"bundle"` // the newest that was accepted: the high-water mark
	Epoch      uint32        `json:"epoch"`
	Seq        uint64        `json:"seq"`
	Header     layout.Digest `json:"header_sha256"`
	Created    layout.Time   `json:"created"`                // when that bundle was made
	Next       layout.Time   `json:"expected_next,omitzero"` // when the next one is due; none: nobody said
	Accepted   layout.Time   `json:"accepted"`               // when it was imported here
	Generation uint64        `json:"generation"`
	Stale      bool          `json:"stale"` // the next one is overdue
}

// streamReports says how each stream stands at a time.
func streamReports(state *layout.State, now time.Time) []streamReport {
	if state == nil {
		return nil
	}
	var all []streamReport
	for _, s := range state.Streams {
		all = append(all, streamReport{
			Name: s.Name, Stream: s.ID, Origin: s.Origin, Bundle: bundleName(&s), Epoch: s.Epoch, Seq: s.Seq, Header: s.Header,
			Created: s.Created, Next: s.Next, Accepted: s.Accepted, Generation: s.Position.Number,
			Stale: !s.Next.IsZero() && now.After(s.Next.Time()),
		})
	}
	slices.SortFunc(all, func(x, y streamReport) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Stream, y.Stream))
	})
	return all
}

// bundleName is the name of the newest bundle of a stream that was accepted.
func bundleName(s *layout.Stream) string {
	h := bundle.Header{StreamName: s.Name, Epoch: s.Epoch, Seq: s.Seq}
	return h.Name()
}

// clock returns the time that this side goes by, and by which it judges keys: that
// of the system's clock, but never before the newest date of what was accepted
// here; and how far the system's clock is behind that, at least a second, or 0. A
// clock that is behind is wrong, or that of the near side is, or it once was ahead.
func (s *site) clock(system time.Time) (now time.Time, behind time.Duration) {
	now = s.mark.Clock(func() time.Time { return system })()
	if behind = now.Sub(system); behind <= 0 {
		return now, 0
	}
	return now, max(behind.Round(time.Second), time.Second)
}

// clockWords says that the system's clock is wrong.
func clockWords(behind time.Duration) string {
	return fmt.Sprintf("%s behind the newest state or transfer bundle that was accepted here", behind)
}

// supply says how the streams stand, for hosts and monitoring.
func (s *site) supply(state *layout.State, system time.Time) distribute.Supply {
	now, behind := s.clock(system)
	all := distribute.Supply{ClockBehind: behind}
	for _, r := range streamReports(state, now) {
		all.Streams = append(all.Streams, distribute.Stream{Name: r.Name, ID: r.Stream, Seq: r.Seq, Created: r.Created, Due: r.Next, Stale: r.Stale})
	}
	return all
}

// printStreams adds a row for every stream, and one for a clock that is wrong.
func printStreams(w io.Writer, r *statusReport, now time.Time) {
	for i := range r.Streams {
		fmt.Fprintf(w, "stream %s\t%s\n", oneLine(r.Streams[i].Name, 40), r.Streams[i].sentence(now))
	}
	if r.ClockBehind > 0 {
		fmt.Fprintf(w, "clock\t%s: set the clock\n", clockWords(time.Duration(r.ClockBehind)*time.Second))
	}
}

func (r *streamReport) sentence(now time.Time) string {
	text := fmt.Sprintf("%s, generation %d, made %s, imported %s", r.Bundle, r.Generation,
		humanize.RelTime(r.Created.Time(), now, "ago", "from now"), humanize.RelTime(r.Accepted.Time(), now, "ago", "from now"))
	switch {
	case r.Stale:
		text += fmt.Sprintf("; the next one was due on %s (stale)", r.Next)
	case !r.Next.IsZero():
		text += fmt.Sprintf("; the next one is due on %s", r.Next)
	}
	return text
}

// streamsOf returns, for the updates that a name means, the names of the streams
// that have each, the one whose record counts first; none on a side that makes
// its own generations.
func (s *site) streamsOf(ctx context.Context, e *edition, name string) (map[string][]string, error) {
	type source struct {
		stream string
		gen    *layout.Generation
	}
	var sources []source
	for _, id := range slices.Sorted(maps.Keys(e.state.Streams)) {
		stream := e.state.Streams[id]
		gen, err := s.reader.Generation(ctx, stream.Position.Generation)
		if err != nil {
			return nil, fmt.Errorf("read the generation of stream %s: %w", stream.Name, err)
		}
		sources = append(sources, source{stream.Name, gen})
	}
	slices.SortStableFunc(sources, func(x, y source) int { return y.gen.Created.Time().Compare(x.gen.Created.Time()) })
	found := make(map[string][]string)
	for _, from := range sources {
		for u, err := range s.reader.Union(ctx, []*layout.Generation{from.gen}) {
			if err != nil {
				return nil, fmt.Errorf("read the catalog of stream %s: %w", from.stream, err)
			}
			if u.Is(name) {
				found[u.ID] = append(found[u.ID], from.stream)
			}
		}
	}
	return found, nil
}
