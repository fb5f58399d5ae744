package mirror_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/verify"
)

// gpgHome is a home of GnuPG: it makes keys that this program would not make,
// and signs with them.
type gpgHome struct {
	t   *testing.T
	dir string
}

func newGPG(t *testing.T) *gpgHome {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "gpg") {
			t.Fatal("gpg is required and not installed")
		}
		t.Skip("SKIP: needs gpg")
	}
	dir, err := os.MkdirTemp("", "pf") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "gpg-agent").Run() // there may be none
		os.RemoveAll(dir)
	})
	return &gpgHome{t: t, dir: dir}
}

func (g *gpgHome) run(stdin []byte, args ...string) []byte {
	g.t.Helper()
	args = append([]string{"--homedir", g.dir, "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)
	cmd := exec.CommandContext(g.t.Context(), "gpg", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("gpg %q: %v\n%s", args, err, said.String())
	}
	return out
}

// at is the option that sets the clock of gpg.
func at(when time.Time) string {
	return "--faked-system-time=" + when.UTC().Format("20060102T150405") + "!"
}

// key makes a primary key that signs, as of a day, which ends after a while
// ("10d") or never ("0").
func (g *gpgHome) key(algorithm string, made time.Time, ends string) *gpgKey {
	g.t.Helper()
	g.run(nil, at(made), "--quick-generate-key", "signer of "+made.String(), algorithm, "sign", ends)
	for line := range strings.Lines(string(g.run(nil, "--with-colons", "--list-keys"))) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return &gpgKey{gpgHome: g, primary: fields[9], user: fields[9]}
		}
	}
	g.t.Fatal("gpg made no key")
	return nil
}

// gpgKey signs as a bundle.Signer.
type gpgKey struct {
	*gpgHome
	primary string
	user    string    // as --local-user wants it
	digest  string    // empty is SHA-512
	when    time.Time // zero is what it is asked for
}

// Sign implements bundle.Signer.
func (k *gpgKey) Sign(doc []byte, when time.Time) ([]byte, error) {
	if !k.when.IsZero() {
		when = k.when
	}
	digest := k.digest
	if digest == "" {
		digest = "SHA512"
	}
	return k.run(doc, at(when), "--local-user", k.user, "--digest-algo", digest, "--armor", "--detach-sign"), nil
}

// subkey adds a subkey that signs, and returns it and the primary key alone.
func (k *gpgKey) subkey(made time.Time) (sub, primary *gpgKey) {
	k.t.Helper()
	k.run(nil, at(made), "--quick-add-key", k.primary, "ed25519", "sign", "0")
	var last string
	for line := range strings.Lines(string(k.run(nil, "--with-colons", "--list-keys", k.primary))) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			last = fields[9]
		}
	}
	return &gpgKey{gpgHome: k.gpgHome, primary: k.primary, user: last + "!"}, &gpgKey{gpgHome: k.gpgHome, primary: k.primary, user: k.primary + "!"}
}

// revoke takes the key back, as its owner does who lost it.
func (k *gpgKey) revoke() {
	k.t.Helper()
	certificate, err := os.ReadFile(filepath.Join(k.dir, "openpgp-revocs.d", k.primary+".rev"))
	if err != nil {
		k.t.Fatal(err)
	}
	k.run(bytes.Replace(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1), "--import")
}

// public returns the certificate as it is now.
func (k *gpgKey) public() *verify.Keyring {
	k.t.Helper()
	ring, err := verify.ReadKeyring(bytes.NewReader(k.run(nil, "--armor", "--export", k.primary)))
	if err != nil {
		k.t.Fatal(err)
	}
	return ring
}
