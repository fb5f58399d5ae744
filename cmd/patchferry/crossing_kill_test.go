package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// crossingKills is how often export and import are killed each; 200 times with
// TEST_FULL=1.
func crossingKills() int {
	switch {
	case os.Getenv("TEST_FULL") == "1":
		return 200
	case testing.Short(), raced:
		return 10
	}
	return 50
}

// TestT21ExportKilledAnywhere kills the real process while it exports, and runs
// the same command until it is done. What has its final name is whole at any
// moment, and no seq ever has two headers: not on the medium where somebody
// signed one, and not in the states.
func TestT21ExportKilledAnywhere(t *testing.T) {
	x := newCrossing(t)
	medium := t.TempDir()
	k := &assassin{t: t, rng: rand.New(rand.NewPCG(drawSeed(t), 1)), begun: func() bool { return exists(filepath.Join(medium, "*.partial")) }}
	export := []string{"export", "--to", medium, "--full", "--volume-size", volumeSize}
	k.measure(x.near, export...)
	signed := map[uint64]layout.Digest{}
	checked := map[string]bool{}
	reader := newBeside(t, func(ctx context.Context) error { return checkFinished(ctx, x.near, medium, checked) })
	rounds := 0
	for want := crossingKills(); k.kills < want; rounds++ {
		for k.run(x.near, []int{exitDone}, export...) {
			noteSigned(t, medium, signed)
		}
		noteSigned(t, medium, signed)
	}
	x.on(x.near, export...) // the last one may have been killed
	reader.stop()
	if err := checkFinished(t.Context(), x.near, medium, map[string]bool{}); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(medium, "*.partial")); err != nil || len(left) > 0 {
		t.Errorf("left on the medium: %v, %v", left, err)
	}
	recorded := x.recorded(x.near)
	for seq, digest := range signed {
		if recorded[seq] != digest {
			t.Errorf("seq %d was signed as %s and recorded as %s", seq, digest, recorded[seq])
		}
	}
	if len(signed) < rounds {
		t.Errorf("%d headers were seen in %d rounds", len(signed), rounds)
	}
	x.on(x.near, "audit")
	noParts(t, x.near)
	k.enough()
}

// checkFinished reads every bundle with its final name that it has not read
// yet.
func checkFinished(ctx context.Context, near, medium string, checked map[string]bool) error {
	entries, err := os.ReadDir(medium)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".partial") || checked[e.Name()] {
			continue
		}
		r, err := checkBundle(ctx, near, filepath.Join(medium, e.Name()))
		if err == nil && !r.Verified {
			err = fmt.Errorf("not verified")
		}
		if err != nil {
			return fmt.Errorf("%s has its name and is not whole: %w", e.Name(), err)
		}
		checked[e.Name()] = true
	}
	return nil
}

// noteSigned notes every header on a medium that has signatures, and demands
// that a seq has the same one always.
func noteSigned(t *testing.T, medium string, signed map[uint64]layout.Digest) {
	t.Helper()
	for _, name := range filesIn(t, medium) {
		if filepath.Base(name) != bundle.HeaderSigFile {
			continue
		}
		doc, err := os.ReadFile(strings.TrimSuffix(name, ".asc"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		h, err := bundle.ParseHeader(doc)
		if err != nil && strings.Contains(name, ".partial") {
			continue // it was being written once more, byte for byte
		}
		if err != nil {
			t.Fatalf("%s is signed, and it is no header: %v", name, err)
		}
		digest := layout.DigestOf(doc)
		if was, known := signed[h.Seq]; known && was != digest {
			t.Errorf("seq %d has two headers: %s and %s", h.Seq, was, digest)
		}
		signed[h.Seq] = digest
	}
}

// noParts demands that a machine has nothing left of what was begun, but for
// what its store removes after a day.
func noParts(t *testing.T, dir string) {
	t.Helper()
	for _, name := range append(filesIn(t, filepath.Join(dir, "store", "stage")), filesIn(t, filepath.Join(dir, "work"))...) {
		base := filepath.Base(name)
		known := strings.HasPrefix(base, ".put-") || slices.ContainsFunc(
			[]string{"lock", "mark.json*", "admitted.jsonl", "memory.json", "bulletins.json", "list", "lock.holder", "traffic-sync.json*"},
			func(pattern string) bool { ok, _ := filepath.Match(pattern, base); return ok })
		if !known {
			t.Errorf("left behind: %s", name)
		}
	}
}

// TestT21ImportKilledAnywhere kills the real process while it imports, and runs
// the same command until it is done. A reader beside it sees the old generation
// or the new one, each of them whole.
func TestT21ImportKilledAnywhere(t *testing.T) {
	x := newCrossing(t)
	k := &assassin{t: t, rng: rand.New(rand.NewPCG(drawSeed(t), 2))}
	k.measure(x.another(), "import", x.second)
	k.begun = func() bool { return false }
	seen := map[int]int{}
	for want := crossingKills(); k.kills < want; {
		far := x.another()
		k.begun = func() bool { return exists(filepath.Join(far, "store", "stage", "import", "*", "*")) }
		reader := newBeside(t, func(ctx context.Context) error { return x.oneOfTwo(ctx, far, seen) })
		for k.run(far, []int{exitDone, exitAlready}, "import", x.second) {
			if k.kills%10 == 0 {
				x.statusIsOneOfTwo(far)
			}
		}
		reader.stop()
		if code := runIn(t.Context(), far, "import", x.second).code; code != exitAlready {
			t.Errorf("imported again: exit %d, want %d", code, exitAlready)
		}
		if got, err := shownIn(t.Context(), far, "test"); err != nil || !slices.Equal(got, x.ids[1]) {
			t.Errorf("ring test shows %d updates, want %d (%v)", len(got), len(x.ids[1]), err)
		}
		x.on(far, "audit")
		noParts(t, far)
		if t.Failed() {
			t.FailNow()
		}
		if err := os.RemoveAll(far); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("readers saw the old generation %d times and the new one %d times", seen[len(x.ids[0])], seen[len(x.ids[1])])
	k.enough()
}

// oneOfTwo demands that the ring shows the first generation or the second one.
func (x *crossing) oneOfTwo(ctx context.Context, far string, seen map[int]int) error {
	got, err := shownIn(ctx, far, "test")
	if err != nil {
		return err
	}
	seen[len(got)]++
	if !slices.Equal(got, x.ids[0]) && !slices.Equal(got, x.ids[1]) {
		return fmt.Errorf("the ring shows %v, which is neither generation", got)
	}
	return nil
}

// statusIsOneOfTwo asks the real program beside.
func (x *crossing) statusIsOneOfTwo(far string) {
	x.t.Helper()
	out, err := (&killSite{t: x.t, dir: far}).command("status", "--json").Output()
	if err != nil {
		x.t.Fatalf("status: %v", err)
	}
	var r statusReport
	if err := json.Unmarshal(out, &r); err != nil || r.State != 1 && r.State != 2 {
		x.t.Errorf("status says %s (%v)", out, err)
	}
}
