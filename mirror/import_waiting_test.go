package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

const day = 24 * time.Hour

// quarantines returns what a far side has in quarantine, by bundle.
func (f *far) quarantines() map[string]mirror.Quarantined {
	f.t.Helper()
	all, err := f.Quarantine()
	must(f.t, err)
	found := map[string]mirror.Quarantined{}
	for _, q := range all {
		found[q.Bundle] = q
	}
	return found
}

// spoilt returns a copy of a bundle of two volumes with a wrong byte in an
// object of the first one that has any.
func spoilt(t *testing.T, dir string) string {
	t.Helper()
	bad := part(t, dir, "vol-001-of-002", "vol-002-of-002")
	objects, err := filepath.Glob(filepath.Join(bad, "*", "objects", "*", "*"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("the bundle has no objects: %v", err)
	}
	flip(t, objects[0], 100)
	return bad
}

// TestQuarantineSays runs imports that publish nothing, each in its way: what
// is in quarantine says what became of it, and until when it stays.
func TestQuarantineSays(t *testing.T) {
	const name = "main-e001-s000001"
	tests := []struct {
		name   string
		try    func(t *testing.T, f *far, dir string) error
		status string
		code   bundle.Code
		days   int // that it may stay; 0: as long as it may be used
	}{
		{"a volume is missing", func(t *testing.T, f *far, dir string) error {
			_, err := f.Import(t.Context(), []string{part(t, dir, "vol-002-of-002")}, mirror.ImportOptions{Destination: "plant"})
			return err
		}, mirror.StatusWaiting, mirror.CodeWaiting, 0},
		{"a byte of a volume is wrong", func(t *testing.T, f *far, dir string) error {
			_, err := f.Import(t.Context(), []string{spoilt(t, dir)}, mirror.ImportOptions{Destination: "plant"})
			return err
		}, mirror.StatusRefused, bundle.CodeDigest, 7},
		{"a hook says no", func(t *testing.T, f *far, dir string) error {
			_, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", Before: hung})
			return err
		}, mirror.StatusFailed, "", 30},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := inVolumes(t)
			w.plan.MaxFile = 0
			dir := w.send()
			f := newFar(t, w)
			if err := test.try(t, f, dir); err == nil {
				t.Fatal("it was imported")
			}
			q := f.quarantines()[name]
			if q.Status != test.status || q.Code != test.code || q.Reason == "" || q.Seq != 1 || q.Header != w.last.Header || q.Volumes != 2 {
				t.Errorf("got %+v, want status %s, code %q", q, test.status, test.code)
			}
			if test.status == mirror.StatusWaiting && !slices.Equal(q.Missing, []int{1}) {
				t.Errorf("missing are %v, want volume 1", q.Missing)
			}
			if info, err := os.Stat(q.Dir); err != nil || !info.IsDir() || q.Bytes == 0 {
				t.Errorf("%d bytes are in %s (%v)", q.Bytes, q.Dir, err)
			}
			if test.days == 0 != q.Until.IsZero() || test.days > 0 && !q.Until.Time().Equal(f.now.Add(time.Duration(test.days)*day)) {
				t.Errorf("it may be removed on %s, want after %d days", q.Until, test.days)
			}
			f.take(dir)
			if left := f.quarantines(); len(left) > 0 {
				t.Errorf("after the import there is %v", left)
			}
		})
	}
}

// TestQuarantineIsSwept lets time and other bundles pass. What is of no use any
// more goes with an import, and only that.
func TestQuarantineIsSwept(t *testing.T) {
	w := inVolumes(t)
	w.plan.MaxFile = 0
	first, second := w.send(), w.send()
	third := w.send()
	f := newFar(t, w)
	opt := mirror.ImportOptions{Destination: "plant"}
	waits := func(dir, volume string) {
		t.Helper()
		if e := f.refuse(opt, part(t, dir, volume)); e.Code != mirror.CodeWaiting {
			t.Fatalf("got %v, want it to wait", e)
		}
	}
	is := func(when string, want ...string) {
		t.Helper()
		var got []string
		for name := range f.quarantines() {
			got = append(got, name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: in quarantine is %v, want %v", when, got, want)
		}
	}
	waits(first, "vol-001-of-002")
	waits(third, "vol-002-of-002")
	f.refuse(opt, spoilt(t, second))
	nobodys := filepath.Join(f.dir.StageDir(), "import", "killed-before-it-held-anything")
	must(t, os.Mkdir(nobodys, 0o755))
	f.now = f.now.Add(6 * day)
	waits(first, "vol-001-of-002")
	is("within a week", "main-e001-s000001", "main-e001-s000002", "main-e001-s000003")
	if _, err := os.Stat(nobodys); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is nobody's: %v, want it gone", err)
	}
	f.now = f.now.Add(2 * day)
	waits(first, "vol-001-of-002")
	is("after eight days", "main-e001-s000001", "main-e001-s000003")
	f.now = f.now.Add(400 * day)
	f.take(second)
	is("when the second is in, which takes the place of the first", "main-e001-s000003")
	f.take(part(t, third, "vol-001-of-002")) // the other one was brought a year ago
	is("at the end")
}

// TestRefusedMakesRoom: where there is no room, what was refused goes at once.
func TestRefusedMakesRoom(t *testing.T) {
	w := inVolumes(t)
	first, second := w.send(), w.send()
	f := newFar(t, w)
	f.refuse(mirror.ImportOptions{}, spoilt(t, first))
	asked := 0
	r, err := f.Import(t.Context(), []string{second}, mirror.ImportOptions{Destination: "plant", Free: func(string) (int64, bool) {
		asked++
		if len(f.quarantines()) == 2 {
			return 100, true
		}
		return 1 << 30, true
	}})
	if err != nil || asked != 2 {
		t.Errorf("got %+v, %v, asked %d times, want it imported in the room of what was refused", r, err, asked)
	}
}
