package upstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

// slack is what one interruption may cost in bytes: the piece that was in
// hand, and what came before a journal was worth its while.
const slack = 3 * 128 << 10

// TestResumeProperty cuts connections, stops the program and kills it at
// random places. The bytes must be right in the end and hardly any may have
// been fetched twice.
func TestResumeProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(1, 4<<20).Draw(r, "size")
		body := content(uint64(size), size)
		p := hostile.New(map[string][]byte{"/a.exe": body})
		defer p.Close()
		blind := rapid.Bool().Draw(r, "nothing stated")
		cuts := rapid.SliceOfN(rapid.Int64Range(0, int64(size)), 0, 4).Draw(r, "cuts")
		for _, at := range cuts {
			p.Fault("/a.exe", hostile.Cut{At: at, Times: 1})
		}
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		s := &session{url: p.URL("/a.exe"), dir: dir, origin: origin(t, p.URL("/")), body: body, blind: blind}
		stops := rapid.SliceOfN(rapid.Int64Range(1, int64(size)), 0, 3).Draw(r, "stops")
		stopped := errors.New("not begun")
		for _, at := range append(stops, never) {
			if stopped == nil {
				break // it was complete before it came to the stop
			}
			stopped = s.run(t, at, rapid.Bool().Draw(r, "killed"))
		}
		if stopped != nil {
			r.Fatal(stopped)
		}
		read, err := os.ReadFile(s.path())
		if err != nil || !bytes.Equal(read, body) {
			r.Fatalf("the file has other bytes (%v)", err)
		}
		most := int64(float64(size)*1.005) + slack*int64(len(cuts)+len(stops))
		if s.fetched > most {
			r.Fatalf("fetched %d bytes, want at most %d", s.fetched, most)
		}
	})
}

const never = math.MaxInt64

// session is a download over several runs of the program.
type session struct {
	url     string
	dir     string
	origin  *upstream.Origin
	body    []byte
	blind   bool
	fetched int64
}

func (s *session) path() string { return filepath.Join(s.dir, "file") }

// run fetches until stop bytes came in this run, then ends it: in order, or
// killed, which leaves the files just as they were at that moment.
func (s *session) run(t *testing.T, stop int64, killed bool) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var came int64
	var kept string
	c := &upstream.Client{RetryWait: 1, Progress: func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		came += n
		if came < stop || ctx.Err() != nil {
			return
		}
		if killed {
			kept = snapshot(t, s.dir)
		}
		cancel()
	}}
	defer c.Close()
	w := layout.Want{URL: s.url, Path: s.path()}
	if !s.blind {
		w.SHA256 = layout.DigestOf(s.body)
	}
	got, err := c.Fetch(ctx, s.origin, w)
	s.fetched += got.Fetched
	if kept != "" {
		s.dir = kept
	}
	return err
}

func snapshot(t *testing.T, dir string) string {
	copied, err := os.MkdirTemp(t.TempDir(), "")
	if err == nil {
		err = os.RemoveAll(copied)
	}
	if err == nil {
		err = os.CopyFS(copied, os.DirFS(dir))
	}
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestKilled resumes from the files as they were when the program died, with
// and without anything stated: what the kernel has accepted is not lost.
func TestKilled(t *testing.T) {
	body := content(43, 4<<20)
	for _, blind := range []bool{false, true} {
		p := hostile.New(map[string][]byte{"/a.exe": body})
		defer p.Close()
		s := &session{url: p.URL("/a.exe"), dir: t.TempDir(), origin: origin(t, p.URL("/")), body: body, blind: blind}
		if err := s.run(t, 2<<20, true); err == nil {
			t.Fatal("the download was not stopped")
		}
		if err := s.run(t, never, false); err != nil {
			t.Fatal(err)
		}
		if most := int64(len(body)) + 128<<10; s.fetched > most {
			t.Errorf("fetched %d bytes, want at most %d", s.fetched, most)
		}
	}
}

// TestPublisherWithoutIfRange changes the file between two ranges, at a
// server that takes no notice of If-Range.
func TestPublisherWithoutIfRange(t *testing.T) {
	tests := []struct {
		name    string
		headers http.Header // of the second answer
	}{
		{"ETag", http.Header{"Etag": {`"2"`}, "Content-Range": {"bytes 600000-999999/1000000"}}},
		{"date", http.Header{"Last-Modified": {"Thu, 15 Apr 2004 17:00:00 GMT"}, "Content-Range": {"bytes 600000-999999/1000000"}}},
		{"length", http.Header{"Content-Range": {"bytes 600000-1000000/1000001"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, second := content(44, 1_000_000), content(45, 1_000_000)
			var requests atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"1"`)
				w.Header().Set("Last-Modified", "Tue, 13 Apr 2004 17:00:00 GMT")
				switch requests.Add(1) {
				case 1:
					w.Header().Set("Content-Length", "1000000")
					w.Write(first[:600_000])
				case 2:
					maps.Copy(w.Header(), tt.headers)
					w.WriteHeader(http.StatusPartialContent)
					w.Write(second[600_000:])
				default:
					w.Write(second)
				}
			}))
			defer s.Close()
			c := &upstream.Client{RetryWait: 1}
			defer c.Close()
			w := layout.Want{URL: s.URL + "/a.exe", Path: filepath.Join(t.TempDir(), "file")}
			got, err := c.Fetch(t.Context(), origin(t, s.URL), w)
			if err != nil {
				t.Fatal(err)
			}
			if got.SHA256 != layout.DigestOf(second) {
				t.Error("the file is mixed from two versions")
			}
		})
	}
}

// TestPowerLoss resumes a file whose unsynced end did not survive.
func TestPowerLoss(t *testing.T) {
	body := content(40, 40<<20)
	b := newBench(t, map[string][]byte{"/a.exe": body})
	w := b.want("/a.exe", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	came, kept := int64(0), ""
	b.client.Progress = func(n int64) {
		if came += n; came > 36<<20 && kept == "" {
			kept = snapshot(t, b.dir)
			cancel()
		}
	}
	if _, err := b.client.Fetch(ctx, b.origin, w); err == nil {
		t.Fatal("the download was not stopped")
	}
	w.Path = filepath.Join(kept, "file")
	synced := loseUnsynced(t, w.Path)
	next := &upstream.Client{}
	defer next.Close()
	got, err := next.Fetch(t.Context(), b.origin, w)
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256 != layout.DigestOf(body) {
		t.Error("the file has other bytes")
	}
	if want := int64(len(body)) - synced; got.Fetched != want || synced < 32<<20 {
		t.Errorf("fetched %d bytes, want %d: %d were synced", got.Fetched, want, synced)
	}
}

// loseUnsynced does to a partial file what a power loss does: the machine
// starts anew, and what was not synced reads as zeros.
func loseUnsynced(t *testing.T, path string) (synced int64) {
	t.Helper()
	b, err := os.ReadFile(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var j map[string]any
	if err := json.Unmarshal(b, &j); err != nil {
		t.Fatal(err)
	}
	j["boot"] = "another"
	synced = int64(j["synced"].(float64))
	if b, err = json.Marshal(j); err == nil {
		err = os.WriteFile(path+".json", b, 0o644)
	}
	info, statErr := os.Stat(path + ".part")
	if err != nil || statErr != nil {
		t.Fatal(err, statErr)
	}
	f, err := os.OpenFile(path+".part", os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()-synced), synced)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return synced
}

// TestResumeDistrustsWhatIsThere starts over where the partial file cannot be
// what the journal says.
func TestResumeDistrustsWhatIsThere(t *testing.T) {
	body := content(41, 2<<20)
	tests := []struct {
		name  string
		spoil func(t *testing.T, path string, w *layout.Want)
	}{
		{"journal is no JSON", func(t *testing.T, path string, _ *layout.Want) {
			write(t, path+".json", []byte("{"))
		}},
		{"journal is missing", func(t *testing.T, path string, _ *layout.Want) { os.Remove(path + ".json") }},
		{"part is missing", func(t *testing.T, path string, _ *layout.Want) { os.Remove(path + ".part") }},
		{"part is empty", func(t *testing.T, path string, _ *layout.Want) { write(t, path+".part", nil) }},
		{"part has other bytes", func(t *testing.T, path string, _ *layout.Want) {
			write(t, path+".part", content(42, 1<<20))
		}},
		{"part is too long", func(t *testing.T, path string, _ *layout.Want) {
			write(t, path+".part", content(42, 3<<20))
		}},
		{"another size is wanted", func(t *testing.T, path string, w *layout.Want) {
			journal, _ := os.ReadFile(path + ".json")
			write(t, path+".json", bytes.Replace(journal, []byte(`"total":2097152`), []byte(`"total":2097153`), 1))
		}},
		{"another URL is wanted", func(t *testing.T, path string, w *layout.Want) { w.URL += "?again" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, map[string][]byte{"/a.exe": body})
			b.publisher.Fault("/a.exe", hostile.Cut{At: 1 << 20, Times: 1}, hostile.Status{Code: 503, Times: 1})
			b.client.Retries = -1
			w := b.want("/a.exe", body)
			if _, err := b.client.Fetch(t.Context(), b.origin, w); err == nil {
				t.Fatal("got no error")
			}
			if _, err := os.Stat(w.Path + ".json"); err != nil {
				t.Fatal(err)
			}
			b.publisher.Heal("/a.exe")
			tt.spoil(t, w.Path, &w)
			if _, err := b.client.Fetch(t.Context(), b.origin, w); err != nil {
				t.Fatal(err)
			}
			if read, _ := os.ReadFile(w.Path); !bytes.Equal(read, body) {
				t.Error("the file has other bytes")
			}
			if names := b.discarded(t, w); len(names) != 0 {
				t.Errorf("got files %v", names)
			}
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLimitsOfConnections counts what is open at once.
func TestLimitsOfConnections(t *testing.T) {
	files := map[string][]byte{}
	for i := range 24 {
		files["/"+string(rune('a'+i))] = content(uint64(i), 1000)
	}
	first, second := newBench(t, files), newBench(t, files)
	c := &upstream.Client{Connections: 5, PerHost: 3}
	defer c.Close()
	o := origin(t, first.publisher.URL("/"), mustURL(t, second.publisher.URL("/")).Host)
	open := gauge{now: map[string]int{}, most: map[string]int{}, full: make(chan struct{})}
	first.publisher.Hook, second.publisher.Hook = open.hook(5), open.hook(5)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for path, body := range files {
		for name, p := range map[string]*hostile.Publisher{"1": first.publisher, "2": second.publisher} {
			wg.Go(func() {
				w := layout.Want{URL: p.URL(path), Path: filepath.Join(dir, name+path[1:]), SHA256: layout.DigestOf(body)}
				if _, err := c.Fetch(t.Context(), o, w); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for host, n := range open.most {
		if host != "" && n > 3 {
			t.Errorf("got %d requests at once to %s, want at most 3", n, host)
		}
	}
	if open.most[""] != 5 {
		t.Errorf("got %d requests at once, want 5", open.most[""])
	}
}

// gauge notes how many requests wait for an answer at once, by host and ("")
// in all.
type gauge struct {
	mu        sync.Mutex
	now, most map[string]int
	full      chan struct{}
}

// hook keeps requests waiting until so many are there.
func (g *gauge) hook(n int) func(*http.Request) {
	return func(r *http.Request) {
		if g.add(r.Host, 1) == n {
			close(g.full)
		}
		<-g.full
		g.add(r.Host, -1)
	}
}

// add returns the number in all, when that is more than ever.
func (g *gauge) add(host string, n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.most[""]
	for _, k := range []string{host, ""} {
		g.now[k] += n
		g.most[k] = max(g.most[k], g.now[k])
	}
	if g.most[""] == before {
		return 0
	}
	return g.most[""]
}
