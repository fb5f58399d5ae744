package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKilledAnywhere kills the real process again and again while it syncs:
// while it starts, after so many bytes or requests, and after the last file,
// where it writes the catalog and publishes. Each time the same command is run
// again. What was complete is never fetched again, what was begun is resumed,
// the audit is clean, and a reader beside it sees whole generations only.
//
// Where a kill hits is drawn from a seed, which is printed; TEST_SEED
// draws the same again, as far as the machine is as busy as then.
func TestKilledAnywhere(t *testing.T) {
	kills := 200
	if testing.Short() || raced {
		kills = 20 // where to kill is a matter of luck, not of what watches
	}
	seed := drawSeed(t)
	k := &killing{killSite: newKillSite(t, filepath.Join(t.TempDir(), "m")), rng: rand.New(rand.NewPCG(seed, 0)), hits: map[string]int{}}
	reader := k.watch()
	for k.kills < kills {
		k.offer(k.rng)
		k.untilDone(kills)
	}
	reader.stop()
	k.audit()
	k.leftovers()
	t.Logf("%d kills in %d rounds: %v; %d reads saw generations up to %d; %d bytes of content, %.3f times as many sent",
		k.kills, k.round, k.hits, reader.reads, reader.newest, k.content, float64(k.sent)/float64(k.content))
	if reader.newest == 0 {
		t.Errorf("the reader saw no generation in %d reads", reader.reads)
	}
}

// drawSeed returns the seed of this run and says how to draw it again.
func drawSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TEST_SEED=%d", seed)
	return seed
}

// unjournaled is how many bytes of a file may be on disk before it is worth a
// journal, and is therefore fetched again.
const unjournaled = 384 << 10

// killing is one run of the test.
type killing struct {
	*killSite
	rng   *rand.Rand
	kills int
	hits  map[string]int
	sent  int64
}

// untilDone runs the command until it comes to its end.
func (k *killing) untilDone(kills int) {
	k.t.Helper()
	for {
		done, begun := k.complete(), k.begun()
		killed := k.run(k.kills < kills, done)
		k.checkAnswers(done, begun)
		if !killed {
			return
		}
		if k.kills++; k.kills%10 == 0 {
			k.audit()
		}
	}
}

// run runs the command once and kills it somewhere if it may. It reports
// whether it did.
func (k *killing) run(mayKill bool, done map[string]bool) bool {
	k.t.Helper()
	var stderr bytes.Buffer
	cmd := k.command("sync")
	cmd.Stderr = &stderr
	started := make(chan struct{})
	kill := func() {
		<-started
		_ = cmd.Process.Kill() // it may be over
	}
	hit, due, now := "none", trigger{}, false
	missing := k.missing(done)
	if mayKill && (len(missing) > 0 || k.rng.IntN(2) == 0) {
		hit, due, now = k.draw(missing, kill)
	}
	k.line.arm(due)
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	close(started)
	if now {
		time.AfterFunc(k.wait(), kill)
	}
	err := cmd.Wait()
	k.line.arm(trigger{})
	if err == nil {
		return false
	}
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Exited() {
		k.t.Fatalf("sync: %v\n%s", err, stderr.String())
	}
	k.hits[hit]++
	return true
}

// draw says where to kill next: when the publisher sees something, or now, soon
// after the start. Of files that are on their way there is little in each phase
// but the transfer, so the others get more than their share.
func (k *killing) draw(missing map[string]bool, kill func()) (hit string, due trigger, now bool) {
	var bytes int64
	for _, f := range k.files {
		if missing[f.path] {
			bytes += f.size
		}
	}
	switch n := k.rng.IntN(10); {
	case n < 1:
		return "starting", trigger{}, true
	case len(missing) == 0:
		return "finishing", trigger{}, true
	case n < 6:
		return "fetching", trigger{bytes: 1 + k.rng.Int64N(1+bytes/12), fire: kill}, false
	case n < 8:
		return "between files", trigger{requests: 1 + k.rng.IntN(1+len(missing)/8), fire: kill}, false
	}
	wait := k.wait()
	return "finishing", trigger{paths: missing, fire: func() { time.AfterFunc(wait, kill) }}, false
}

// wait draws how long after an event to kill: now and then so late that the
// command is done by then.
func (k *killing) wait() time.Duration {
	return time.Duration(k.rng.Int64N(int64(120 * time.Millisecond)))
}

// checkAnswers holds what the publisher sent against what was on disk before.
// What a kill caught in the buffers of a connection has to come again, and
// counts for nothing here.
func (k *killing) checkAnswers(done map[string]bool, begun map[string]int64) {
	k.t.Helper()
	for _, a := range k.line.quiet() {
		k.sent += a.end - a.start
		if done[a.path] && a.end > a.start {
			k.t.Errorf("%s was complete, and %d bytes of it came again", a.path, a.end-a.start)
		}
		if a.start < begun[a.path] {
			k.t.Errorf("%s was here up to byte %d, and was sent again from byte %d on", a.path, begun[a.path], a.start)
		}
	}
}

// leftovers demands that the kills left nothing behind for good.
func (k *killing) leftovers() {
	k.t.Helper()
	for _, dir := range []string{"store/stage", "work"} {
		err := filepath.WalkDir(filepath.Join(k.dir, dir), func(path string, d fs.DirEntry, err error) error {
			name := filepath.Base(path)
			if err == nil && !d.IsDir() && !strings.HasPrefix(name, ".put-") && !k.keeps(path) {
				k.t.Errorf("%s is left", path)
			}
			return err
		})
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

// keeps reports whether a file belongs in the work directory.
func (k *killing) keeps(path string) bool {
	for _, pattern := range []string{"lock", "mark.json*", "admitted.jsonl", "memory.json", "bulletins.json", "list", "traffic-sync.json*"} {
		if ok, _ := filepath.Match(pattern, filepath.Base(path)); ok {
			return true
		}
	}
	return false
}

func (k *killing) audit() {
	k.t.Helper()
	if out, err := k.command("audit").CombinedOutput(); err != nil {
		k.t.Fatalf("audit after %d kills: %v\n%s", k.kills, err, out)
	}
}

func fileName(round, i int) string { return fmt.Sprintf("WindowsXP-KB%d%03d-x86-ENU.exe", round, i) }
