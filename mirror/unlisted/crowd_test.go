package unlisted_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream/hostile"
)

// guidOf returns one path of a delivery network for each number.
func guidOf(i int) string {
	return fmt.Sprintf("/filestreamingservice/files/6ba7b810-9dad-11d1-80b4-%012x", i)
}

// TestDeliveryOptimization lets 40 clients fetch pieces in an order of their own, each
// request with a query of its own; the origin sends each byte once.
func TestDeliveryOptimization(t *testing.T) {
	const clients, piece = 40, 1 << 20
	body := content(1, 8<<20+12345)
	b := newBench(t, map[string][]byte{guid: body})
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			offsets := rand.New(rand.NewPCG(1, uint64(i))).Perm((len(body) + piece - 1) / piece)
			for k, n := range offsets {
				f, err := b.cache.Get(t.Context(), b.ask(guid, fmt.Sprintf("P1=%d&P2=%d", i, k)))
				if err != nil {
					t.Error(err)
					return
				}
				start := int64(n) * piece
				end := min(start+piece, f.Size())
				got, err := read(t.Context(), f, start, end)
				if err != nil || !bytes.Equal(got, body[start:end]) {
					t.Errorf("client %d, piece %d: %d bytes, %v", i, n, len(got), err)
				}
				f.Close()
			}
		})
	}
	wg.Wait()
	b.whole(1)
	if n := b.publisher.Bytes(guid); n != int64(len(body)) {
		t.Errorf("got %d bytes from the origin, want %d: 1.000x", n, len(body))
	}
	if s := b.cache.Stats(); s.Fills.Fetched != int64(len(body)) {
		t.Errorf("got %+v", s)
	}
}

// TestCrowdLooksOnce asks for a file that changes, by many at once.
func TestCrowdLooksOnce(t *testing.T) {
	body := content(1, 900_000)
	b := newBench(t, map[string][]byte{scan: body})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if got, err := b.get(scan, fmt.Sprint(i)); err != nil || !bytes.Equal(got, body) {
				t.Errorf("client %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
	if n := b.publisher.Bytes(scan); n != int64(len(body))+1 {
		t.Errorf("got %d bytes from the origin, want %d and one look", n, len(body))
	}
}

// TestQuota fills the cache several times over.
func TestQuota(t *testing.T) {
	const n, size = 12, 300_000
	files := map[string][]byte{}
	for i := range n {
		files[guidOf(i)] = content(uint64(i), size)
	}
	b := newBench(t, files)
	b.cache.Quota = 4*size + size/2
	for i := range n {
		b.want(guidOf(i), "", files[guidOf(i)])
		b.whole(min(i+1, 4))
		b.want(guidOf(0), "", files[guidOf(0)]) // used after the newest
		if s := b.cache.Stats(); s.Bytes+s.Fills.PartBytes > s.Quota {
			t.Fatalf("got %d bytes and %d on their way, more than %d", s.Bytes, s.Fills.PartBytes, s.Quota)
		}
	}
	if s := b.cache.Stats(); s.Evicted != n-4 {
		t.Errorf("got %+v, want %d evicted", s, n-4)
	}
	if got, names := len(b.files()), b.cache.Names(); got != 8 || names != 4 {
		t.Errorf("got %d files on disk and %d names, want 4 with a record each", got, names)
	}
	// What was used last is what is left, also of what lies on the disk.
	asked := b.publisher.Requests("")
	for _, i := range []int{n - 1, n - 2, n - 3, 0} {
		b.want(guidOf(i), "", files[guidOf(i)])
	}
	if got := b.publisher.Requests(""); got != asked {
		t.Errorf("got %d requests for what was used last", got-asked)
	}
}

// TestQuotaWhileAllIsRead has no room, as nothing that is read is removed.
func TestQuotaWhileAllIsRead(t *testing.T) {
	const size = 300_000
	files := map[string][]byte{}
	for i := range 3 {
		files[guidOf(i)] = content(uint64(i), size)
	}
	b := newBench(t, files)
	b.cache.Quota = 2 * size
	var open []layout.Filling
	for i := range 2 {
		b.want(guidOf(i), "", files[guidOf(i)])
		b.whole(i + 1)
		f, err := b.cache.Get(t.Context(), b.ask(guidOf(i), ""))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	_, err := b.get(guidOf(2), "")
	var later *layout.LaterError
	if !errors.As(err, &later) {
		t.Errorf("got %v, want a LaterError", err)
	}
	for i, f := range open {
		if got, err := read(t.Context(), f, 0, size); err != nil || !bytes.Equal(got, files[guidOf(i)]) {
			t.Errorf("got %d bytes, %v of a file that is read", len(got), err)
		}
		f.Close()
	}
	b.want(guidOf(2), "", files[guidOf(2)])
}

// TestTooLarge: a file that never fits is told so, and not to come again.
func TestTooLarge(t *testing.T) {
	b := newBench(t, map[string][]byte{guid: content(1, 300_000)})
	b.cache.Quota = 200_000
	if _, err := b.get(guid, ""); err == nil || !strings.Contains(err.Error(), "200000") {
		t.Errorf("got %v, want the limit in it", err)
	}
}

// TestRestartOrder keeps the order of use over a restart.
func TestRestartOrder(t *testing.T) {
	const size = 300_000
	files := map[string][]byte{}
	for i := range 4 {
		files[guidOf(i)] = content(uint64(i), size)
	}
	b := newBench(t, files)
	b.cache.Quota = 3 * size
	for i := range 3 {
		b.want(guidOf(i), "", files[guidOf(i)])
		b.whole(i + 1)
	}
	// The first was used last, and that long ago that it is noted.
	for i, name := range records(b) {
		day := time.Now().AddDate(0, 0, -10+i)
		if err := os.Chtimes(name, day, day); err != nil {
			t.Fatal(err)
		}
	}
	b.end()
	b.open()
	b.want(guidOf(0), "", files[guidOf(0)])
	b.end()
	b.open()
	b.cache.Quota = 3 * size
	b.want(guidOf(3), "", files[guidOf(3)])
	b.whole(3)
	asked := b.publisher.Requests(guidOf(0))
	b.want(guidOf(0), "", files[guidOf(0)])
	if b.publisher.Requests(guidOf(0)) != asked {
		t.Error("the file that was used last made room")
	}
}

// records lists the records on disk, the oldest first.
func records(b *bench) []string {
	var all []string
	for _, name := range b.files() {
		if filepath.Ext(name) == ".json" {
			all = append(all, name)
		}
	}
	older := func(i, k int) bool { return filepath.Base(all[i]) < filepath.Base(all[k]) }
	for i := range all {
		for k := range all[:i] {
			if older(i, k) {
				all[i], all[k] = all[k], all[i]
			}
		}
	}
	return all
}

// TestDamage spoils what is on disk while no Cache is open.
func TestDamage(t *testing.T) {
	spoils := map[string]func(base string) error{
		"bytes are gone": func(base string) error { return os.Remove(base + ".bin") },
		"record is gone": func(base string) error { return os.Remove(base + ".json") },
		"bytes are cut":  func(base string) error { return os.Truncate(base+".bin", 100) },
		"bytes are a link": func(base string) error {
			return errors.Join(os.Remove(base+".bin"), os.Symlink("/etc/passwd", base+".bin"))
		},
		"record is cut":      func(base string) error { return os.Truncate(base+".json", 20) },
		"record is empty":    func(base string) error { return os.Truncate(base+".json", 0) },
		"record of tomorrow": func(base string) error { return edit(base+".json", `"format":1`, `"format":2`) },
		"record with more":   func(base string) error { return edit(base+".json", `"format":1`, `"format":1,"a":1`) },
		"another size":       func(base string) error { return edit(base+".json", `"size":5000`, `"size":4999`) },
		"ETag without quote": func(base string) error { return edit(base+".json", `,"etag":"\"`, `,"etag":"`) },
	}
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			body := content(1, 5000)
			b := newBench(t, map[string][]byte{guid: body})
			b.want(guid, "", body)
			b.whole(1)
			b.end()
			base := strings.TrimSuffix(records(b)[0], ".json")
			if err := spoil(base); err != nil {
				t.Fatal(err)
			}
			b.open()
			if got := b.files(); len(got) != 0 || b.cache.Stats().Files != 0 {
				t.Errorf("got %q, want nothing", got)
			}
			b.want(guid, "", body)
			b.whole(1)
		})
	}
}

func edit(name, old, with string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte(old)) {
		return fmt.Errorf("%s has no %s: %s", name, old, text)
	}
	return os.WriteFile(name, bytes.Replace(text, []byte(old), []byte(with), 1), 0o644)
}

// TestForeign leaves alone what is not the cache's.
func TestForeign(t *testing.T) {
	b := newBench(t, nil)
	b.end()
	name := filepath.Join(b.dir, "files", "lost+found", "x")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b.open()
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}

// TestNotKept: the file goes to those who wait for it, though the disk takes no record.
func TestNotKept(t *testing.T) {
	body := content(1, 300_000)
	b := newBench(t, map[string][]byte{guid: body})
	folder := filepath.Join(b.dir, "files")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b.want(guid, "", body)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	b.want(guid, "", body)
	b.whole(1)
	if n := b.publisher.Twice(guid); n != 0 {
		t.Errorf("got %d bytes twice", n)
	}
}

// TestManyUnknownPaths: what is not there leaves nothing behind.
func TestManyUnknownPaths(t *testing.T) {
	b := newBench(t, nil)
	for i := range 200 {
		if _, err := b.get(guidOf(i), ""); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("got %v", err)
		}
	}
	b.whole(0)
	if n := b.cache.Names(); n != 0 {
		t.Errorf("got %d names in memory", n)
	}
	if entries, err := os.ReadDir(filepath.Join(b.dir, "fills")); err != nil || len(entries) > 1 {
		t.Errorf("got %v, %v in the folder of fills, want its lock", entries, err)
	}
}

// TestCloseWhileAllWait ends a cache while hosts wait for an origin that is silent.
func TestCloseWhileAllWait(t *testing.T) {
	b := newBench(t, map[string][]byte{scan: content(1, 5000), guid: content(1, 5000)})
	asked := make(chan struct{}, 2)
	for _, path := range []string{scan, guid} {
		b.publisher.Fault(path, hostile.Stall{At: -1})
	}
	b.client.FillStall = time.Hour
	b.client.Dial = announced(asked)
	var wg sync.WaitGroup
	for _, path := range []string{scan, guid} {
		wg.Go(func() {
			if _, err := b.get(path, ""); err == nil {
				t.Errorf("%s: got no error", path)
			}
		})
		<-asked
	}
	b.end()
	wg.Wait()
}
