package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
	"patchferry/mirror"
)

// toBucket moves the store of a mirror to a prefix of a bucket, as an operator
// would, with one line of the configuration and the program. The line comes first:
// a far side reaches no other bucket.
func toBucket(t testing.TB, dir string, c s3.Config, prefix string) {
	t.Helper()
	url := urlOf(c, prefix)
	setLine(t, dir, `(?m)^store = .*$`, "store = "+strconv.Quote(url))
	r := runIn(t.Context(), dir, "store", "migrate", filepath.Join(dir, "store"), url, "--json")
	var made migrateReport
	if err := json.Unmarshal([]byte(r.stdout), &made); r.code != exitDone || err != nil {
		t.Fatalf("store migrate exits %d (%v): %s%s", r.code, err, r.stdout, r.stderr)
	}
	if want := "store = " + strconv.Quote(url); made.Line != want {
		t.Errorf("the line to change is said to be %s, want %s", made.Line, want)
	}
	if err := os.RemoveAll(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
}

// setLine changes a line of a mirror's configuration.
func setLine(t testing.TB, dir, line, to string) {
	t.Helper()
	name := filepath.Join(dir, "patchferry.toml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(line).ReplaceAllLiteralString(string(text), to)
	if changed == string(text) {
		t.Fatalf("%s has no line %s", name, line)
	}
	if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secondMachine returns a folder with the configuration, keys and lists of a
// mirror, and a work directory of its own.
func secondMachine(t *testing.T, dir string) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(other, "work")); err != nil {
		t.Fatal(err)
	}
	return other
}

// does runs a command that has to succeed and returns what it prints.
func does(t *testing.T, dir string, args ...string) string {
	t.Helper()
	r := runIn(t.Context(), dir, args...)
	if r.code != exitDone {
		t.Fatalf("%v exits %d: %s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// sampleFiles returns n files of a few sizes, one of them large.
func sampleFiles(n int) map[string][]byte {
	files := make(map[string][]byte)
	for i := range n {
		content := make([]byte, 3000+5000*i)
		if i == n-1 {
			content = make([]byte, 900_000)
		}
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(content)
		files["/"+fileName(1, i)] = content
	}
	return files
}

// TestTwoWritersOnOneBucket lets two machines sync at once, and then one sync
// while the other promotes. Whoever is overtaken says so or begins again; what
// either has published stays.
func TestTwoWritersOnOneBucket(t *testing.T) {
	engine := s3test.Start(t)
	a, _ := newMirror(t, sampleFiles(8))
	toBucket(t, a, engine.Bucket(t), "shared")
	setLine(t, a, `(?m)^#\[rings\]$`, "[rings]\nland = \"test\"")
	b := secondMachine(t, a)
	whole, err := os.ReadFile(filepath.Join(a, "list.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(whole)), "\n")
	syncs := func(dir string) error { return overtakenOrDone(t, dir, "sync") }
	for i := range lines {
		list := []byte(strings.Join(lines[:i+1], ""))
		for _, dir := range []string{a, b} {
			if err := os.WriteFile(filepath.Join(dir, "list.txt"), list, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		other := func(dir string) error { return overtakenOrDone(t, dir, "promote", "pilot", "--from", "test") }
		if i%2 == 0 {
			other = syncs
		}
		atOnce(t, func() error { return syncs(a) }, func() error { return other(b) })
		does(t, a, "sync")
		does(t, b, "sync")
		if out := does(t, b, "status", "--json"); !strings.Contains(out, fmt.Sprintf(`"held":%d,`, i+1)) {
			t.Errorf("after round %d status says %s", i, out)
		}
	}
	does(t, b, "promote", "pilot")
	for _, dir := range []string{a, b} {
		if out := does(t, dir, "audit"); !strings.Contains(out, " 0 findings") {
			t.Errorf("audit says %s", out)
		}
	}
}

// atOnce runs functions at the same time.
func atOnce(t *testing.T, all ...func() error) {
	t.Helper()
	var running sync.WaitGroup
	errs := make([]error, len(all))
	for i, f := range all {
		running.Go(func() { errs[i] = f() })
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// overtakenOrDone runs a command that may lose a race, and then has to say so.
func overtakenOrDone(t *testing.T, dir string, args ...string) error {
	r := runIn(t.Context(), dir, args...)
	if r.code == exitDone || r.code == exitFailed && strings.Contains(r.stderr, "meanwhile") {
		return nil
	}
	if args[0] == "promote" && strings.Contains(r.stderr, "shows nothing yet") {
		return nil // the other one has not published the first generation
	}
	return fmt.Errorf("%v exits %d: %s%s", args, r.code, r.stdout, r.stderr)
}

// TestAPruneOfAnotherMachine leaves a prune half done, as a machine that dies
// does: another one waits, the machine itself ends it with its next job.
func TestAPruneOfAnotherMachine(t *testing.T) {
	engine := s3test.Start(t)
	a, _ := newMirror(t, sampleFiles(7))
	toBucket(t, a, engine.Bucket(t), "shared")
	setLine(t, a, `(?m)^\[prune\]$`, "[prune]\nkeep = \"0s\"\ngrace = \"0s\"")
	whole, err := os.ReadFile(filepath.Join(a, "list.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(whole)) { // each list has one file
		if err := os.WriteFile(filepath.Join(a, "list.txt"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(line), " ")
		setLine(t, a, `(?m)^#?include = .*$`, fmt.Sprintf("include = [%q]", "*"+name))
		does(t, a, "sync")
	}
	b := secondMachine(t, a)
	var plan mirror.PrunePlan
	if out := does(t, a, "prune", "--json"); json.Unmarshal([]byte(out), &plan) != nil || plan.Count < 3 {
		t.Fatalf("prune says %s", out)
	}
	if err := diePruning(t, a, plan.ID); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was stopped", err)
	}
	if r := runIn(t.Context(), b, "sync"); r.code != exitLocked || !strings.Contains(r.stderr, plan.ID) {
		t.Errorf("another machine exits %d, want %d: %s", r.code, exitLocked, r.stderr)
	}
	does(t, b, "sync", "--dry-run") // who publishes nothing need not wait
	does(t, a, "sync")
	does(t, b, "sync")
	does(t, b, "audit")
	var left mirror.PrunePlan
	if out := does(t, b, "prune", "--json"); json.Unmarshal([]byte(out), &left) != nil {
		t.Fatalf("prune says %s", out)
	}
	for _, d := range plan.Objects {
		if slices.Contains(left.Objects, d) {
			t.Errorf("object %s was planned and is still there", d)
		}
	}
}

// diePruning applies a plan and stops after the first object.
func diePruning(t *testing.T, dir, id string) error {
	t.Helper()
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error"}, stderr: os.Stderr}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	j, err := a.openJob(ctx, &l.Config, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	j.Progress = func(e mirror.Event) {
		if e.Kind == mirror.EventObject {
			cancel()
		}
	}
	_, err = j.ApplyPrune(ctx, id)
	return err
}

// TestAWeakEngineIsRefused: an engine that writes over what is there is refused
// when a server, or a job that writes, starts; what only reads works.
func TestAWeakEngineIsRefused(t *testing.T) {
	engine := s3test.Start(t)
	a, _ := newMirror(t, sampleFiles(2))
	c := engine.Bucket(t)
	toBucket(t, a, c, "m")
	c.Endpoint, c.Plain = engine.WeakServer(t, s3test.Weakness{CreateOnly: true}), true
	setLine(t, a, `(?m)^store = .*$`, "store = "+strconv.Quote(urlOf(c, "m")))
	for _, args := range [][]string{{"sync"}, {"serve", "--listen", "127.0.0.1:0"}} {
		r := runIn(t.Context(), a, args...)
		if r.code != exitFailed || !strings.Contains(r.stderr, "does not honour create-only writes") || !strings.Contains(r.stderr, "next: patchferry doctor") {
			t.Errorf("%v exits %d: %s", args, r.code, r.stderr)
		}
	}
	if out := does(t, a, "audit"); !strings.Contains(out, " 0 findings") {
		t.Errorf("audit says %s", out)
	}
	r := runIn(t.Context(), a, "doctor")
	if r.code != exitFailed || !regexp.MustCompile(`(?m)^fail +store create-only`).MatchString(r.stdout) || !strings.Contains(r.stdout, "nothing is written to it") {
		t.Errorf("doctor exits %d: %s", r.code, r.stdout)
	}
	if r := runIn(t.Context(), t.TempDir(), "init", "near", "--dir", filepath.Join(t.TempDir(), "n"), "--no-passphrase", "--store", urlOf(c, "n")); r.code != exitFailed ||
		!strings.Contains(r.stderr, "does not honour create-only writes") {
		t.Errorf("init exits %d: %s", r.code, r.stderr)
	}
}

// bucketKills is how often a command is killed on a bucket.
func bucketKills() int {
	switch {
	case os.Getenv("TEST_FULL") == "1":
		return 100
	case testing.Short(), raced:
		return 6
	}
	return 20
}

// TestKilledOnABucket kills sync, and then import, with kill -9, and runs the same
// command until it is done: then all is there, and nothing is altered.
func TestKilledOnABucket(t *testing.T) {
	engine := s3test.Start(t)
	t.Run("sync", func(t *testing.T) {
		k := &assassin{t: t, rng: rand.New(rand.NewPCG(drawSeed(t), 3)), begun: func() bool { return false }}
		for round, want := 0, bucketKills(); k.kills < want; round++ {
			near, _ := newMirror(t, sampleFiles(6))
			toBucket(t, near, engine.Bucket(t), "near")
			if round == 0 {
				k.measure(near, "sync")
				k.works = k.takes
				continue
			}
			k.begun = func() bool { return exists(filepath.Join(near, "work", "admitted.jsonl")) }
			for k.run(near, []int{exitDone}, "sync") {
			}
			if out := does(t, near, "status", "--json"); !strings.Contains(out, `"held":6,`) {
				t.Errorf("status says %s", out)
			}
			if out := does(t, near, "audit"); !strings.Contains(out, " 0 findings") {
				t.Errorf("audit says %s", out)
			}
		}
	})
	t.Run("import", func(t *testing.T) {
		x := newCrossing(t)
		k := &assassin{t: t, rng: rand.New(rand.NewPCG(drawSeed(t), 4)), begun: func() bool { return false }}
		for round, want := 0, bucketKills(); k.kills < want; round++ {
			far := x.another()
			toBucket(t, far, engine.Bucket(t), "far")
			if round == 0 {
				k.measure(far, "import", x.second)
				k.works = k.takes
				continue
			}
			k.begun = func() bool { return exists(filepath.Join(far, "work", "stage", "import", "*", "*")) }
			for k.run(far, []int{exitDone, exitAlready}, "import", x.second) {
			}
			if got, err := shownIn(t.Context(), far, "test"); err != nil || !slices.Equal(got, x.ids[1]) {
				t.Errorf("ring test shows %v, want %v (%v)", got, x.ids[1], err)
			}
			does(t, far, "audit")
			if left, err := filepath.Glob(filepath.Join(far, "work", "stage", "import", "*")); err != nil || len(left) > 0 {
				t.Errorf("left in quarantine: %v, %v", left, err)
			}
		}
	})
}
