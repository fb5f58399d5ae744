package distribute_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
)

// onRecord returns a logger that calls f with each record at info level.
func onRecord(f func()) *slog.Logger { return slog.New(recordHandler{f}) }

type recordHandler struct{ f func() }

func (recordHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (h recordHandler) Handle(context.Context, slog.Record) error  { h.f(); return nil }
func (h recordHandler) WithAttrs([]slog.Attr) slog.Handler         { return h }
func (h recordHandler) WithGroup(string) slog.Handler              { return h }

// obedient is a Source whose readers end with their context.
type obedient struct{ distribute.Source }

func (s obedient) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	r, err := s.Source.Open(ctx, d, offset, n)
	return &obedientReader{r, ctx.Err}, err
}

type obedientReader struct {
	io.ReadCloser
	ended func() error
}

func (r *obedientReader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

// TestStopFinishesDownloads stops a server in the middle of a download.
func TestStopFinishesDownloads(t *testing.T) {
	src, view, _ := sparse(t, large)
	for name, source := range map[string]distribute.Source{"file": src, "reader": obedient{src}} {
		t.Run(name, func(t *testing.T) {
			s := &distribute.Server{Source: source, DrainTime: time.Minute}
			s.Swap(view)
			stopInMidDownload(t, start(t, s))
		})
	}
}

func stopInMidDownload(t *testing.T, srv *running) {
	t.Helper()
	res, err := srv.client.Get(srv.url(oneFile))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- srv.stop() }()
	for { // until nothing listens any more
		conn, err := net.Dial("tcp", srv.addr)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	if n, err := io.Copy(io.Discard, res.Body); n != large || err != nil {
		t.Errorf("the download ends after %d bytes of %d: %v", n, large, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestStopCutsOffDownloads stops a server whose client has no end of it.
func TestStopCutsOffDownloads(t *testing.T) {
	src, view, _ := sparse(t, large)
	s := &distribute.Server{Source: src, DrainTime: 10 * time.Millisecond}
	s.Swap(view)
	srv := start(t, s)
	res, err := srv.client.Get(srv.url(oneFile))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := srv.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("the download of %d bytes ends without an error", n)
	}
}

// TestRunSaysWhyItEnds returns the error of a listener.
func TestRunSaysWhyItEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &distribute.Server{Source: memory{}}
	if err := s.Run(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v, want the listener's error", err)
	}
}

// TestSwapUnderLoad swaps two editions while clients download. A download ends
// with the bytes that its header announced, whichever they are.
func TestSwapUnderLoad(t *testing.T) {
	fx := newFixture()
	other := newFixture()
	delete(other.contents, w2kPath)
	other.updates = other.updates[1:]
	other.add(w2kPath, randomBytes(50, 2<<20))
	src := fx.folder(t)
	src.put(t, other.contents[w2kPath])
	views := [...]*distribute.View{fx.view(t), other.view(t)}
	s := &distribute.Server{Source: src}
	s.Swap(views[0])
	srv := start(t, s)
	done := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-done:
				return
			default:
				s.Swap(views[i%2])
			}
		}
	})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 20 {
				res, body := srv.do(t, http.MethodGet, w2kPath)
				if got, want := `"`+layout.DigestOf(body).String()+`"`, res.Header.Get("Etag"); got != want {
					t.Errorf("the body is %s, its header says %s", got, want)
				}
			}
		})
	}
	clients.Wait()
	close(done)
	swapper.Wait()
}

// faulty is a Source without files whose readers or calls fail.
type faulty struct {
	distribute.Source
	stat, open error
	after      int64 // bytes after which a reader fails
}

func (s faulty) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	if s.stat != nil {
		return 0, s.stat
	}
	return s.Source.Stat(ctx, d)
}

func (s faulty) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	if s.open != nil {
		return nil, s.open
	}
	r, err := s.Source.Open(ctx, d, offset, n)
	if err != nil || s.after == 0 {
		return r, err
	}
	return io.NopCloser(io.MultiReader(io.LimitReader(r, s.after), iotest.ErrReader(errors.New("input/output error")))), nil
}

// TestDamage answers for objects that are not what the catalog says.
func TestDamage(t *testing.T) {
	fx := newFixture()
	short := fx.memory()
	digest := layout.DigestOf(fx.contents[w2kPath])
	short[digest] = short[digest][1:]
	removed := fx.folder(t)
	if err := os.Remove(removed.path(digest)); err != nil {
		t.Fatal(err)
	}
	cut := fx.folder(t)
	if err := os.Truncate(cut.path(digest), 1000); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		source distribute.Source
		want   int
		log    string
	}{
		{"short object", short, http.StatusInternalServerError, "run patchferry audit"},
		{"short file", cut, http.StatusInternalServerError, "run patchferry audit"},
		{"no object", memory{}, http.StatusInternalServerError, "run patchferry audit"},
		{"no file", removed, http.StatusInternalServerError, "run patchferry audit"},
		{"store away", faulty{Source: fx.memory(), stat: errors.New("timeout")}, http.StatusServiceUnavailable, "store does not answer"},
	} {
		for _, method := range [...]string{http.MethodGet, http.MethodHead} {
			t.Run(tc.name+" "+method, func(t *testing.T) {
				var log records
				s := &distribute.Server{Source: tc.source, Log: log.logger()}
				s.Swap(fx.view(t))
				srv := start(t, s)
				res, body := srv.do(t, method, w2kPath)
				if res.StatusCode != tc.want || len(body) > 100 {
					t.Errorf("status %d with %d bytes, want %d", res.StatusCode, len(body), tc.want)
				}
				for _, name := range [...]string{"Etag", "Repr-Digest", "Last-Modified", "Content-Disposition"} {
					if v := res.Header.Get(name); v != "" {
						t.Errorf("the error has %s: %s", name, v)
					}
				}
				if !strings.Contains(log.String(), tc.log) || !strings.Contains(log.String(), digest.String()) {
					t.Errorf("the log lacks %q or the digest:\n%s", tc.log, log.String())
				}
			})
		}
	}
}

// TestDamageInMidFile closes the connection instead of ending the body.
func TestDamageInMidFile(t *testing.T) {
	fx := newFixture()
	src, view, path := sparse(t, large)
	for _, tc := range []struct {
		name, path string
		source     distribute.Source
		view       *distribute.View
		damage     func() error
	}{
		{"reader fails", w2kPath, faulty{Source: fx.memory(), after: 1 << 20}, fx.view(t), func() error { return nil }},
		{"file shrinks", oneFile, src, view, func() error { return os.Truncate(path, 1<<20) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log records
			s := &distribute.Server{Source: tc.source, Log: log.logger()}
			s.Swap(tc.view)
			srv := start(t, s)
			res, err := srv.client.Get(srv.url(tc.path))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if err := tc.damage(); err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d bytes, %v, want an unexpected end", n, err)
			}
			if err := srv.stop(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "run patchferry audit") {
				t.Errorf("the log has no hint:\n%s", log.String())
			}
		})
	}
}

func TestProbes(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: fx.memory()}
	srv := start(t, s)
	status := func(path string) int {
		res, _ := srv.do(t, http.MethodGet, path)
		return res.StatusCode
	}
	if got := [...]int{status("/healthz"), status("/readyz"), status("/")}; got != [...]int{200, 503, 503} {
		t.Errorf("without a catalog: %v", got)
	}
	s.Swap(fx.view(t))
	if got := [...]int{status("/healthz"), status("/readyz"), status("/")}; got != [...]int{200, 200, 200} {
		t.Errorf("with a catalog: %v", got)
	}
	broken := &distribute.Server{Source: memory{}}
	broken.Swap(fx.view(t))
	if w := ask(broken.Handler(), "/readyz", nil); w.Code != http.StatusServiceUnavailable {
		t.Errorf("with a store that has lost an object: %d", w.Code)
	}
}

func TestMetrics(t *testing.T) {
	_, srv := serveFixture(t)
	srv.do(t, http.MethodGet, driverPath)
	srv.do(t, http.MethodGet, driverPath, "Range", "bytes=0-9")
	srv.do(t, http.MethodGet, "/nothing")
	srv.do(t, http.MethodGet, "/")
	for { // a request is counted after its answer
		_, body := srv.do(t, http.MethodGet, "/metrics")
		var missing []string
		for _, want := range []string{
			`patchferry_http_requests_total{class="tree",code="200"} 1`,
			`patchferry_http_requests_total{class="tree",code="206"} 1`,
			`patchferry_http_requests_total{class="tree",code="404"} 1`,
			`patchferry_http_requests_total{class="page",code="200"} 1`,
			`patchferry_http_sent_bytes_total{class="tree"} 4144`, // 4096, 10, and 38 of the 404
			`patchferry_view_state 7`, `patchferry_view_generation 5`, `patchferry_view_updates 5`,
			`patchferry_view_files 5`, `patchferry_view_missing_files 1`,
		} {
			if !bytes.Contains(body, []byte(want+"\n")) {
				missing = append(missing, want)
			}
		}
		if len(missing) == 0 {
			return
		}
		if t.Context().Err() != nil || bytes.Contains(body, []byte(`{class="probe",code="200"} 50`)) {
			t.Fatalf("missing %q in:\n%s", missing, body)
		}
	}
}

func TestAccessLog(t *testing.T) {
	fx := newFixture()
	var log records
	s := &distribute.Server{Source: fx.memory(), Access: log.logger()}
	s.Swap(fx.view(t))
	srv := start(t, s)
	etag := fmt.Sprintf("%q", layout.DigestOf(fx.contents[driverPath]).String())
	srv.do(t, http.MethodGet, driverPath, "Range", "bytes=5-9", "User-Agent", "Microsoft BITS/7.8")
	srv.do(t, http.MethodHead, driverPath, "If-None-Match", etag)
	if err := srv.stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`level=INFO msg=request method=GET path=` + driverPath + ` status=206 size=5 range="bytes=5-9"`,
		`client=127.0.0.1 agent="Microsoft BITS/7.8"`,
		`level=DEBUG msg=request method=HEAD path=` + driverPath + ` status=304 size=0`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in:\n%s", want, log.String())
		}
	}
}
