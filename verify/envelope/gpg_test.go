package envelope_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/verify/envelope"
)

// gpg is GnuPG in a home of its own with one key, and gpgv with a keyring of
// that key: an oracle, a program that others wrote.
type gpg struct {
	t    *testing.T
	home string
}

func newGPG(t *testing.T) *gpg {
	t.Helper()
	for _, program := range []string{"gpg", "gpgv"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), program) {
			t.Fatalf("%s is required and not installed", program)
		}
		t.Skip("SKIP: needs " + program)
	}
	// Sockets have short paths, so the home lies right below the temporary
	// directory.
	home, err := os.MkdirTemp("", "pf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		kill := exec.Command("gpgconf", "--homedir", home, "--kill", "gpg-agent")
		_ = kill.Run() // there may be none
		os.RemoveAll(home)
	})
	g := &gpg{t: t, home: home}
	g.run("", "--passphrase", "", "--quick-generate-key", "signer", "rsa2048", "sign", "never")
	g.file("ring.gpg", []byte(g.run("", "--export")))
	return g
}

// run runs gpg and returns its standard output.
func (g *gpg) run(stdin string, args ...string) string {
	g.t.Helper()
	args = append([]string{"--homedir", g.home, "--batch", "--no-tty", "--pinentry-mode", "loopback", "--trust-model", "always"}, args...)
	cmd := exec.CommandContext(g.t.Context(), "gpg", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, diagnostics strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		g.t.Fatalf("gpg %q: %v\n%s", args, err, diagnostics.String())
	}
	return out.String()
}

func (g *gpg) file(name string, content []byte) string {
	g.t.Helper()
	path := g.home + "/" + name
	if err := os.WriteFile(path, content, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// clearsign returns a clear-signed text.
func (g *gpg) clearsign(text string) string {
	g.t.Helper()
	return g.run(text, "--digest-algo", "SHA256", "--clearsign")
}

// gpgv returns what gpgv makes of files: "good", "bad", "none" (no signature),
// or "good, then an error".
func (g *gpg) gpgv(files ...string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	args := append([]string{"--homedir", g.home, "--keyring", g.home + "/ring.gpg", "--status-fd", "1"}, files...)
	cmd := exec.CommandContext(ctx, "gpgv", args...)
	out, err := cmd.Output()
	status := string(out)
	switch good := strings.Contains(status, " GOODSIG "); {
	case strings.Contains(status, " BADSIG ") || strings.Contains(status, " ERRSIG "):
		return "bad"
	case good && err == nil:
		return "good"
	case good:
		return "good, then an error"
	default:
		return "none"
	}
}

// open returns what Open makes of a document, gpgv being asked about each
// signature and text that it returns: "good", "bad", "none" or "malformed", of
// several parts the worst.
func (g *gpg) open(doc string) string {
	g.t.Helper()
	parts, err := envelope.Open([]byte(doc))
	if err != nil {
		return "malformed"
	}
	return g.worst(parts, "none")
}

func (g *gpg) worst(parts []envelope.Part, verdict string) string {
	g.t.Helper()
	for _, p := range parts {
		if p.Err != nil {
			return "malformed"
		}
		if verdict != "bad" {
			verdict = g.gpgv(g.file("part.asc", p.Armor), g.file("part.txt", canonical(p.Body)))
		}
		verdict = g.worst(p.Inner, verdict)
	}
	return verdict
}

// canonical returns a text as OpenPGP hashes it (RFC 9580 section 7.1).
func canonical(body []byte) []byte {
	lines := bytes.Split(body, []byte("\n"))
	for i, l := range lines {
		lines[i] = bytes.TrimRight(l, " \t\r")
	}
	return bytes.Join(lines, []byte("\r\n"))
}
