package distribute_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"patchferry/distribute"
	"patchferry/layout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder is a Source in a directory, with a file for each object.
type folder struct{ dir string }

func (s folder) path(d layout.Digest) string { return filepath.Join(s.dir, d.String()) }

func (s folder) File(_ context.Context, d layout.Digest) (*os.File, error) { return os.Open(s.path(d)) }

func (s folder) Stat(_ context.Context, d layout.Digest) (int64, error) {
	info, err := os.Stat(s.path(d))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s folder) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	f, err := s.File(ctx, d)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		n = 1 << 62
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, n), f}, nil
}

func (s folder) put(t testing.TB, content []byte) layout.Digest {
	t.Helper()
	d := layout.DigestOf(content)
	if err := os.WriteFile(s.path(d), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

// memory is a Source without files: what it has is read through Open.
type memory map[layout.Digest][]byte

func (s memory) Stat(_ context.Context, d layout.Digest) (int64, error) {
	b, ok := s[d]
	if !ok {
		return 0, fs.ErrNotExist
	}
	return int64(len(b)), nil
}

func (s memory) Open(_ context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	b, ok := s[d]
	if !ok {
		return nil, fs.ErrNotExist
	}
	b = b[offset:]
	return io.NopCloser(bytes.NewReader(b[:min(n, int64(len(b)))])), nil
}

// randomBytes returns n bytes that do not compress and are the same each time.
func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// The paths of the fixture catalog.
const (
	w2kFolder  = "Software/EN/com_microsoft.windows2000/x86win2k/com_microsoft.Q311967_W2K_SP3_5039000001"
	w2kPath    = "/" + w2kFolder + "/Q311967_W2K_SP3_x86_en.exe"
	xpPath     = "/Software/DE/com_microsoft.windowsxp/x86winxp/com_microsoft.KB835732_XP_SP2_1/Überprüfung \"1\".exe"
	emptyPath  = "/Software/ALL/com_microsoft.other/any/com_microsoft.empty_1/empty.txt"
	goneePath  = "/Software/ALL/com_microsoft.other/any/com_microsoft.gone_1/gone.exe"
	driverPath = "/Drivers/EN/com_microsoft.windowsxp/x86winxp/Example_net_1/net.cab"
)

// fixture is a small catalog with its bytes.
type fixture struct {
	contents map[string][]byte // by path
	updates  []*layout.Update
	meta     distribute.ViewMeta
}

var fixtureTime = layout.At(time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC))

func newFixture() *fixture {
	fx := &fixture{contents: map[string][]byte{}}
	fx.add(w2kPath, randomBytes(1, 3<<20+17))
	fx.add(xpPath, randomBytes(2, 70_000))
	fx.add(emptyPath, nil)
	gone := fx.add(goneePath, randomBytes(3, 1000))
	fx.add(driverPath, randomBytes(4, 4096))
	fx.updates[0].Files = append(fx.updates[0].Files, layout.File{Name: "symbols.exe", URL: "http://example.com/symbols.exe"})
	slices.SortFunc(fx.updates, func(a, b *layout.Update) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	fx.meta = distribute.ViewMeta{
		State: 7, Generation: 5, Digest: layout.DigestOf([]byte("generation")), Created: fixtureTime,
		Revoked: []layout.Revoked{{SHA256: gone, Reason: "withdrawn by its publisher", At: fixtureTime}},
	}
	return fx
}

func (fx *fixture) add(path string, content []byte) layout.Digest {
	dir, name := filepath.Split(path)
	d := layout.DigestOf(content)
	n := len(fx.updates)
	fx.contents[path] = content
	fx.updates = append(fx.updates, &layout.Update{
		ID: fmt.Sprintf("test:%d", n), Type: layout.Software, Folder: dir[1 : len(dir)-1],
		Files: []layout.File{{
			Name: name, Size: int64(len(content)), SHA256: d, SHA1: layout.SHA1(bytes.Repeat([]byte{byte(0xa0 + n)}, 20)),
			Held: true, Modified: fixtureTime,
		}},
	})
	return d
}

func (fx *fixture) view(t testing.TB) *distribute.View {
	t.Helper()
	v, err := distribute.BuildView(fx.meta, each(fx.updates))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (fx *fixture) folder(t testing.TB) folder {
	src := folder{t.TempDir()}
	for _, content := range fx.contents {
		src.put(t, content)
	}
	return src
}

func (fx *fixture) memory() memory {
	src := memory{}
	for _, content := range fx.contents {
		src[layout.DigestOf(content)] = content
	}
	return src
}

func each(updates []*layout.Update) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		for _, u := range updates {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// running is a server that runs on a port of its own until the test ends.
type running struct {
	addr   string
	client *http.Client
	stop   func() error // stops the server and returns what Run did
}

func (r *running) url(path string) string { return "http://" + r.addr + path }

func start(t testing.TB, s *distribute.Server) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, s, l)
}

func startOn(t testing.TB, s *distribute.Server, l net.Listener) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	stop := sync.OnceValue(func() error {
		transport.CloseIdleConnections()
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return &running{addr: l.Addr().String(), stop: stop, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// serveFixture runs a server over the fixture.
func serveFixture(t testing.TB) (*fixture, *running) {
	t.Helper()
	fx := newFixture()
	s := &distribute.Server{Source: fx.folder(t), DrainTime: time.Second}
	s.Swap(fx.view(t))
	return fx, start(t, s)
}

// do sends a request with headers given as name, value, …
func (r *running) do(t testing.TB, method, path string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: read the body: %v", method, path, err)
	}
	return res, body
}

// records collects log records as text.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func (r *records) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
