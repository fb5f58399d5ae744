package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/cmd/patchferry/internal/config"
)

// TestPromoteKilledAnywhere kills the real process while it promotes and
// reverts. The ring then shows the one or the other state, and the same command
// finishes. Where a kill hits is drawn from a seed, as in TestKilledAnywhere.
func TestPromoteKilledAnywhere(t *testing.T) {
	kills := 30
	if testing.Short() || raced {
		kills = 5
	}
	rng := rand.New(rand.NewPCG(drawSeed(t), 0))
	dir, _ := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": []byte("MZ"), "/WindowsXP-KB841720-x86-ENU.EXE": []byte("ZM")})
	k := &killSite{t: t, dir: dir}
	do := func(args ...string) {
		t.Helper()
		if out, err := k.command(args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	landInTest(t, dir)
	list := filepath.Join(dir, "list.txt")
	whole, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	one, _, _ := strings.Cut(string(whole), "\n")
	for _, content := range []string{one + "\n", string(whole)} {
		if err := os.WriteFile(list, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		do("sync")
		if content != string(whole) {
			do("promote", "pilot") // state 2, of state 1; the next sync is state 3
		}
	}
	killed := 0
	for n := range kills {
		args, want := []string{"promote", "pilot"}, uint64(3)
		if n%2 == 1 {
			args, want = []string{"revert", "pilot", "--to", "2", "--reason", "again"}, 1
		}
		cmd := k.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(150*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		if cmd.Wait() != nil {
			killed++
		}
		timer.Stop()
		if got := pilotShows(t, dir); got != 1 && got != 3 {
			t.Fatalf("after a kill pilot shows state %d", got)
		}
		do(args...)
		if got := pilotShows(t, dir); got != want {
			t.Fatalf("%v: pilot shows state %d, want %d", args, got, want)
		}
	}
	do("audit")
	t.Logf("%d of %d killed", killed, kills)
}

// pilotShows returns the state whose catalog the ring pilot shows.
func pilotShows(t *testing.T, dir string) uint64 {
	t.Helper()
	c, err := config.Load(config.Request{File: filepath.Join(dir, "patchferry.toml"), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSite(t.Context(), &c.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	state, err := s.reader.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state.Shows("pilot").State
}

// landInTest lets a mirror publish into the ring test.
func landInTest(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "patchferry.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n[rings]\nland = \"test\"\n"); err != nil {
		t.Fatal(err)
	}
}
