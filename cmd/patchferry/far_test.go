package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// config adds lines to the configuration of a side.
func (g *gap) config(dir, lines string) {
	g.t.Helper()
	name := filepath.Join(dir, "patchferry.toml")
	text, err := os.ReadFile(name)
	if err != nil {
		g.t.Fatal(err)
	}
	g.write(name, append(text, "\n"+lines...))
}

// status looks at a side by a clock.
func (g *gap) status(dir string, at time.Time) statusReport {
	g.t.Helper()
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml")}}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := a.status(g.t.Context(), &l.Config, at)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// page returns what a server answers, which must be this status.
func page(t *testing.T, url string, want int) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Errorf("GET %s: status %d, want %d:\n%s", url, resp.StatusCode, want, body)
	}
	return string(body)
}

// becomes waits until a server answers a path so.
func becomes(t *testing.T, url string, want int) {
	t.Helper()
	got := 0
	for range 1000 {
		if got = status(t, url); got == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("GET %s: status %d after 10 s, want %d", url, got, want)
}

// TestServeFarSide follows a far side from the empty store on under one running
// server: imports, promotions, holds, revocations and reverts show within seconds.
func TestServeFarSide(t *testing.T) {
	g := newGap(t)
	url := serveRings(t, g.far)
	if got := page(t, url, http.StatusServiceUnavailable); !strings.Contains(got, "patchferry import DIR") {
		t.Errorf("before the first import the server says %q", got)
	}
	page(t, url+"healthz", http.StatusOK)
	page(t, url+"readyz", http.StatusServiceUnavailable)
	g.on(g.far, "import", g.export())
	first := fmt.Sprintf("objects/sha256/%x", sha256.Sum256([]byte("MZ english")))
	second := fmt.Sprintf("objects/sha256/%x", sha256.Sum256([]byte("MZ german")))
	becomes(t, url+"rings/test/"+first, http.StatusOK)
	becomes(t, url+first, http.StatusNotFound) // production has nothing yet
	page(t, url+"readyz", http.StatusOK)
	if got := page(t, url, http.StatusOK); !strings.Contains(got, `href="/rings/"`) {
		t.Error("the start page does not link to the rings")
	}
	if got := page(t, url+"rings/test/?format=json", http.StatusOK); !strings.Contains(got, `/rings/test/Software/`) {
		t.Errorf("ring test lists %s", got)
	}
	if got := page(t, url+"metrics", http.StatusOK); !strings.Contains(got, "patchferry_stream_seq{id=") {
		t.Error("the metrics do not name the stream")
	}
	g.on(g.far, "promote", "production", "--from", "test")
	becomes(t, url+first, http.StatusOK)
	g.list(firstFile, secondFile)
	g.on(g.near, "sync")
	g.on(g.far, "import", g.export())
	becomes(t, url+"rings/test/"+second, http.StatusOK)
	page(t, url+second, http.StatusNotFound)
	g.on(g.far, "promote", "production", "KB841720", "--from", "test")
	becomes(t, url+second, http.StatusOK)
	g.on(g.far, "hold", "KB841720", "--reason", "breaks the scanner")
	becomes(t, url+second, http.StatusNotFound)
	g.on(g.far, "release", "KB841720")
	becomes(t, url+second, http.StatusOK)
	g.on(g.far, "revert", "production", "--to", "2", "--reason", "as before")
	becomes(t, url+second, http.StatusNotFound)
	g.on(g.far, "revoke", "KB841720", "--reason", "withdrawn")
	becomes(t, url+"rings/test/"+second, http.StatusGone)
	page(t, url+first, http.StatusOK)
	g.on(g.near, "revoke", "KB835732", "--reason", "withdrawn by the publisher")
	g.on(g.far, "import", g.export()) // what its generation revokes is gone in every ring at once
	becomes(t, url+first, http.StatusGone)
	becomes(t, url+"rings/test/"+first, http.StatusGone)
	if got := page(t, url, http.StatusOK); strings.Contains(got, "banner\"") {
		t.Error("the start page has a banner, and nothing is overdue")
	}
}

// TestServeFarSideBulletins finds the publishers' documents in the tree, for
// whoever has their key.
func TestServeFarSideBulletins(t *testing.T) {
	g := newGap(t)
	g.on(g.far, "import", g.export())
	g.on(g.far, "promote", "production", "--from", "test")
	url := serveRings(t, g.far)
	if got := page(t, url+"Bulletins/?format=json", http.StatusOK); !strings.Contains(got, "mail") {
		t.Errorf("the tree has the bulletins %s", got)
	}
}

// TestFarSideStale imports a bundle whose next one is overdue at once: it is
// served, and everybody who looks is told.
func TestFarSideStale(t *testing.T) {
	g := newGap(t)
	g.config(g.near, "[[stream]]\nname = \"main\"\nevery = \"1ms\"\n")
	g.config(g.far, "[hooks]\non_stale = [\"/bin/sh\", \"-c\", \"cat >> told\"]\n")
	medium := g.export()
	g.says(g.far, exitFailed, "patchferry import DIR", "show", "KB835732")
	g.on(g.far, "import", medium)
	var told staleEvent
	text, err := os.ReadFile(filepath.Join(g.far, "told"))
	if err := errors.Join(err, json.Unmarshal(text, &told)); err != nil {
		t.Fatal(err)
	}
	if len(told.Streams) != 1 || told.Streams[0].Name != "main" || told.Streams[0].Bundle != "main-e001-s000001" ||
		told.Summary != "patchferry: the next transfer bundle of 1 stream is overdue: main" {
		t.Errorf("on_stale was told %s", text)
	}
	g.says(g.far, exitStale, "stream main      main-e001-s000001, generation 1, made", "status")
	g.says(g.far, exitStale, "stale: a transfer bundle is overdue", "status")
	g.says(g.far, exitDone, "warn", "doctor")
	url := serveRings(t, g.far)
	if got := page(t, url, http.StatusOK); !strings.Contains(got, "transfer bundle of stream main was due on") {
		t.Error("the start page has no banner")
	}
	if got := page(t, url+"metrics", http.StatusOK); !strings.Contains(got, `stream="main"} 1`) {
		t.Error("the metric does not say so")
	}
	page(t, fmt.Sprintf("%srings/test/objects/sha256/%x", url, sha256.Sum256([]byte("MZ english"))), http.StatusOK)
	again, err := os.ReadFile(filepath.Join(g.far, "told"))
	if err != nil || string(again) != string(text) {
		t.Errorf("on_stale was told twice: %s (%v)", again, err)
	}
}

// TestFarSideClock looks at a far side by a clock that was set back and by one
// that is right.
func TestFarSideClock(t *testing.T) {
	g := newGap(t)
	g.config(g.near, "[[stream]]\nname = \"main\"\nevery = \"1d\"\n")
	g.on(g.far, "import", g.export())
	now := time.Now()
	for _, test := range []struct {
		name   string
		at     time.Time
		stale  bool
		behind bool
	}{
		{"now", now.Add(time.Second), false, false},
		{"in time", now.Add(23 * time.Hour), false, false},
		{"late", now.Add(25 * time.Hour), true, false},
		{"clock set back", now.AddDate(-1, 0, 0), false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := g.status(g.far, test.at)
			if len(r.Streams) != 1 || r.Stale != test.stale || r.Streams[0].Stale != test.stale || (r.ClockBehind > 0) != test.behind {
				t.Errorf("got stale %t, clock behind %d s, %+v", r.Stale, r.ClockBehind, r.Streams)
			}
			f := checkClock(currentBuild(), test.at, time.Duration(r.ClockBehind)*time.Second)
			if (f.Result == "fail") != test.behind || test.behind && !strings.Contains(f.Detail, "behind the newest transfer bundle") {
				t.Errorf("doctor says %+v", f)
			}
		})
	}
}
