package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"patchferry/mirror"
)

// linePainter writes a line now and then, and one for what people should know
// at once.
type linePainter struct {
	w      io.Writer
	every  time.Duration
	next   time.Duration // when the next line is due
	before tally         // at the last line
	at     time.Duration // of the last line
}

func (p *linePainter) paint(events []mirror.Event, t tally, began time.Duration) {
	for _, e := range events {
		if text := sentence(e); text != "" {
			fmt.Fprintln(p.w, text)
		}
	}
	if p.next == 0 {
		p.next = p.every
	}
	if began < p.next || t == (tally{}) {
		return
	}
	p.next += p.every
	fmt.Fprintln(p.w, p.line(t, began))
	p.before, p.at = t, began
}

func (p *linePainter) finish(tally, time.Duration) {}

// line says how far the work is, how fast it goes, and how long it will last.
func (p *linePainter) line(t tally, began time.Duration) string {
	var words []string
	if t.files > 0 {
		words = append(words, fmt.Sprintf("%d of %d files", t.filesDone, t.files))
	}
	if t.objects > 0 {
		words = append(words, fmt.Sprintf("%d objects", t.objects))
	}
	done := humanize.Bytes(uint64(t.bytesDone))
	if t.bytes > 0 {
		done += " of " + humanize.Bytes(uint64(t.bytes))
	}
	words = append(words, done)
	if t.failed > 0 {
		words = append(words, fmt.Sprintf("%d failed", t.failed))
	}
	rate := float64(t.bytesDone-p.before.bytesDone) / (began - p.at).Seconds()
	words = append(words, humanize.Bytes(uint64(max(rate, 0)))+"/s")
	if left := t.bytes - t.bytesDone; left > 0 && rate > 0 {
		words = append(words, time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second).String()+" left")
	}
	return strings.Join(words, ", ")
}

// sentence says an event to people, where it is worth a line. Failures and
// problems are in the report at the end.
func sentence(e mirror.Event) string {
	if e.Kind != mirror.EventPlan || e.Count == 0 {
		return ""
	}
	size := "of unknown size"
	if e.Bytes > 0 {
		size = humanize.Bytes(uint64(e.Bytes)) + " as far as known"
	}
	return fmt.Sprintf("fetch %s, %s", plural(e.Count, "file", "files"), size)
}

// barPainter draws a bar on a terminal, from the first paint on.
type barPainter struct {
	w     io.Writer
	all   *mpb.Progress          // nil until there is something to say
	bar   *mpb.Bar               // nil until there is something to draw
	count atomic.Pointer[string] // read by the goroutine of mpb
}

func newBar(w io.Writer) *barPainter { return &barPainter{w: w} }

func (p *barPainter) paint(events []mirror.Event, t tally, _ time.Duration) {
	if p.all == nil {
		p.all = mpb.New(mpb.WithOutput(p.w), mpb.WithWidth(64), mpb.WithRefreshRate(200*time.Millisecond))
	}
	for _, e := range events {
		if text := sentence(e); text != "" {
			fmt.Fprintln(p.all, text) // above the bar
		}
	}
	if t.bytesDone == 0 && t.files == 0 {
		return
	}
	count := counted(t)
	p.count.Store(&count)
	if p.bar == nil {
		p.bar = p.all.AddBar(0,
			mpb.PrependDecorators(
				decor.Any(func(decor.Statistics) string { return *p.count.Load() }, decor.WCSyncSpaceR),
				decor.CountersKiloByte("% .1f / % .1f"),
			),
			mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1000(0), "% .1f"), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)),
		)
	}
	p.bar.SetTotal(max(t.bytes, t.bytesDone+1), false)
	p.bar.SetCurrent(t.bytesDone)
}

func counted(t tally) string {
	if t.files > 0 {
		return fmt.Sprintf("%d/%d files", t.filesDone, t.files)
	}
	return plural(t.objects, "object", "objects")
}

func (p *barPainter) finish(t tally, _ time.Duration) {
	if p.bar != nil {
		p.bar.SetTotal(t.bytesDone, true)
	}
	p.all.Wait()
}
