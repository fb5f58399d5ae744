package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
)

// newEvidence sets up a mirror with one update, described by the members of a
// line of a list of updates, and one file of that content, and syncs it.
func newEvidence(t *testing.T, members, url string, content []byte) (dir string) {
	t.Helper()
	dir, p := newMirror(t, map[string][]byte{"/file": content})
	line := fmt.Sprintf(`{"id":"x1",%s"files":[{"url":%q,"name":%q,"sha256":"%s"}]}`+"\n", members, p.URL("/file"), url, layout.DigestOf(content))
	addSource(t, dir, "plant.jsonl", line, fmt.Sprintf("name = \"plant\"\nkind = \"updates\"\npath = \"plant.jsonl\"\nhosts = [%q]\n",
		strings.TrimSuffix(strings.TrimPrefix(p.URL("/"), "http://"), "/")))
	if r := runIn(t.Context(), dir, "sync", "plant"); r.code != exitDone {
		t.Fatalf("sync exits %d: %s", r.code, r.stderr)
	}
	return dir
}

func addSource(t *testing.T, dir, list, content, source string) {
	t.Helper()
	name := filepath.Join(dir, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(config, "\n[[source]]\n"+source...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, list), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEvidenceOfHostileWords gives an update every name and word that could
// become a line to type, and runs all lines there are.
func TestEvidenceOfHostileWords(t *testing.T) {
	for _, program := range []string{"sh", "gpg", "zstd", "sha256sum"} {
		judge(t, program)
	}
	const evil = `x\n    $ touch pwned\n    $ touch 'pwned\u001b[2J\u202e`
	dir := newEvidence(t, fmt.Sprintf(`"title":"%s","description":"%s","bulletins":["%s"],`, evil, evil, evil), "a'b$(touch pwned);`touch pwned` --x \"y.exe", []byte("MZ"))
	out := filepath.Join(t.TempDir(), "it's $HOME")
	if r := runIn(t.Context(), dir, "evidence", "plant:x1", "--to", out); r.code != exitDone || strings.ContainsRune(r.stdout, 0x1b) {
		t.Fatalf("evidence exits %d: %q%s", r.code, r.stdout, r.stderr)
	}
	said, err := runChecks(out)
	if err != nil {
		t.Errorf("the lines fail: %v\n%s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(out, checkName))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(text, 0x1b) || bytes.ContainsRune(text, 0x202e) {
		t.Error("CHECK.txt has what controls a terminal")
	}
	if found := regexp.MustCompile(`(?m)^    [$+] touch.*`).Find(text); found != nil {
		t.Errorf("a line to type that the update wrote: %s", found)
	}
	_ = fs.WalkDir(os.DirFS(out), ".", func(name string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(name, "/pwned") || name == "pwned" {
			t.Errorf("%s is there", name)
		}
		return nil
	})
}

func TestQuoteShell(t *testing.T) {
	sh := judge(t, "sh")
	for _, word := range []string{"", "plain", "a b", "it's", `"$(x)"`, "`x`", "-n", "a\nb", "ä", "*", "~", "a\\", "''", "#x", "!"} {
		got, err := exec.Command(sh, "-c", "printf %s "+quoteShell(word)).Output()
		if err != nil || string(got) != word {
			t.Errorf("%q comes out of the shell as %q, %v", word, got, err)
		}
	}
}

// TestChecklistKeepsWordsOffLines wraps text that is nothing but lines to type.
func TestChecklistKeepsWordsOffLines(t *testing.T) {
	l := &checklist{}
	for n := range 40 {
		l.say("%s", strings.Repeat("x ", n)+strings.Repeat("\n    $ rm\n    + rm $ + ", 20))
		l.run(strings.Repeat("    $ rm\n", n), "true")
	}
	l.say("a\x1b[2Jb\u202ec\x00")
	if strings.ContainsAny(l.b.String(), "\x1b\u202e\x00") {
		t.Error("what controls a terminal came through")
	}
	for line := range strings.Lines(l.b.String()) {
		typed := strings.HasPrefix(line, runMark) || strings.HasPrefix(line, otherMark)
		if typed && line != runMark+"true\n" {
			t.Fatalf("words became a line to type: %q", line)
		}
	}
}

// TestEvidenceThatFailsLeavesNothing alters the file in the store: what was
// written by then is taken away, and the folder is as it was.
func TestEvidenceThatFailsLeavesNothing(t *testing.T) {
	content := []byte("MZ content")
	dir := newEvidence(t, "", "a.exe", content)
	name := filepath.Join(dir, "store", filepath.FromSlash(store.ObjectKey(layout.DigestOf(content))))
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("MZ contenT"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty, missing := t.TempDir(), filepath.Join(t.TempDir(), "new")
	for _, to := range []string{empty, missing} {
		r := runIn(t.Context(), dir, "evidence", "a.exe", "--to", to)
		if r.code != exitUntrusted || !strings.Contains(r.stderr, "patchferry audit") {
			t.Errorf("evidence exits %d, want %d: %s", r.code, exitUntrusted, r.stderr)
		}
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) != 0 {
		t.Errorf("the folder that was there: got %v, %v; want it empty", entries, err)
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("the folder that was not there: got %v", err)
	}
	if r := runIn(t.Context(), dir, "evidence", "a.exe", "--to", empty, "--no-content"); r.code != exitDone {
		t.Errorf("without the file: exits %d: %s", r.code, r.stderr)
	}
}

// TestEvidenceOfOldBulletins takes bulletins of 2000 and 2005, which gpg 2
// refuses or may refuse, and runs the lines for other programs, too.
func TestEvidenceOfOldBulletins(t *testing.T) {
	signed := signedDocuments(t)
	for _, program := range []string{"sh", "gpg", "gpg1", "zstd", "sha256sum"} {
		judge(t, program)
	}
	dir, p := newMirror(t, map[string][]byte{"/tool.exe": []byte("MZ tool")})
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"FreeBSD-SA-00-41.elf.asc", "FreeBSD-SA-05-15.tcp.asc"} {
		document, err := os.ReadFile(filepath.Join(signed, "freebsd", "advisories", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mail, name), document, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addSource(t, dir, "u.jsonl", "", "name = \"bsd\"\nkind = \"bulletins\"\npath = \"mail\"\nprofile = \"historical\"\n")
	addSource(t, dir, "u.jsonl", fmt.Sprintf(`{"id":"x1","bulletins":["FreeBSD-SA-00:41","FreeBSD-SA-05:15.tcp"],"files":[{"url":%q,"sha256":"%s"}]}`+"\n",
		p.URL("/tool.exe"), layout.DigestOf([]byte("MZ tool"))),
		fmt.Sprintf("name = \"u\"\nkind = \"updates\"\npath = \"u.jsonl\"\nhosts = [%q]\n", strings.TrimSuffix(strings.TrimPrefix(p.URL("/"), "http://"), "/")))
	out := filepath.Join(t.TempDir(), "out")
	const old, dsa = "v3sha256:E52075377338D666A4ED092D8BC292673F508DCC03E76B3D9E00B6D6C0874AF3", "C3740FC569A6FBB14AEDB13115D68804CA6CDFB2"
	for _, args := range [][]string{
		{"key", "add", filepath.Join(signed, "keys", "freebsd-security-officer.asc")},
		{"key", "pin", old, "--purpose", "bulletin", "--legacy"},
		{"key", "pin", dsa, "--purpose", "bulletin", "--legacy"},
		{"sync", "bsd", "u"},
		{"evidence", "plant:x1", "u:x1", "--to", out},
		{"evidence", "u:x1", "--to", out},
	} {
		want := exitDone
		if args[1] == "plant:x1" {
			want = exitFailed
		}
		if r := runIn(t.Context(), dir, args...); r.code != want {
			t.Fatalf("%v exits %d: %s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, checkName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"gpg 2 refuses such keys or digests (key-v3", "newer versions of gpg may refuse it"} {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
			t.Errorf("CHECK.txt does not say %q", want)
		}
	}
	if said, err := runChecks(out); err != nil {
		t.Errorf("the lines after $ fail: %v\n%s", err, said)
	}
	var lines strings.Builder
	for line := range strings.Lines(string(text)) {
		other := strings.HasPrefix(line, otherMark) && strings.Contains(line, "gpg")
		if other || strings.HasPrefix(line, runMark) {
			lines.WriteString(line[len(runMark):])
		}
	}
	cmd := exec.Command("sh", "-e")
	cmd.Dir, cmd.Stdin = out, strings.NewReader(lines.String())
	said, err := cmd.CombinedOutput()
	if err != nil || !slices.Contains(strings.Fields(string(said)), "41084EBBDB416071F9E50E9873AF3F11") {
		t.Errorf("with the lines for gpg 1.4: %v\n%s", err, said)
	}
}
