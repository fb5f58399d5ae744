package hosttest_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchferry/distribute/hosttest"
)

var modified = time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// good serves as a host wants it.
func good(file []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"one"`)
		http.ServeContent(w, r, "file.cab", modified, bytes.NewReader(file))
	}
}

// TestBITSRefuses finds that a job ends where a real one does.
func TestBITSRefuses(t *testing.T) {
	file := content(2*hosttest.Piece + 5)
	second := func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Range"), "bytes=1048576-") }
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request)
		want    error
	}{
		{"nothing to refuse", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.Header.Get("If-Unmodified-Since") != modified.Format(http.TimeFormat) {
				t.Errorf("a range without its condition: %v", r.Header)
			}
			good(file)(w, r)
		}, nil},
		{"no size", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, hosttest.ErrNoSize},
		{"not there", http.NotFound, errors.ErrUnsupported},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", "5")
		}, hosttest.ErrNoSize},
		{"no ranges", func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Range"); good(file)(w, r) }, hosttest.ErrNoRanges},
		{"chunked", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				good(file)(w, r)
				return
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-1048575/%d", len(file)))
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush()
		}, hosttest.ErrNoRanges},
		{"another entity tag", func(w http.ResponseWriter, r *http.Request) {
			if second(r) {
				w = &tagged{w}
			}
			good(file)(w, r)
		}, hosttest.ErrChanged},
		{"a later file", func(w http.ResponseWriter, r *http.Request) {
			if second(r) {
				http.ServeContent(w, r, "file.cab", modified.Add(time.Hour), bytes.NewReader(file))
				return
			}
			good(file)(w, r)
		}, hosttest.ErrChanged},
		{"a longer file", func(w http.ResponseWriter, r *http.Request) {
			if second(r) {
				good(append(slices.Clone(file), 0))(w, r)
				return
			}
			good(file)(w, r)
		}, hosttest.ErrChanged},
		{"busy", func(w http.ResponseWriter, r *http.Request) {
			if second(r) {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			good(file)(w, r)
		}, hosttest.ErrAgain},
		{"cut short", func(w http.ResponseWriter, r *http.Request) {
			if second(r) {
				panic(http.ErrAbortHandler)
			}
			good(file)(w, r)
		}, hosttest.ErrAgain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(tt.handler))
			defer srv.Close()
			job := &hosttest.BITS{URL: srv.URL}
			err := job.Run(t.Context())
			switch {
			case tt.want == nil && (err != nil || !bytes.Equal(job.Content(), file)):
				t.Errorf("got %d bytes and %v, want all %d", len(job.Content()), err, len(file))
			case tt.want == errors.ErrUnsupported && (err == nil || errors.Is(err, hosttest.ErrAgain)):
				t.Errorf("got %v, want an error for good", err)
			case tt.want != nil && tt.want != errors.ErrUnsupported && !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// tagged gives a file another entity tag.
type tagged struct{ http.ResponseWriter }

func (w *tagged) WriteHeader(status int) {
	w.Header().Set("Etag", `"two"`)
	w.ResponseWriter.WriteHeader(status)
}

// TestBITSGoesOn asks a server once more that failed it.
func TestBITSGoesOn(t *testing.T) {
	file := content(3*hosttest.Piece + 5)
	var requests, refused atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1)%3 == 0 {
			refused.Add(1)
			panic(http.ErrAbortHandler)
		}
		good(file)(w, r)
	}))
	defer srv.Close()
	job := &hosttest.BITS{URL: srv.URL}
	for !job.Done() {
		if err := job.Run(t.Context()); err != nil && !errors.Is(err, hosttest.ErrAgain) {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(job.Content(), file) || refused.Load() == 0 {
		t.Errorf("the file is another, or nothing failed (%d)", refused.Load())
	}
}

// TestDeliveryOptimizationAsksAgain finds that a wrong piece is noticed, and that
// a right one is taken in its place.
func TestDeliveryOptimizationAsksAgain(t *testing.T) {
	file := content(5*hosttest.Piece + 5)
	var mu sync.Mutex
	asked := make(map[string]int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Header.Get("Range")]++
		first := asked[r.Header.Get("Range")] == 1
		mu.Unlock()
		if r.Method != http.MethodGet || r.Header.Get("If-Range")+r.Header.Get("If-Unmodified-Since") != "" || r.URL.RawQuery == "" {
			t.Errorf("got %s %s %v, want GET with a query and no condition", r.Method, r.URL, r.Header)
		}
		wrong := slices.Clone(file)
		if first && !strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
			wrong[len(wrong)-1]++
		}
		good(wrong)(w, r)
	}))
	defer srv.Close()
	d := &hosttest.DeliveryOptimization{
		Addr: srv.Listener.Addr().String(), Path: "/files/guid", Size: int64(len(file)), Pieces: hosttest.PiecesOf(file),
		Query: func(n int) string { return fmt.Sprint("P1=", n) }, Pause: time.Millisecond,
	}
	got, err := d.Fetch(t.Context())
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("the file is another, or %v", err)
	}
	last := fmt.Sprintf("bytes=%d-%d", 5*hosttest.Piece, len(file)-1)
	if asked[last] != 2 || len(asked) != 6 {
		t.Errorf("asked for %v, want six pieces, and the last twice", asked)
	}
}

// TestDeliveryOptimizationGivesUp ends with the piece that never comes right.
func TestDeliveryOptimizationGivesUp(t *testing.T) {
	file := content(2 * hosttest.Piece)
	wrong := slices.Clone(file)
	wrong[hosttest.Piece]++
	srv := httptest.NewServer(good(wrong))
	defer srv.Close()
	d := &hosttest.DeliveryOptimization{
		Addr: srv.Listener.Addr().String(), Path: "/f", Size: int64(len(file)), Pieces: hosttest.PiecesOf(file), Retries: 2, Pause: time.Millisecond,
	}
	if _, err := d.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "piece 1") {
		t.Errorf("got %v, want an error of piece 1", err)
	}
}
