package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/layout/store/s3"
	"patchferry/mirror/upstream/hostile"
	"patchferry/verify"
)

// gap is a near side with updates and signed bulletins, and a far side that
// believes it: two folders as two machines, and folders as the disks between.
type gap struct {
	t         testing.TB
	near, far string
	store     string // of the far side
	publisher *hostile.Publisher
	msrc      *verify.SecretKey // of the publisher of bulletins
}

// mailText announces KB835732.
const mailText = `Title:      Sample Buffer Overrun In RPCSS Service (835732)
Date:       March 3, 2026
Software:   Microsoft Windows XP
Impact:     Run code of attacker's choice
Max Risk:   Critical
Bulletin:   MS26-010
Knowledge Base article: 835732

An attacker could run code.
`

// The files that the publisher of a gap has.
const (
	firstFile  = "/WindowsXP-KB835732-x86-ENU.EXE"
	secondFile = "/WindowsXP-KB841720-x86-ENU.EXE"
)

// newGap sets up both sides; on the near side one update and one bulletin, whose
// key is pinned there, are published.
func newGap(t *testing.T) *gap {
	t.Helper()
	g := &gap{t: t}
	g.near, g.publisher = newMirror(t, map[string][]byte{firstFile: []byte("MZ english"), secondFile: []byte("MZ german")})
	g.list(firstFile)
	g.msrc = g.key("msrc")
	mail, err := g.msrc.ClearSign([]byte(mailText), madeAt.AddDate(0, 2, 2))
	if err != nil {
		t.Fatal(err)
	}
	g.write(filepath.Join(g.near, "mail", "ms26-010.txt"), mail)
	addSource(t, g.near, "unused", "", "name = \"mail\"\nkind = \"bulletins\"\npath = \"mail\"\nprofile = \"csaf\"\n")
	g.on(g.near, "key", "add", filepath.Join(g.near, "msrc.asc"))
	g.on(g.near, "key", "pin", g.msrc.Fingerprint().String(), "--purpose", "bulletin")
	g.on(g.near, "sync")
	g.far = g.newFar("plant")
	g.store = filepath.Join(g.far, "store")
	return g
}

// toBucket moves the store of the far side to a bucket.
func (g *gap) toBucket(c s3.Config) {
	g.t.Helper()
	toBucket(g.t, g.far, c, "far")
	g.store = urlOf(c, "far")
}

// key makes a signing key, whose public half lies beside the near side.
func (g *gap) key(name string) *verify.SecretKey {
	g.t.Helper()
	key, err := verify.GenerateKey(name, madeAt)
	if err != nil {
		g.t.Fatal(err)
	}
	var public bytes.Buffer
	if err := key.WritePublic(&public); err != nil {
		g.t.Fatal(err)
	}
	g.write(filepath.Join(g.near, name+".asc"), public.Bytes())
	return key
}

// newFar sets up one more far side of the near side.
func (g *gap) newFar(name string) string {
	g.t.Helper()
	dir := filepath.Join(g.t.TempDir(), name)
	origin := filepath.Join(g.near, "keys", "origin.asc")
	ring, err := verify.ReadKeyFile(origin)
	if err != nil {
		g.t.Fatal(err)
	}
	g.on(dir, "init", "far", "--dir", dir, "--name", name, "--origin-key", origin, "--fingerprint", ring.Fingerprints()[0].String(), "--no-passphrase")
	return dir
}

// list makes these files what the near side's list has.
func (g *gap) list(names ...string) {
	g.t.Helper()
	contents := map[string]string{firstFile: "MZ english", secondFile: "MZ german"}
	var list strings.Builder
	for _, name := range names {
		fmt.Fprintf(&list, "%s sha256=%x\n", g.publisher.URL(name), sha256.Sum256([]byte(contents[name])))
	}
	g.write(filepath.Join(g.near, "list.txt"), []byte(list.String()))
}

// export writes a transfer bundle and returns its folder.
func (g *gap) export(args ...string) string {
	g.t.Helper()
	r := g.on(g.near, append([]string{"export", "--json", "--to", g.t.TempDir()}, args...)...)
	var made struct{ Dir string }
	if err := json.Unmarshal([]byte(r.stdout), &made); err != nil || made.Dir == "" {
		g.t.Fatalf("export prints %s (%v)", r.stdout, err)
	}
	return made.Dir
}

// on runs a command that must succeed on the machine of that folder.
func (g *gap) on(dir string, args ...string) result {
	g.t.Helper()
	r := runIn(g.t.Context(), dir, args...)
	if r.code != exitDone {
		g.t.Fatalf("%s exits %d: %s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r
}

// says runs a command that must end so, and say that.
func (g *gap) says(dir string, code int, want string, args ...string) {
	g.t.Helper()
	r := runIn(g.t.Context(), dir, args...)
	if r.code != code || !strings.Contains(r.stdout+r.stderr, want) {
		g.t.Errorf("%s exits %d, want %d with %q:\n%s%s", strings.Join(args, " "), r.code, code, want, r.stdout, r.stderr)
	}
}

func (g *gap) write(name string, content []byte) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		g.t.Fatal(err)
	}
}
