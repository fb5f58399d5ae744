package verify_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func clock(at time.Time) func() time.Time { return func() time.Time { return at } }

func newKey(t testing.TB, name string) *verify.SecretKey {
	t.Helper()
	key, err := verify.GenerateKey(name, made)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// trusting returns a Trust at noon that knows the keys and pins each for the
// purpose.
func trusting(t testing.TB, p verify.Purpose, keys ...*verify.SecretKey) *verify.Trust {
	t.Helper()
	trust := &verify.Trust{Pins: &verify.Pins{}, Clock: clock(noon)}
	var rings []*verify.Keyring
	for _, k := range keys {
		rings = append(rings, k.Public())
		pin(t, trust, verify.Pin{Fingerprint: k.Fingerprint(), Purpose: p})
	}
	trust.Keys = verify.MergeKeyrings(rings...)
	return trust
}

func pin(t testing.TB, trust *verify.Trust, p verify.Pin) {
	t.Helper()
	p.AddedAt = layout.At(made)
	if err := trust.Pins.Add(p); err != nil {
		t.Fatal(err)
	}
}

// gpg runs GnuPG in a home of its own and returns what it wrote to standard
// output. It is an oracle: a program that others wrote.
type gpg struct {
	t    *testing.T
	home string
}

func newGPG(t *testing.T) *gpg {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "gpg") {
			t.Fatal("gpg is required and not installed")
		}
		t.Skip("SKIP: needs gpg")
	}
	// Sockets have short paths, so the home lies right below the temporary
	// directory.
	home, err := os.MkdirTemp("", "pf")
	if err != nil {
		t.Fatal(err)
	}
	g := &gpg{t: t, home: home}
	g.file("gpg-agent.conf", []byte("s2k-count 65536\n")) // no second of work for each passphrase
	t.Cleanup(func() {
		kill := exec.Command("gpgconf", "--homedir", home, "--kill", "gpg-agent")
		_ = kill.Run() // there may be none
		os.RemoveAll(home)
	})
	return g
}

func (g *gpg) try(stdin []byte, args ...string) (string, string, error) {
	args = append([]string{"--homedir", g.home, "--batch", "--no-tty", "--pinentry-mode", "loopback", "--trust-model", "always"}, args...)
	cmd := exec.CommandContext(g.t.Context(), "gpg", args...)
	cmd.Stdin = strings.NewReader(string(stdin))
	var out, diagnostics strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	return out.String(), diagnostics.String(), err
}

func (g *gpg) run(stdin []byte, args ...string) string {
	g.t.Helper()
	out, diagnostics, err := g.try(stdin, args...)
	if err != nil {
		g.t.Fatalf("gpg %q: %v\n%s", args, err, diagnostics)
	}
	return out
}

func (g *gpg) file(name string, content []byte) string {
	g.t.Helper()
	path := g.home + "/" + name
	if err := os.WriteFile(path, content, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}
