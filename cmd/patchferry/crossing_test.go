package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// crossing is a near side with two generations, a far side that has the first
// one, and bundles of both: what tests of the way over the gap begin with.
type crossing struct {
	t             *testing.T
	near, far     string // folders with a patchferry.toml
	first, second string // bundles; the second has several volumes and a segmented object
	ids           [2][]string
}

// volumeSize is that of the second bundle.
const volumeSize = "600kB"

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	files := map[string][]byte{}
	for i := range 6 {
		size := 5_000 + 9_000*i
		if i == 5 {
			size = 700_000
		}
		content := make([]byte, size)
		_, _ = rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, i))).Read(content)
		files["/"+fileName(1, i)] = content
	}
	x := &crossing{t: t, far: filepath.Join(t.TempDir(), "far")}
	x.near, _ = newMirror(t, files)
	list := filepath.Join(x.near, "list.txt")
	whole, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var some strings.Builder
	for line := range strings.Lines(string(whole)) {
		if strings.Contains(line, fileName(1, 0)) || strings.Contains(line, fileName(1, 1)) {
			some.WriteString(line)
		}
	}
	for i, content := range [][]byte{[]byte(some.String()), whole} {
		if err := os.WriteFile(list, content, 0o600); err != nil {
			t.Fatal(err)
		}
		x.on(x.near, "sync")
		made := mirror.ExportReport{}
		out := x.on(x.near, "export", "--to", t.TempDir(), "--full", "--volume-size", volumeSize, "--json")
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			t.Fatalf("export prints %s: %v", out, err)
		}
		if i == 0 {
			x.first = made.Dir
			x.initFar()
			x.on(x.far, "import", x.first)
		} else {
			x.second = made.Dir
			if len(made.Volumes) < 2 || !exists(filepath.Join(made.Dir, "*", "segments", "*", "*", "0002")) {
				t.Fatalf("the second bundle has %d volumes, or nothing in pieces", len(made.Volumes))
			}
		}
		if x.ids[i], err = shownIn(t.Context(), x.near, ""); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func (x *crossing) initFar() {
	x.t.Helper()
	origin := filepath.Join(x.near, "keys", "origin.asc")
	ring, err := verify.ReadKeyFile(origin)
	if err != nil {
		x.t.Fatal(err)
	}
	x.on(x.far, "init", "far", "--dir", x.far, "--name", "plant", "--origin-key", origin, "--fingerprint", ring.Fingerprints()[0].String(), "--no-passphrase")
}

// on runs a command in this process, which must succeed, and returns what it
// prints.
func (x *crossing) on(dir string, args ...string) string {
	x.t.Helper()
	r := runIn(x.t.Context(), dir, args...)
	if r.code != exitDone {
		x.t.Fatalf("%v exits %d: %s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// another returns a copy of the far side, which has the first generation.
func (x *crossing) another() string {
	x.t.Helper()
	dir := filepath.Join(x.t.TempDir(), "far")
	if err := os.CopyFS(dir, os.DirFS(x.far)); err != nil {
		x.t.Fatal(err)
	}
	return dir
}

// shownIn returns what the newest generation shows, in a ring or, on a near
// side, of its own, after it has made sure that every file of it is whole.
func shownIn(ctx context.Context, dir, ring string) ([]string, error) {
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml")}}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		return nil, err
	}
	trust, err := readTrust(&l.Config)
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, &l.Config)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &trusted.Reader{Store: s, Trust: trust}
	state, err := r.Newest(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := r.Shown(ctx, state, ring)
	if err != nil {
		return nil, err
	}
	var ids []string
	for u, err := range shown.Updates(ctx) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.ID)
		if err := filesWhole(ctx, s, u); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// filesWhole reads every file of an update.
func filesWhole(ctx context.Context, s store.Store, u *layout.Update) error {
	for i := range u.Files {
		f := &u.Files[i]
		r, err := s.Open(ctx, f.SHA256, 0, -1)
		if err != nil {
			return fmt.Errorf("%s: %s is shown and not here: %w", u.ID, f.Name, err)
		}
		_, err = new(bytes.Buffer).ReadFrom(layout.NewVerifyReader(r, f.Size, f.SHA256))
		if err := errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s: %s is shown and not whole: %w", u.ID, f.Name, err)
		}
	}
	return nil
}

// checkBundle reads a bundle whole as a far side does, and returns its header.
func checkBundle(ctx context.Context, near, dir string) (*bundle.Report, error) {
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(near, "patchferry.toml")}}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		return nil, err
	}
	trust, err := readTrust(&l.Config)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(ctx, []string{dir}, &mirror.OriginVerifier{Trust: trust}, bundle.ReadOptions{})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return b.Verify(ctx)
}

// recorded returns the header of each seq that the near side's states have, the
// whole log through.
func (x *crossing) recorded(dir string) map[uint64]layout.Digest {
	x.t.Helper()
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml")}}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	s, err := openSite(x.t.Context(), &l.Config)
	if err != nil {
		x.t.Fatal(err)
	}
	defer s.Close()
	newest, err := s.store.Newest(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	all := map[uint64]layout.Digest{}
	for n := range newest {
		state, err := s.reader.State(x.t.Context(), n+1)
		if err != nil {
			x.t.Fatal(err)
		}
		for _, e := range state.Outbound["main"].Exports {
			if was, known := all[e.Seq]; known && was != e.Header.Document.SHA256 {
				x.t.Errorf("seq %d has two headers in the states: %s and %s", e.Seq, was, e.Header.Document.SHA256)
			}
			all[e.Seq] = e.Header.Document.SHA256
		}
	}
	return all
}

// beside reads over and over, beside what is killed.
type beside struct {
	t     *testing.T
	reads int
	once  sync.Once
	end   chan struct{}
	ended chan struct{}
}

func newBeside(t *testing.T, read func(context.Context) error) *beside {
	b := &beside{t: t, end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		for {
			if err := read(context.Background()); err != nil {
				t.Errorf("the reader: %v", err)
				return
			}
			b.reads++
			select {
			case <-b.end:
				return
			case <-time.After(30 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(b.stop)
	return b
}

func (b *beside) stop() {
	b.once.Do(func() {
		close(b.end)
		<-b.ended
		if b.reads == 0 {
			b.t.Error("the reader saw nothing")
		}
	})
}

// assassin runs the real program and kills it somewhere.
type assassin struct {
	t     *testing.T
	rng   *rand.Rand
	takes time.Duration // what a run takes that nobody disturbs
	works time.Duration // of this, after something was begun
	runs  int
	kills int
	mid   int         // of these, while something was begun and not ended
	begun func() bool // whether something is
}

// strike kills a process: half of the times anywhere, and half of them once it
// has begun something, since a slow machine spends most of a run on its start. It
// returns when the process ended, and how long ago it was seen to begin.
func (k *assassin) strike(p *os.Process, ended <-chan struct{}) func() time.Duration {
	after, later := time.Duration(k.rng.Int64N(int64(k.takes))), time.Duration(k.rng.Int64N(int64(k.works)))
	aims := k.rng.IntN(2) == 0 && !k.begun()
	var began time.Time
	done := make(chan struct{})
	go func() {
		defer close(done)
		for aims && began.IsZero() {
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond):
				if k.begun() {
					began, after = time.Now(), later
				}
			}
		}
		select {
		case <-ended:
		case <-time.After(after):
			_ = p.Kill()
		}
	}()
	return func() time.Duration {
		<-done
		if began.IsZero() {
			return 0
		}
		return time.Since(began)
	}
}

// run runs a command on a machine and kills it somewhere. It reports whether it
// did; a run that ends by itself must end with one of these statuses.
func (k *assassin) run(dir string, want []int, args ...string) (killed bool) {
	k.t.Helper()
	var stderr bytes.Buffer
	cmd := (&killSite{t: k.t, dir: dir}).command(args...)
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ended := make(chan struct{})
	working := k.strike(cmd.Process, ended)
	err := cmd.Wait()
	close(ended)
	worked := working()
	k.runs++
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		k.t.Fatal(err)
	}
	if exit != nil && !exit.Exited() {
		k.kills++
		if k.begun() {
			k.mid++
		}
		return true
	}
	code := cmd.ProcessState.ExitCode()
	for _, w := range want {
		if code == w {
			k.takes = (3*k.takes + max(time.Since(start), k.takes/2)) / 4
			if worked > 0 {
				k.works = (k.works + worked) / 2
			}
			return false
		}
	}
	k.t.Fatalf("%v exits %d, want one of %v\n%s", args, code, want, &stderr)
	return false
}

// measure runs a command to its end.
func (k *assassin) measure(dir string, args ...string) {
	k.t.Helper()
	start := time.Now()
	if out, err := (&killSite{t: k.t, dir: dir}).command(args...).CombinedOutput(); err != nil {
		k.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	k.takes = time.Since(start)
	k.works = k.takes / 4
}

// enough demands that the kills hit what they were meant to hit.
func (k *assassin) enough() {
	k.t.Helper()
	k.t.Logf("%d kills in %d runs, %d of them in the middle", k.kills, k.runs, k.mid)
	if k.mid < k.kills/4 {
		k.t.Errorf("only %d of %d kills hit the middle", k.mid, k.kills)
	}
}

// exists reports whether there is a file of that pattern.
func exists(pattern string) bool {
	all, err := filepath.Glob(pattern)
	return err == nil && len(all) > 0
}

// filesIn returns the paths of the files below a folder.
func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}
