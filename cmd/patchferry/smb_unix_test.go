//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"patchferry/layout/cab/cabtest"
)

// smbFiles are a service pack of Windows 2000, which is a cabinet in a program, and
// updates.
func smbFiles() map[string][]byte {
	return map[string][]byte{
		"/w2ksp4_en.exe":                         packOf(),
		"/Windows2000-KB824146-x86-ENU.exe":      bytes.Repeat([]byte("MZ an update"), 10_000),
		"/WindowsXP-KB835732-x86-ENU.EXE":        bytes.Repeat([]byte("MZ another"), 20_000),
		"/mdac typ with blanks-KB870669-x86.exe": bytes.Repeat([]byte("MZ a third"), 5_000),
		"/windows2000-kb000000-x86-with-a-name-as-long-as-names-of-the-catalog-are-express-enu.exe": []byte("MZ a name"),
	}
}

// packOf is a small service pack.
func packOf() []byte {
	c := cabtest.Cabinet{Method: cabtest.LZX, Window: 17, Files: []cabtest.File{
		{Name: `i386\update\update.exe`, Data: bytes.Repeat([]byte("MZ update.exe "), 7_000)},
		{Name: `i386\update\Update.msi`, Data: msiOfPack()},
		{Name: `i386\update\update.inf`, Data: []byte("[Version]\r\n")},
		{Name: `i386\srv.sy_`, Data: bytes.Repeat([]byte("srv"), 5_000)},
	}}
	return append(bytes.Repeat([]byte("MZ a program that unpacks "), 500), c.Bytes()...)
}

func msiOfPack() []byte { return bytes.Repeat([]byte("\xd0\xcf\x11\xe0 Update.msi "), 3_000) }

// linked reports whether a file has more names than one.
func linked(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink > 1
}

// makeTree makes the tree of a mirror in a folder that others can read.
func makeTree(t *testing.T, dir, to string) {
	t.Helper()
	if r := runIn(t.Context(), dir, "tree", "--to", to); r.code != exitDone {
		t.Fatalf("tree exits %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// TestSambaServesTheTree fetches the whole tree in every dialect that hosts from
// Windows 2000 to 11 speak.
func TestSambaServesTheTree(t *testing.T) {
	sbin(t, "smbd")
	dir, _ := newMirror(t, smbFiles())
	syncAll(t, dir)
	tree := filepath.Join(publicDir(t), "updates")
	makeTree(t, dir, tree)
	pack := onlyMatch(t, tree, "*/w2ksp4_en.exe")
	if info, err := os.Stat(pack); err != nil || !linked(info) {
		t.Errorf("%s is no hard link: %v, %v", pack, info, err)
	}
	modern := newSamba(t, "modern", tree, tree)
	seven := newSamba(t, "modern", tree, tree, "server min protocol = SMB3_00", "server min protocol = SMB2_02")
	legacy := newSamba(t, "legacy", tree, "")
	for _, c := range []struct {
		dialect, who string
		at           *samba
	}{
		{"NT1", "", legacy},
		{"SMB2_02", seven.as(), seven}, {"SMB2_10", seven.as(), seven},
		{"SMB3_00", modern.as(), modern}, {"SMB3_02", modern.as(), modern}, {"SMB3_11", modern.as(), modern},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			c.at.takesAll(t, c.dialect, c.who, tree)
			to := t.TempDir()
			rel, err := filepath.Rel(tree, filepath.Join(filepath.Dir(pack), "w2ksp4_en", "i386", "update", "Update.msi"))
			if err != nil {
				t.Fatal(err)
			}
			path := strings.ReplaceAll(strings.ToUpper(rel), "/", `\`)
			if out, err := c.at.do(t, "updates", c.dialect, c.who, to, `get "`+path+`" msi`); err != nil {
				t.Fatalf("in capitals: %v\n%s", err, out)
			}
			got, err := os.ReadFile(filepath.Join(to, "msi"))
			if err != nil || !bytes.Equal(got, msiOfPack()) {
				t.Errorf("in capitals: got %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestSambaRefuses holds the examples to what they are for: the modern instance lets in
// nobody without an account, unsigned, or in an old dialect; the old one nobody with a
// new one; and neither can be written to.
func TestSambaRefuses(t *testing.T) {
	tree := publicDir(t)
	if err := os.WriteFile(filepath.Join(tree, "a.exe"), []byte("bytes"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(tree, "a.exe"), 0o666); err != nil { // so that only the server can be what refuses
		t.Fatal(err)
	}
	if err := os.Chmod(tree, 0o777); err != nil {
		t.Fatal(err)
	}
	modern, legacy := newSamba(t, "modern", tree, tree), newSamba(t, "legacy", tree, "")
	for _, dialect := range []string{"NT1", "SMB2_02", "SMB2_10"} {
		modern.refuses(t, "updates", dialect, modern.as(), "ls", "protocol negotiation failed")
	}
	modern.refuses(t, "updates", "SMB3_11", "", "ls", "tree connect failed: NT_STATUS_ACCESS_DENIED")
	modern.refuses(t, "updates", "SMB3_11", "guest%", "ls", "NT_STATUS_LOGON_FAILURE")
	modern.refuses(t, "updates", "SMB3_11", modern.account+"%wrong", "ls", "NT_STATUS_LOGON_FAILURE")
	if !modern.mustSign(t) {
		t.Error("the modern instance does not ask for signatures")
	}
	for _, dialect := range []string{"SMB2_02", "SMB3_00", "SMB3_11"} {
		legacy.refuses(t, "updates", dialect, "", "ls", "protocol negotiation failed")
	}
	for _, c := range []struct {
		at           *samba
		dialect, who string
	}{{modern, "SMB3_11", modern.as()}, {legacy, "NT1", ""}} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "b.exe"), []byte("evil"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"put b.exe", "put b.exe a.exe", "del a.exe", "rename a.exe b.exe", "mkdir c", "setmode a.exe +h"} {
			out, _ := c.at.do(t, "updates", c.dialect, c.who, dir, command)
			if !strings.Contains(out, "NT_STATUS_ACCESS_DENIED") && !strings.Contains(out, "NT_STATUS_MEDIA_WRITE_PROTECTED") {
				t.Errorf("%s: %s: %s", c.dialect, command, out)
			}
		}
	}
	if got := contents(t, tree); len(got) != 1 || string(got["a.exe"]) != "bytes" {
		t.Errorf("the folder has %q now", got)
	}
}

// mustSign asks the server, in bytes, whether every message has to be signed: a NEGOTIATE
// of SMB 3.0.2 by [MS-SMB2] 2.2.3, and the SecurityMode of the answer, 2.2.4.
func (s *samba) mustSign(t *testing.T) bool {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	ask := make([]byte, 64+36)
	copy(ask, "\xfeSMB")
	le.PutUint16(ask[4:], 64)
	le.PutUint16(ask[64:], 36)
	le.PutUint16(ask[66:], 1) // dialects
	le.PutUint16(ask[68:], 1) // this host could sign
	copy(ask[76:], "patchferry-test!")
	ask = le.AppendUint16(ask, 0x0302)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(ask))), ask...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4+64+8)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	if got := le.Uint16(answer[4+64+4:]); got != 0x0302 {
		t.Fatalf("the server chose dialect %#x", got)
	}
	return le.Uint16(answer[4+64+2:])&2 != 0
}

// TestReportsCanOnlyBeDropped puts a report as a host does, which can then neither list
// the folder nor read, change, rename or delete what is in it.
func TestReportsCanOnlyBeDropped(t *testing.T) {
	sbin(t, "smbd")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	drop := filepath.Join(publicDir(t), "drop")
	if err := os.Mkdir(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	if owner, err := user.Lookup(dropAccount(me)); err != nil {
		t.Fatal(err)
	} else if owner.Uid != me.Uid {
		uid, err := strconv.Atoi(owner.Uid)
		if err == nil {
			err = os.Chown(drop, uid, os.Getgid())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(drop, 0o370|fs.ModeSetgid); err != nil { // as docs/smb.md says
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(drop, 0o700) }) // so that it can be removed
	s := newSamba(t, "modern", drop, drop)
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "report"), []byte(`{"v":1,"host":"PC01"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "PC01-1234567890.json"
	if out, err := s.do(t, "drop", "SMB3_11", s.as(), host, "put report "+name); err != nil {
		t.Fatalf("a report cannot be put: %v\n%s", err, out)
	}
	for _, command := range []string{"ls", "ls *.json", "get " + name + " back", "put evil " + name, "rename " + name + " b.json", "del " + name, "del *"} {
		s.refuses(t, "drop", "SMB3_11", s.as(), command, "NT_STATUS_ACCESS_DENIED")
	}
	s.refuses(t, "drop", "SMB3_11", "", "put evil a.json", "NT_STATUS_ACCESS_DENIED")
	if _, err := os.Stat(filepath.Join(host, "back")); err == nil {
		t.Error("the report was read back")
	}
	if err := os.Chmod(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(drop, name), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, drop); len(got) != 1 || !strings.HasPrefix(string(got[name]), `{"v":1`) {
		t.Errorf("the folder has %q", got)
	}
}

// TestUpdateMSIKeepsItsPath makes the tree of three generations in one folder while
// other updates come and go: Group Policy has the path of Update.msi in its memory.
func TestUpdateMSIKeepsItsPath(t *testing.T) {
	files := smbFiles()
	dir, p := newMirror(t, files)
	tree := filepath.Join(publicDir(t), "updates")
	list := func(more ...string) {
		t.Helper()
		var text strings.Builder
		for _, name := range append(more, "/w2ksp4_en.exe") {
			fmt.Fprintf(&text, "%s sha256=%x\n", p.URL(name), sha256.Sum256(files[name]))
		}
		if err := os.WriteFile(filepath.Join(dir, "list.txt"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const msi = "w2ksp4_en/i386/update/Update.msi"
	var path string
	var first os.FileInfo
	for i, more := range [][]string{{"/Windows2000-KB824146-x86-ENU.exe"}, {"/Windows2000-KB824146-x86-ENU.exe", "/WindowsXP-KB835732-x86-ENU.EXE"}, {"/mdac typ with blanks-KB870669-x86.exe"}} {
		list(more...)
		if r := runIn(t.Context(), dir, "sync"); r.code != exitDone || !strings.Contains(r.stdout, fmt.Sprintf("published generation %d:", i+1)) {
			t.Fatalf("sync exits %d: %s%s", r.code, r.stdout, r.stderr)
		}
		makeTree(t, dir, tree)
		at := onlyMatch(t, tree, "*/"+msi)
		info, err := os.Stat(at)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			path, first = at, info
		}
		if at != path || !os.SameFile(info, first) {
			t.Errorf("generation %d has it at %s, was %s", i+1, at, path)
		}
		if got, err := os.ReadFile(at); err != nil || !bytes.Equal(got, msiOfPack()) {
			t.Errorf("generation %d: %d bytes, %v", i+1, len(got), err)
		}
	}
	sbin(t, "smbd")
	rel, err := filepath.Rel(tree, path)
	if err != nil {
		t.Fatal(err)
	}
	s, to := newSamba(t, "modern", tree, tree), t.TempDir()
	if out, err := s.do(t, "updates", "SMB3_11", s.as(), to, `get "`+strings.ReplaceAll(rel, "/", `\`)+`" msi`); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(filepath.Join(to, "msi")); err != nil || !bytes.Equal(got, msiOfPack()) {
		t.Errorf("by its UNC path: %d bytes, %v", len(got), err)
	}
}

// onlyMatch returns the one file of a tree whose path ends in what follows "*".
func onlyMatch(t *testing.T, tree, pattern string) string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(tree, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, strings.TrimPrefix(pattern, "*")) {
			found = append(found, name)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	slices.Sort(found)
	return found[0]
}
