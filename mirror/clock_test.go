package mirror_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// needs skips a test where a program is missing, unless it is required.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), program) {
		t.Fatalf("%s is required and not installed", program)
	}
	t.Skipf("SKIP: needs %s", program)
}

// shortLived makes a key that is valid for two days from then on.
func shortLived(t *testing.T, from time.Time) *verify.SecretKey {
	t.Helper()
	needs(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") // the path of a socket must be short
	must(t, err)
	gpg := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v", args, err)
		}
		return out
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	gpg("--faked-system-time", from.UTC().Format("20060102T150405"), "--quick-gen-key", "short lived", "ed25519", "sign", "2d")
	key, err := verify.ReadSecret(bytes.NewReader(gpg("--armor", "--export-secret-keys")), nil)
	must(t, err)
	return key
}

// TestT23ClockSetBack sets the clock of a far side back to when a key was
// valid that has expired since.
func TestT23ClockSetBack(t *testing.T) {
	w := published(t)
	short := shortLived(t, w.now.Add(-time.Hour))
	f := newFar(t, w)
	must(t, f.trust.Pins.Add(verify.Pin{Fingerprint: short.Fingerprint(), Purpose: verify.PurposeOrigin}))
	f.trust.Keys = verify.MergeKeyrings(f.trust.Keys, short.Public())
	begin, right := w.now, w.signer

	w.signer = []bundle.Signer{short}
	f.take(w.send())

	w.now, f.now, w.signer = begin.AddDate(0, 0, 8), begin.AddDate(0, 0, 8), right
	f.take(w.send())

	w.now, f.now, w.signer = begin.AddDate(0, 0, 1), begin.AddDate(0, 0, 1), []bundle.Signer{short}
	stolen := w.send()
	e := f.refuse(mirror.ImportOptions{}, stolen)
	if e.Code != mirror.CodeKey || !strings.Contains(e.Error(), "expired on ") {
		t.Errorf("got %v, want the key refused that expired", e)
	}

	// Nothing else stops with the clock: a right bundle of today is imported, and
	// what was published before is read by a process that has just started.
	w.now, w.signer = begin.AddDate(0, 0, 9), right
	w.seq-- // the one above was never made
	w.last = f.mark(w)
	f.now = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	f.take(w.send())
	again := &trusted.Reader{Store: f.dir, Trust: f.trust, Mark: f.Trusted.Mark}
	if state, err := again.Newest(t.Context()); err != nil || state == nil || state.Number != 3 {
		t.Errorf("after a restart: got %v, %v, want state 3", state, err)
	}
}

// mark returns the high-water mark of the stream of a wire.
func (f *far) mark(*wire) *bundle.Before {
	f.t.Helper()
	state, err := f.Trusted.Newest(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	s := state.Streams[streamID]
	return &bundle.Before{Epoch: s.Epoch, Seq: s.Seq, Header: s.Header}
}

// TestT23ClockFarAhead imports with a clock that is ten years ahead, and goes on
// when it is set right: the log is neither stuck nor set back.
func TestT23ClockFarAhead(t *testing.T) {
	w := published(t)
	f := newFar(t, w)
	f.now = w.now.AddDate(10, 0, 0)
	f.take(w.send())
	f.now = w.now.Add(time.Hour)
	f.take(w.send())
	mark := f.Trusted.Mark.(*store.Mark)
	if got, want := mark.Newest(), w.now.AddDate(10, 0, 0); !got.Equal(want) {
		t.Errorf("the newest date is %s, want %s", got, want)
	}
	if state, err := f.Trusted.Newest(t.Context()); err != nil || state.Number != 2 || !state.At.Time().Equal(mark.Newest()) {
		t.Errorf("got state %+v, %v, want state 2 of the newest date", state, err)
	}
}

// TestT23SignedInTheFuture refuses a bundle that was signed the day after
// tomorrow.
func TestT23SignedInTheFuture(t *testing.T) {
	w := published(t)
	f := newFar(t, w)
	w.now = w.now.AddDate(0, 0, 3)
	e := f.refuse(mirror.ImportOptions{}, w.send())
	if e.Code != bundle.CodeSignature || !strings.Contains(e.Error(), "in the future") || e.Next != "check the clocks of both machines" || !errors.Is(e, verify.ErrUntrusted) {
		t.Errorf("got %v; next: %s", e, e.Next)
	}
}
