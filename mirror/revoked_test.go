package mirror_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"patchferry/layout"
	"patchferry/mirror"
)

// TestT24RevokedByTheSameWrite imports a generation that revokes a file and
// holds an update back which production shows here: the state that lands it in
// test takes them from every ring.
func TestT24RevokedByTheSameWrite(t *testing.T) {
	w := newWire(t)
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 4000), w.vouched("c.exe", 5000))
	w.sync(mirror.SyncOptions{})
	f := newFar(t, w)
	f.take(w.send())
	for _, ring := range []string{"pilot", "production"} {
		_, err := f.Promote(t.Context(), mirror.Promotion{Ring: ring})
		must(t, err)
	}
	bad, before := w.file("a.exe").SHA256, f.newest()

	_, err := w.Revoke(t.Context(), mirror.Withholding{Updates: []string{"pub:a.exe"}, Reason: "malware"})
	must(t, err)
	_, err = w.Hold(t.Context(), mirror.Withholding{Updates: []string{"pub:b.exe"}, Reason: "does not boot"})
	must(t, err)
	r := f.take(w.send())
	if r.State != before+1 || f.newest() != r.State {
		t.Errorf("the import published state %d after %d, and the newest is %d: want one more", r.State, before, f.newest())
	}
	for number, want := range map[uint64]bool{before: false, r.State: true} {
		state, err := f.Trusted.State(t.Context(), number)
		must(t, err)
		for _, ring := range mirror.DefaultRings() {
			shown, err := f.Trusted.Shown(t.Context(), state, ring)
			must(t, err)
			revoked := slices.ContainsFunc(shown.Revoked, func(r layout.Revoked) bool { return r.SHA256 == bad && r.Reason == "malware" })
			if _, held := shown.Held["pub:b.exe"]; revoked != want || held != want {
				t.Errorf("state %d, ring %s: revoked %v, held back %v; want %v", number, ring, revoked, held, want)
			}
		}
	}
	for _, ring := range mirror.DefaultRings() {
		if got := f.shown(ring); slices.Contains(got, "pub:b.exe") || !slices.Contains(got, "pub:c.exe") {
			t.Errorf("ring %s shows %v", ring, got)
		}
	}
	f.clean()
}

// TestT26HookHangs ends an import while its hook hangs; the same command goes on
// from the quarantine.
func TestT26HookHangs(t *testing.T) {
	w := published(t)
	dir := w.send()
	f := newFar(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := f.Import(ctx, []string{dir}, mirror.ImportOptions{Destination: "plant", Before: func(ctx context.Context, _ *mirror.ProposedImport) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) || f.newest() != 0 || f.objects() != 0 {
		t.Fatalf("got %v, state %d and %d objects", err, f.newest(), f.objects())
	}
	if r := f.take(dir); r.Copied != 0 || r.Kept == 0 {
		t.Errorf("the second run copied %d files and kept %d, want 0 copied", r.Copied, r.Kept)
	}
}
