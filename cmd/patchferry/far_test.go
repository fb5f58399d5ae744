package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
	g.says(g.far, exitDone, "next: patchferry import DIR", "status")
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
	if got := page(t, url, http.StatusOK); !strings.Contains(got, `href="/rings/"`) || !strings.Contains(got, "Nothing was released to this ring yet") {
		t.Error("the start page does not link to the rings, or does not say that production shows nothing")
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
			if (f.Result == "fail") != test.behind || test.behind && !strings.Contains(f.Detail, "behind the newest state or transfer bundle") {
				t.Errorf("doctor says %+v", f)
			}
		})
	}
}

// TestFarSidePins carries a bulletin to a far side that knows nothing of its
// publisher: it announces nothing until its key is pinned here, and nothing again
// when the pin is taken away. The pins of the near side do not count.
func TestFarSidePins(t *testing.T) {
	g := newGap(t)
	msrc := g.msrc.Fingerprint().String()
	g.says(g.far, exitDone, "its key is not pinned here", "import", g.export())
	silent := func(verdict string) {
		t.Helper()
		g.says(g.far, exitDone, "announces nothing: mail:ms26-010.txt@", "bulletin", "list")
		g.says(g.far, exitDone, verdict, "bulletin", "list")
		g.says(g.far, exitDone, "nothing is due", "status", "--due")
		g.says(g.far, exitDone, `"notices":1,"silent":1,`, "audit", "--json")
		if r := g.on(g.far, "show", "KB835732"); strings.Contains(r.stdout, "announced by") {
			t.Errorf("show says\n%s", r.stdout)
		}
	}
	heard := func() {
		t.Helper()
		g.says(g.far, exitDone, "MS26-010  Critical", "bulletin", "list")
		g.says(g.far, exitDone, "valid", "bulletin", "list", "--verdict", "valid")
		g.says(g.far, exitDone, "2026-03-04", "status", "--due")
		g.says(g.far, exitDone, "announced by", "show", "KB835732")
		g.says(g.far, exitDone, `"notices":1,"silent":0,`, "audit", "--json")
	}
	silent("unknown-key")
	g.on(g.far, "key", "add", filepath.Join(g.near, "msrc.asc"))
	silent("unpinned")
	g.on(g.far, "key", "pin", msrc, "--purpose", "bulletin")
	heard()
	g.on(g.far, "key", "remove", msrc, "--purpose", "bulletin")
	silent("unpinned")

	// The near side takes its pin away, and the far side has its own.
	g.on(g.near, "key", "remove", msrc, "--purpose", "bulletin")
	g.on(g.near, "sync")
	g.on(g.far, "import", g.export())
	silent("unpinned")
	g.on(g.far, "key", "pin", msrc, "--purpose", "bulletin")
	heard()
}

// TestFarSideAlteredDocument carries a document whose signature nobody could
// judge when it came. With the publisher's key it is found to be altered.
func TestFarSideAlteredDocument(t *testing.T) {
	g := newGap(t)
	other := g.key("other")
	mail, err := other.ClearSign([]byte(strings.ReplaceAll(mailText, "MS26-010", "MS26-011")), madeAt)
	if err != nil {
		t.Fatal(err)
	}
	g.write(filepath.Join(g.near, "mail", "ms26-011.txt"), bytes.Replace(mail, []byte("could run"), []byte("cannot run"), 1))
	g.on(g.near, "sync")
	g.on(g.far, "import", g.export())
	g.says(g.far, exitDone, `"notices":2,"silent":2,`, "audit", "--json")
	g.on(g.far, "key", "add", filepath.Join(g.near, "other.asc"))
	g.on(g.far, "key", "pin", other.Fingerprint().String(), "--purpose", "bulletin")
	g.says(g.far, exitFailed, "here it is bad", "audit")
	g.says(g.far, exitFailed, "next: on the near side patchferry audit, to find out who altered it", "audit")
	g.says(g.far, exitDone, "bad", "bulletin", "list", "--verdict", "bad")
	g.says(g.far, exitDone, "nothing is due", "status", "--due")
}

// alter changes a byte of an object that a side has.
func (g *gap) alter(dir string, content []byte) {
	g.t.Helper()
	digest := fmt.Sprintf("%x", sha256.Sum256(content))
	name := filepath.Join(dir, "store", "objects", "sha256", digest[:2], digest)
	if err := os.Chmod(name, 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.write(name, append(bytes.Clone(content[:len(content)-1]), content[len(content)-1]^1))
}

// TestFarSideAudit finds altered and missing objects, and says what brings them
// back; the import of a full bundle does. What hosts ask for is served meanwhile.
func TestFarSideAudit(t *testing.T) {
	g := newGap(t)
	g.on(g.far, "import", g.export())
	g.says(g.far, exitDone, "1 states, 1 generations,", "audit")
	mail, err := os.ReadFile(filepath.Join(g.near, "mail", "ms26-010.txt"))
	if err != nil {
		t.Fatal(err)
	}
	g.alter(g.far, mail)
	g.alter(g.far, []byte("MZ english"))
	g.says(g.far, exitUntrusted, "next: patchferry audit", "bulletin", "list")
	page(t, serveRings(t, g.far)+"rings/test/Software/", http.StatusOK)
	g.says(g.far, exitUntrusted, "2 findings", "audit")
	g.says(g.far, exitUntrusted, "next: patchferry audit --remove, then patchferry import DIR of a full bundle", "audit")
	g.says(g.far, exitUntrusted, "; removed", "audit", "--remove")
	g.says(g.far, exitFailed, "next: patchferry import DIR of a full bundle", "audit")
	g.on(g.far, "import", g.export("--full"))
	g.says(g.far, exitDone, "0 findings", "audit")
	g.says(g.far, exitDone, "mail:ms26-010.txt@", "bulletin", "list")
}

// TestFarSidePrune removes what seven bundles left behind, and the next one
// builds on what stays.
func TestFarSidePrune(t *testing.T) {
	g := newGap(t)
	name := filepath.Join(g.far, "patchferry.toml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	g.write(name, bytes.Replace(text, []byte(`#grace = "1d"`), []byte(`grace = "0s"`), 1))
	g.says(g.far, exitFailed, "next: patchferry import DIR", "prune")
	g.on(g.far, "import", g.export())
	for range 3 {
		g.on(g.near, "hold", "KB835732", "--reason", "to be looked at")
		g.on(g.far, "import", g.export())
		g.on(g.near, "release", "KB835732")
		g.on(g.far, "import", g.export())
	}
	var plan struct {
		ID          string
		Count       int
		Generations []uint64
	}
	if err := json.Unmarshal([]byte(g.on(g.far, "prune", "--json").stdout), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Count == 0 || !slices.Equal(plan.Generations, []uint64{7, 6, 5, 4}) {
		t.Errorf("the plan is %+v, want to keep generations 7 to 4 and remove what is older", plan)
	}
	g.says(g.far, exitDone, fmt.Sprintf("%d objects removed", plan.Count), "prune", "--apply", plan.ID)
	g.says(g.far, exitDone, "0 findings", "audit")
	g.list(firstFile, secondFile)
	g.on(g.near, "sync")
	g.on(g.far, "import", g.export())
	g.says(g.far, exitDone, "0 findings", "audit")
	if proof := g.evidence("KB835732"); !proof.Pruned || proof.First.Generation >= proof.Newest.Generation {
		t.Errorf("the evidence goes from generation %d to %d, pruned %t", proof.First.Generation, proof.Newest.Generation, proof.Pruned)
	}
}
