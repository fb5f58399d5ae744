package main

import (
	"io"
	"sync"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

// display shows long work on standard error. What happens is only counted and
// queued where it happens, so that work never waits for a slow terminal; one
// goroutine draws.
type display struct {
	painter painter
	every   time.Duration
	quit    chan struct{}
	ended   chan struct{}

	mu    sync.Mutex
	queue []mirror.Event
	tally tally
}

// tally sums up what has happened so far.
type tally struct {
	files, filesDone int   // planned; admitted or refused
	failed           int   // of these
	bytes, bytesDone int64 // planned, as far as known; arrived or read
	objects          int   // audited or removed
}

// painter shows what a display gathered. Its methods are called by one
// goroutine; began is the time since start.
type painter interface {
	paint(events []mirror.Event, t tally, began time.Duration)
	finish(t tally, began time.Duration)
}

// newDisplay returns the display that the operator asked for, or nil for none.
func (a *app) newDisplay(p config.Progress) *display {
	if p == "auto" {
		p = "lines"
		if isTerminal(a.stderr) {
			p = "bar"
		}
	}
	switch p {
	case "bar":
		return newDisplay(newBar(a.stderr), 100*time.Millisecond)
	case "json":
		return newDisplay(&jsonPainter{w: a.stderr}, time.Second)
	case "none":
		return nil
	}
	return newDisplay(&linePainter{w: a.stderr, every: 10 * time.Second}, time.Second)
}

func newDisplay(p painter, every time.Duration) *display {
	return &display{painter: p, every: every, quit: make(chan struct{}), ended: make(chan struct{})}
}

// event takes up one event of a job. It may be called concurrently.
func (d *display) event(e mirror.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e.Kind {
	case mirror.EventPlan:
		d.tally.files += e.Count
		d.tally.bytes += e.Bytes
	case mirror.EventFile:
		d.tally.filesDone++
		if e.Err != nil {
			d.tally.failed++
		}
	case mirror.EventObject:
		d.tally.objects++
		d.tally.bytesDone += e.Bytes
		return // too many to queue each
	case mirror.EventBytes:
		d.tally.bytesDone += e.Bytes
		return
	}
	d.queue = append(d.queue, e)
}

// arrived counts bytes that came over the wire. It may be called concurrently.
func (d *display) arrived(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.bytesDone += n
}

// take returns what happened since it was last called.
func (d *display) take() ([]mirror.Event, tally) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.queue
	d.queue = nil
	return events, d.tally
}

// start begins to draw; stop ends it. Both do nothing on no display.
func (d *display) start() {
	if d == nil {
		return
	}
	began := time.Now()
	go func() {
		defer close(d.ended)
		ticker := time.NewTicker(d.every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				events, t := d.take()
				d.painter.paint(events, t, time.Since(began))
			case <-d.quit:
				events, t := d.take()
				d.painter.paint(events, t, time.Since(began))
				d.painter.finish(t, time.Since(began))
				return
			}
		}
	}()
}

func (d *display) stop() {
	if d == nil {
		return
	}
	close(d.quit)
	<-d.ended
}

// jsonPainter writes every event as one line of JSON, and how far the work is.
type jsonPainter struct {
	w    io.Writer
	last tally
}

// jsonEvent is an event with --progress=json (docs/json.md).
type jsonEvent struct {
	mirror.Event
	Error string `json:"error,omitempty"`
}

// jsonTally is the event "progress".
type jsonTally struct {
	Event     string  `json:"event"`
	Files     int     `json:"files"`
	FilesDone int     `json:"files_done"`
	Failed    int     `json:"failed"`
	Objects   int     `json:"objects"`
	Bytes     int64   `json:"bytes"`
	BytesDone int64   `json:"bytes_done"`
	Elapsed   float64 `json:"elapsed"` // seconds
}

func (p *jsonPainter) paint(events []mirror.Event, t tally, began time.Duration) {
	for _, e := range events {
		line := jsonEvent{Event: e}
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
		_ = writeJSON(p.w, line) // who does not read the progress loses it
	}
	if t != p.last {
		p.last = t
		p.write(t, began)
	}
}

func (p *jsonPainter) finish(t tally, began time.Duration) { p.write(t, began) }

func (p *jsonPainter) write(t tally, began time.Duration) {
	_ = writeJSON(p.w, jsonTally{
		Event: "progress", Files: t.files, FilesDone: t.filesDone, Failed: t.failed, Objects: t.objects,
		Bytes: t.bytes, BytesDone: t.bytesDone, Elapsed: began.Round(time.Millisecond).Seconds(),
	})
}
