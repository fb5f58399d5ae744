package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/mirror"
)

// hook gives a far side a program that is asked before an import publishes.
func (x *crossing) hook(far, script string) {
	x.t.Helper()
	name := filepath.Join(far, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err == nil && !strings.Contains(string(config), "\n[hooks]\n") {
		err = os.WriteFile(name, append(config, "\n[hooks]\npre_publish = \"hook.sh\"\ntimeout = \"20s\"\n"...), 0o600)
	}
	if err := errors.Join(err, os.WriteFile(filepath.Join(far, "hook.sh"), []byte("#!/bin/sh\n"+script), 0o700)); err != nil {
		x.t.Fatal(err)
	}
}

// limit sets how long a hook may take.
func (x *crossing) limit(far, limit string) {
	x.t.Helper()
	name := filepath.Join(far, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, []byte(strings.Replace(string(config), `timeout = "20s"`, `timeout = "`+limit+`"`, 1)), 0o600)
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// brought is what import --json reports.
func (x *crossing) brought(far string, code int, bundles ...string) (r mirror.ImportReport, e errorReport) {
	x.t.Helper()
	got := runIn(x.t.Context(), far, append([]string{"--json", "import"}, bundles...)...)
	if got.code != code {
		x.t.Fatalf("import %v exits %d, want %d: %s%s", bundles, got.code, code, got.stdout, got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		x.t.Fatalf("import prints %s: %v", got.stdout, err)
	}
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil && code != exitDone {
		x.t.Fatalf("import says %s: %v", got.stderr, err)
	}
	return r, e
}

// old demands that hosts see the first generation and nothing else changed.
func (x *crossing) old(far string) {
	x.t.Helper()
	if got, err := shownIn(x.t.Context(), far, "test"); err != nil || !slices.Equal(got, x.ids[0]) {
		x.t.Errorf("ring test shows %v (%v), want the old generation", got, err)
	}
	if states, err := filepath.Glob(filepath.Join(far, "store", "states", "*.asc")); err != nil || len(states) != 1 {
		x.t.Errorf("there are states %v (%v), want one", states, err)
	}
}

// waiting returns what status says of the one bundle in quarantine.
func (x *crossing) waiting(far, words string) mirror.Quarantined {
	x.t.Helper()
	if out := x.on(far, "status"); !strings.Contains(out, "main-e001-s000002: "+words) {
		x.t.Errorf("status does not say %q:\n%s", words, out)
	}
	var r statusReport
	if err := json.Unmarshal([]byte(x.on(far, "status", "--json")), &r); err != nil || len(r.Quarantine) != 1 {
		x.t.Fatalf("status has %+v (%v), want one bundle in quarantine", r.Quarantine, err)
	}
	return r.Quarantine[0]
}

// TestT03WaitsForAVolume brings the volumes on different days. Status says what
// is waited for meanwhile.
func TestT03WaitsForAVolume(t *testing.T) {
	x := newCrossing(t)
	far := x.another()
	volumes, err := filepath.Glob(filepath.Join(x.second, "vol-*"))
	if err != nil || len(volumes) != 6 {
		t.Fatalf("volumes are %v (%v), want six", volumes, err)
	}
	r, e := x.brought(far, exitPart, volumes[4], volumes[1], volumes[3], volumes[2])
	if r.Status != mirror.StatusWaiting || r.Code != mirror.CodeWaiting || !slices.Equal(r.Waiting, []int{1, 6}) || !strings.Contains(e.Hint, "patchferry import") {
		t.Errorf("got %+v, %+v", r, e)
	}
	if q := x.waiting(far, "waits for volume 1, 6 of 6: patchferry import"); q.Status != mirror.StatusWaiting || !slices.Equal(q.Missing, []int{1, 6}) || q.Bytes == 0 {
		t.Errorf("in quarantine is %+v", q)
	}
	x.old(far)
	x.brought(far, exitPart, volumes[5])
	x.waiting(far, "waits for volume 1 of 6")
	if r, _ := x.brought(far, exitDone, volumes[0]); r.Status != mirror.StatusImported {
		t.Errorf("got %+v", r)
	}
	if out := x.on(far, "status"); strings.Contains(out, "quarantine") || strings.Contains(out, "waits") {
		t.Errorf("status still says that it waits:\n%s", out)
	}
}

// TestT21KilledBeforeItPublished kills an import at the last moment. Status says
// so, and the same command publishes without copying anything again.
func TestT21KilledBeforeItPublished(t *testing.T) {
	x := newCrossing(t)
	far := x.another()
	x.hook(far, "touch asked; sleep 20\n")
	cmd := (&killSite{t: t, dir: far}).command("import", x.second)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x.appears(filepath.Join(far, "asked"))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	x.old(far)
	if q := x.waiting(far, "an import of it is under way, or was interrupted; then the same command goes on"); q.Status != mirror.StatusBegun || len(q.Missing) > 0 {
		t.Errorf("in quarantine is %+v", q)
	}
	x.hook(far, "exit 0\n")
	if r, _ := x.brought(far, exitDone, x.second); r.Copied != 0 || r.Kept == 0 || r.State != 2 {
		t.Errorf("got %+v, want nothing copied again", r)
	}
	noParts(t, far)
}

// appears waits for a file that another process makes.
func (x *crossing) appears(name string) {
	x.t.Helper()
	for range 2000 {
		if exists(name) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	x.t.Fatalf("%s does not appear", name)
}

// TestT22Locked begins other jobs while an import is under way: each ends at once
// with exit 9 and names who has the lock.
func TestT22Locked(t *testing.T) {
	x := newCrossing(t)
	far := x.another()
	x.hook(far, "touch asked; while test ! -e go-on; do sleep 0.1; done\n")
	ended := make(chan result, 1)
	go func() { ended <- runIn(t.Context(), far, "import", x.second) }()
	x.appears(filepath.Join(far, "asked"))
	for _, args := range [][]string{{"import", x.second}, {"prune"}, {"promote", "pilot"}} {
		r := runIn(t.Context(), far, args...)
		if r.code != exitLocked || !strings.Contains(r.stderr, "locked by import (process ") || !strings.Contains(r.stderr, "next: wait until it has ended") {
			t.Errorf("%v exits %d, want %d with who has the lock: %s", args, r.code, exitLocked, r.stderr)
		}
	}
	x.old(far) // hosts are served meanwhile
	if err := os.WriteFile(filepath.Join(far, "go-on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := <-ended; r.code != exitDone {
		t.Errorf("the first import exits %d: %s", r.code, r.stderr)
	}
}

// TestT26HookFails lets the program that is asked refuse, hang, and remove what
// it was shown. Nothing is published, the bundle stays in quarantine, and the same
// command asks again.
func TestT26HookFails(t *testing.T) {
	for _, test := range []struct {
		name, script, limit string
		want                string // in the error
		hint                string
		status              string // what status says
		copied              bool   // something has to be copied again
	}{
		{"refuses", "echo EICAR found; exit 1\n", "20s", "exit status 1: it said: EICAR found", "see why the program refuses; the bundle stays in quarantine", "not published: hook pre_publish", false},
		{"hangs", "sleep 20\n", "300ms", "ran longer than 300ms and was ended", "the same command tries again", "not published: hook pre_publish", false},
		{"removes a file", `rm $(find store/stage/import -path '*/objects/*' -type f | head -n 1)` + "\n", "20s", "its copy in quarantine: ", "the same command again copies it anew", "not published: ", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newCrossing(t)
			far := x.another()
			x.hook(far, test.script)
			x.limit(far, test.limit)
			r, e := x.brought(far, exitFailed, x.second)
			if r.Status != mirror.StatusFailed || e.Exit != exitFailed || !strings.Contains(e.Error, test.want) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("got %+v, %+v, want %q and %q", r, e, test.want, test.hint)
			}
			x.old(far)
			x.waiting(far, test.status)
			x.hook(far, "exit 0\n")
			if r, _ := x.brought(far, exitDone, x.second); test.copied != (r.Copied > 0) || r.Kept == 0 && !test.copied {
				t.Errorf("the second run copied %d files and kept %d", r.Copied, r.Kept)
			}
			x.on(far, "audit")
			noParts(t, far)
		})
	}
}
