package main

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// killSite is a mirror with a configuration of its own, and a publisher whose
// files are of every grade: stated by SHA-256 or SHA-1, pinned at first use,
// captured.
type killSite struct {
	t       *testing.T
	dir     string
	line    *line
	signer  *verify.SecretKey // of the mails
	round   int
	files   []offered // of this round
	content int64     // bytes of all rounds
}

// offered is a file at the publisher.
type offered struct {
	path   string
	size   int64
	digest layout.Digest
	stated bool // its SHA-256 is in the list: the store knows it by itself
}

// The files of one round.
const (
	perRound = 60
	captured = 4 // of these at the same URLs in each round
)

// newKillSite makes one in the folder dir.
func newKillSite(t *testing.T, dir string) *killSite {
	t.Helper()
	s := &killSite{t: t, dir: dir, line: newLine(t)}
	var messages strings.Builder
	if code := run(t.Context(), []string{"init", "near", "--dir", s.dir, "--no-passphrase"}, nil, io.Discard, &messages, nil); code != exitDone {
		t.Fatalf("init: exit %d\n%s", code, &messages)
	}
	f, err := os.OpenFile(s.config(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, trust := range map[string]string{"vouched": "", "first": "first-use", "capture": "capture"} {
		fmt.Fprintf(f, "\n[[source]]\nname = %q\nkind = \"updates\"\npath = %q\nhosts = [%q]\n", name, name+".jsonl", s.line.host())
		if trust != "" {
			fmt.Fprintf(f, "trust = %q\n", trust)
		}
	}
	fmt.Fprintf(f, "\n[[source]]\nname = \"mail\"\nkind = \"bulletins\"\npath = \"mail\"\n")
	s.subscribe()
	return s
}

func (s *killSite) config() string { return filepath.Join(s.dir, "patchferry.toml") }

func (s *killSite) object(d layout.Digest) string {
	return filepath.Join(s.dir, "store", filepath.FromSlash(store.ObjectKey(d)))
}

// command is the real program, as its own process.
func (s *killSite) command(args ...string) *exec.Cmd {
	return exec.CommandContext(s.t.Context(), "patchferry", append([]string{"--config", s.config(), "--progress", "none"}, args...)...)
}

// offer begins a round: the publisher lists new files.
func (s *killSite) offer(rng *rand.Rand) {
	s.t.Helper()
	s.round++
	s.mail()
	for _, f := range s.files {
		s.line.Put(f.path, nil) // nobody wants it any more
	}
	s.files = s.files[:0]
	lists := map[string]*strings.Builder{"vouched": {}, "first": {}, "capture": {}}
	for i := range perRound {
		name := fileName(s.round, i)
		if i < captured {
			name = fileName(0, i)
		}
		body := make([]byte, drawSize(rng, i))
		_, _ = rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %d", s.round, i))).Read(body)
		f := offered{path: "/" + name, size: int64(len(body)), digest: layout.DigestOf(body)}
		record := map[string]any{"url": s.line.url(f.path)}
		list := "vouched"
		switch {
		case i < captured:
			list = "capture"
		case i%4 == 0:
			list = "first"
		case i%4 == 1:
			record["sha1"] = fmt.Sprintf("%x", sha1.Sum(body))
		default:
			record["sha256"], record["size"] = f.digest, f.size
			f.stated = true
		}
		id := fmt.Sprintf("r%d-%d", s.round, i)
		if i < captured {
			id = fmt.Sprintf("captured-%d", i)
		}
		line, err := json.Marshal(map[string]any{"id": id, "os": []string{"windowsxp"}, "files": []any{record}})
		if err != nil {
			s.t.Fatal(err)
		}
		lists[list].Write(append(line, '\n'))
		s.line.Put(f.path, body)
		s.files = append(s.files, f)
		s.content += f.size
	}
	for name, list := range lists {
		if err := os.WriteFile(filepath.Join(s.dir, name+".jsonl"), []byte(list.String()), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// drawSize draws the size of file i of a round: many small ones, some of half
// a megabyte, a few that take a while.
func drawSize(rng *rand.Rand, i int) int {
	switch i % 12 {
	case 5:
		return 1<<20 + rng.IntN(2<<20)
	case 0, 3, 7, 8:
		return 256<<10 + rng.IntN(256<<10)
	}
	return 1 + rng.IntN(64<<10)
}

// complete returns the paths whose files the store has and knows what they
// are: by the digest in the list, or from the journal of what was admitted.
func (s *killSite) complete() map[string]bool {
	s.t.Helper()
	journal, err := os.ReadFile(filepath.Join(s.dir, "work", "admitted.jsonl"))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	done := map[string]bool{}
	for _, f := range s.files {
		_, err := os.Stat(s.object(f.digest))
		done[f.path] = err == nil && (f.stated || strings.Contains(string(journal), f.digest.String()))
	}
	return done
}

// begun returns how many bytes of each path are in the stage, with a journal
// that says what they are; of a file that is whole and not yet admitted, all.
func (s *killSite) begun() map[string]int64 {
	s.t.Helper()
	stage := filepath.Join(s.dir, "store", "stage")
	parts, err := filepath.Glob(filepath.Join(stage, "*.part"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, part := range parts {
		_, err := os.Stat(strings.TrimSuffix(part, ".part") + ".json")
		if info, statErr := os.Stat(part); statErr == nil && err != nil && info.Size() > unjournaled {
			s.t.Errorf("a kill costs %d bytes that are on disk", info.Size())
		}
	}
	journals, err := filepath.Glob(filepath.Join(stage, "*.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	begun := map[string]int64{}
	for _, journal := range journals {
		var j struct{ URL string }
		doc, err := os.ReadFile(journal)
		if err == nil {
			err = json.Unmarshal(doc, &j)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		staged := strings.TrimSuffix(journal, ".json")
		info, err := os.Stat(staged + ".part")
		if err != nil {
			info, err = os.Stat(staged)
		}
		if err == nil {
			begun[strings.TrimPrefix(j.URL, s.line.server.URL)] = info.Size()
		}
	}
	return begun
}

func (s *killSite) missing(done map[string]bool) map[string]bool {
	missing := map[string]bool{}
	for _, f := range s.files {
		if !done[f.path] {
			missing[f.path] = true
		}
	}
	return missing
}

// watcher reads the newest generation over and over, as a server would.
type watcher struct {
	site   *killSite
	reads  int
	newest uint64
	end    chan struct{}
	ended  chan struct{}
}

func (s *killSite) watch() *watcher {
	w := &watcher{site: s, end: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *watcher) stop() {
	close(w.end)
	<-w.ended
}

func (w *watcher) run() {
	defer close(w.ended)
	for {
		if err := w.read(context.Background()); err != nil {
			w.site.t.Errorf("the reader: %v", err)
			return
		}
		w.reads++
		select {
		case <-w.end:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// read opens the store anew, checks the whole of the newest generation and that
// every object is there.
func (w *watcher) read(ctx context.Context) error {
	c, err := config.Load(config.Request{File: w.site.config(), Dir: w.site.dir})
	if err != nil {
		return err
	}
	trust, err := readTrust(&c.Config)
	if err != nil {
		return err
	}
	dir, err := store.OpenDir(c.StorePath())
	if err != nil {
		return err
	}
	defer dir.Close()
	r := &trusted.Reader{Store: dir, Trust: trust}
	state, err := r.Newest(ctx)
	if err != nil || state == nil {
		return err
	}
	gen, err := r.Generation(ctx, state.Generation.Generation)
	if err != nil {
		return err
	}
	if gen.Number < w.newest {
		return fmt.Errorf("generation %d after %d", gen.Number, w.newest)
	}
	w.newest = gen.Number
	if err := mailsWhole(ctx, r, dir, gen); err != nil {
		return err
	}
	catalog, err := r.Catalog(ctx, gen)
	if err != nil {
		return err
	}
	rounds := map[string]int{}
	for u, err := range catalog.Updates() {
		if err != nil {
			return err
		}
		round, _, _ := strings.Cut(u.ID[strings.IndexByte(u.ID, ':')+1:], "-")
		rounds[round]++
		if err := heldWhole(ctx, dir, u); err != nil {
			return err
		}
	}
	for round, n := range rounds {
		if want := perRound - captured; round != "captured" && n != want {
			return fmt.Errorf("generation %d has %d updates of round %s, want %d", gen.Number, n, round, want)
		}
	}
	return nil
}

func heldWhole(ctx context.Context, dir *store.Dir, u *layout.Update) error {
	for i := range u.Files {
		f := &u.Files[i]
		if !f.Held {
			return fmt.Errorf("%s: %s is published and not held", u.ID, f.Name)
		}
		if size, err := dir.Stat(ctx, f.SHA256); err != nil || size != f.Size {
			return fmt.Errorf("%s: %s is published with %d bytes and has %d (%w)", u.ID, f.Name, f.Size, size, err)
		}
	}
	return nil
}
