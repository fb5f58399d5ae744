package fill_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// disk knows what of the data files below a folder was made durable.
type disk struct {
	mu     sync.Mutex
	synced map[string][]byte // by base name
}

func (d *disk) sync(f *os.File) error {
	data, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced[filepath.Base(f.Name())] = data
	return nil
}

// crash copies a folder as a loss of power leaves it: journals as they are, of data files
// what was synced, zeros for the rest, and a kernel that started anew. Where power is not
// lost it is the death of the process alone.
func (d *disk) crash(t *testing.T, from, to string, power bool) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	// Journals first: what a journal names is in the data by then, and never after.
	for _, suffix := range []string{".json", ".part"} {
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), suffix) {
				continue
			}
			data, err := os.ReadFile(filepath.Join(from, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if power && suffix == ".part" {
				data = d.lost(e.Name(), len(data))
			}
			if power && suffix == ".json" {
				data = otherBoot(t, data)
			}
			if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (d *disk) lost(name string, size int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	data := make([]byte, size)
	copy(data, d.synced[name])
	return data
}

func otherBoot(t *testing.T, journal []byte) []byte {
	t.Helper()
	var j map[string]any
	if err := json.Unmarshal(journal, &j); err != nil {
		t.Fatal(err)
	}
	j["boot"] = "another"
	data, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recorded returns how many bytes the journal in a folder says are durable.
func recorded(t *testing.T, dir string, what string) (n int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) != 1 {
		return 0
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	var j map[string]json.RawMessage
	var spans []struct{ Start, End int64 }
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatal(err)
	}
	if j[what] == nil {
		return 0
	}
	if err := json.Unmarshal(j[what], &spans); err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		n += s.End - s.Start
	}
	return n
}

// TestCrash: whenever the process dies or the power is lost, the next one goes on with
// all that was recorded, and nothing but the right file is admitted, whether a digest is
// stated or not.
func TestCrash(t *testing.T) {
	const size = 12_000_000
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, seed))
			p := newPublisher(size)
			slowly(p)
			var a admitted
			job := jobOf(p, &a)
			if seed%2 == 0 {
				job.File = layout.File{Name: "file"}
			}
			power := seed%4 < 2
			dir, next := t.TempDir(), t.TempDir()
			d := &disk{synced: make(map[string][]byte)}
			pool := open(t, dir)
			pool.SetSync(d.sync)
			f, err := pool.Fill(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r, err := f.Read(size/2+rnd.Int64N(size/2), size)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			time.Sleep(time.Duration(rnd.Int64N(int64(90 * time.Second))))
			synctest.Wait()
			d.crash(t, dir, next, power)
			what := "here"
			if power {
				what = "durable"
			}
			kept := recorded(t, next, what)
			second := newPublisher(size)
			job.Origin = second
			wantWhole(t, open(t, next), job, p.data)
			synctest.Wait()
			if a.count() != 1 || !bytes.Equal(a.data, p.data) {
				t.Errorf("seed %d: admitted %d times, %d bytes", seed, a.count(), len(a.data))
			}
			if got := second.bytes(); got != size-kept {
				t.Errorf("seed %d: the origin sent %d bytes, %d were recorded of %d", seed, got, kept, size)
			}
		})
	}
}

// TestSpoiledOnDisk: bytes that changed on the disk meanwhile are never admitted.
func TestSpoiledOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(5_000_000)
		p.answer = func(n int, _ layout.PartRequest, _ *layout.Part) error {
			if n == 3 {
				return errors.New("enough for now")
			}
			return nil
		}
		var a admitted
		dir := t.TempDir()
		pool, err := fill.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := pool.Fill(t.Context(), jobOf(p, &a))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = readPart(t.Context(), f, 0, f.Size())
		if err := errors.Join(f.Close(), pool.Close()); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*.part"))
		if err != nil || len(names) != 1 {
			t.Fatalf("data files: %q, %v", names, err)
		}
		data, err := os.OpenFile(names[0], os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := data.WriteAt([]byte("spoiled"), 100_000); err != nil {
			t.Fatal(err)
		}
		data.Close()
		pool = open(t, dir)
		f, err = pool.Fill(t.Context(), jobOf(p, &a))
		if err != nil {
			t.Fatal(err)
		}
		tag := f.ETag()
		time.Sleep(time.Second)
		_, err = f.Read(0, 10)
		if _, ok := errors.AsType[*layout.MismatchError](err); !ok || a.count() != 0 {
			t.Errorf("got error %v, admitted %d times", err, a.count())
		}
		f.Close()
		// Nobody read this time, but somebody did before.
		_, err = pool.Fill(t.Context(), jobOf(p, &a))
		later, ok := errors.AsType[*layout.LaterError](err)
		if !ok {
			t.Fatalf("at once: got error %v", err)
		}
		time.Sleep(later.After)
		f, err = pool.Fill(t.Context(), jobOf(p, &a))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Restarted().IsZero() || f.ETag() == tag {
			t.Errorf("afterwards: ETag %s, restarted %v", f.ETag(), f.Restarted())
		}
	})
}
