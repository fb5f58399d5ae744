package main

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/mirror"
)

func TestLineProgress(t *testing.T) {
	var out bytes.Buffer
	p := &linePainter{w: &out, every: 10 * time.Second}
	p.paint([]mirror.Event{
		{Kind: mirror.EventNote, Source: "xp", Text: "the list has shrunk"},
		{Kind: mirror.EventRefresh, Source: "xp", Text: "new"},
		{Kind: mirror.EventPlan, Count: 600, Bytes: 3_000_000_000},
	}, tally{files: 600, bytes: 3_000_000_000}, time.Second)
	p.paint(nil, tally{files: 600, filesDone: 10, bytes: 3_000_000_000, bytesDone: 100_000_000}, 9*time.Second)
	p.paint(nil, tally{files: 600, filesDone: 20, failed: 1, bytes: 3_000_000_000, bytesDone: 200_000_000}, 10*time.Second)
	p.paint(nil, tally{files: 600, filesDone: 30, failed: 1, bytes: 3_000_000_000, bytesDone: 600_000_000}, 20*time.Second)
	p.finish(tally{}, 21*time.Second)
	want := `fetch 600 files, 3.0 GB as far as known
20 of 600 files, 200 MB of 3.0 GB, 1 failed, 20 MB/s, 2m20s left
30 of 600 files, 600 MB of 3.0 GB, 1 failed, 40 MB/s, 1m0s left
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestJSONProgress(t *testing.T) {
	var out bytes.Buffer
	p := &jsonPainter{w: &out}
	p.paint([]mirror.Event{{Kind: mirror.EventFile, Source: "xp", Update: "xp:1", File: "a.exe", Err: errors.New("cut short")}},
		tally{files: 2, filesDone: 1, failed: 1, bytes: 10, bytesDone: 5}, 1500*time.Millisecond)
	p.paint(nil, tally{files: 2, filesDone: 1, failed: 1, bytes: 10, bytesDone: 5}, 2*time.Second)
	want := `{"event":"file","source":"xp","update":"xp:1","file":"a.exe","error":"cut short"}
{"event":"progress","files":2,"files_done":1,"failed":1,"objects":0,"bytes":10,"bytes_done":5,"elapsed":1.5}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// stuck is a terminal that takes nothing until it is let go.
type stuck struct {
	let chan struct{}
	mu  sync.Mutex
	got strings.Builder
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(b)
}

// TestProgressNeverBlocks sends events from many goroutines while nothing can
// be written, and finds all of them counted.
func TestProgressNeverBlocks(t *testing.T) {
	terminal := &stuck{let: make(chan struct{})}
	d := newDisplay(&jsonPainter{w: terminal}, time.Millisecond)
	d.start()
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 1000 {
				d.event(mirror.Event{Kind: mirror.EventFile})
				d.event(mirror.Event{Kind: mirror.EventObject, Bytes: 1})
				d.arrived(1)
			}
		})
	}
	work.Wait() // for ever, if an event waits for the terminal
	close(terminal.let)
	d.stop()
	if got := strings.Count(terminal.got.String(), `"event":"file"`); got != 8000 {
		t.Errorf("got %d events, want 8000", got)
	}
	if want := `"files_done":8000,"failed":0,"objects":8000,"bytes":0,"bytes_done":16000`; !strings.Contains(terminal.got.String(), want) {
		t.Errorf("the sums are not %s", want)
	}
}

// TestBarDrawsNothingElsewhere: a bar on what is no terminal leaves no control
// characters, and one without work nothing at all.
func TestBarOnWhatIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(newBar(&out), time.Millisecond)
	d.start()
	d.event(mirror.Event{Kind: mirror.EventPlan, Count: 2, Bytes: 10})
	d.arrived(10)
	d.stop()
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Errorf("control characters: %q", out.String())
	}
}

func TestNoDisplayIsNoTrouble(t *testing.T) {
	d := new(app).newDisplay("none")
	if d != nil {
		t.Fatal("none is a display")
	}
	d.start()
	d.stop()
}
