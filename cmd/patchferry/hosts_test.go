package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"patchferry/mirror/upstream/hostile"
)

// hostPrograms are what hosts fetch files with: each gets one file, whole and
// right, and finds in the answers what it needs to go on, to check and to leave out.
var hostPrograms = []struct {
	name, program string
	fetch         func(t *testing.T, program, url string, want []byte)
}{
	{"curl, whole", "curl", curlWhole},
	{"curl, a part", "curl", curlPart},
	{"curl, the rest", "curl", func(t *testing.T, _, url string, want []byte) { fetchWithCurl(t, url, want) }},
	{"curl, if it is newer", "curl", curlIfNewer},
	{"wget, the rest", "wget", wgetRest},
	{"wget, if it is newer", "wget", wgetIfNewer},
	{"aria2c, in pieces", "aria2c", func(t *testing.T, _, url string, want []byte) { fetchWithAria(t, url, want) }},
}

// TestHostsFetchWhatIsHere lets the programs of hosts fetch files that were synced.
func TestHostsFetchWhatIsHere(t *testing.T) {
	files := hostFiles()
	dir, _ := newMirror(t, files)
	syncAll(t, dir)
	hostsFetch(t, serveMirror(t, dir), files)
}

// TestHostsFetchWhatIsNotHere lets them fetch files that nobody asked for before: each
// leaves the outside once.
func TestHostsFetchWhatIsNotHere(t *testing.T) {
	files := hostFiles()
	dir, p := onDemandMirror(t, files)
	hostsFetch(t, serveMirror(t, dir), files)
	for name, content := range files {
		if got, twice := p.Bytes(name), p.Twice(name); got > int64(len(content)) || twice > 0 {
			t.Errorf("%s: %d bytes came from outside, %d of them again; want at most %d", name, got, twice, len(content))
		}
	}
}

// onDemandMirror sets up a mirror whose files stay outside until a host asks.
func onDemandMirror(t *testing.T, files map[string][]byte) (dir string, p *hostile.Publisher) {
	t.Helper()
	dir, p = newMirror(t, files)
	name := filepath.Join(dir, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, append(config, "fill = \"on-demand\"\n"...), 0o600) // of the source, which stands last
	}
	if err != nil {
		t.Fatal(err)
	}
	syncAll(t, dir)
	return dir, p
}

func syncAll(t *testing.T, dir string) {
	t.Helper()
	if r := runIn(t.Context(), dir, "sync"); r.code != exitDone {
		t.Fatalf("sync exits %d: %s", r.code, r.stderr)
	}
}

// hostFiles are as many files as there are ways to fetch one.
func hostFiles() map[string][]byte {
	files := make(map[string][]byte)
	for i := range hostPrograms {
		content := make([]byte, 5<<20+i)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(content) // it cannot fail
		files[hostFileName(i)] = content
	}
	return files
}

func hostFileName(i int) string { return fmt.Sprintf("/WindowsXP-KB%d-x86-ENU.EXE", 835700+i) }

func hostsFetch(t *testing.T, url string, files map[string][]byte) {
	t.Helper()
	for i, p := range hostPrograms {
		t.Run(p.name, func(t *testing.T) {
			program := judge(t, p.program)
			want := files[hostFileName(i)]
			p.fetch(t, program, fmt.Sprintf("%sobjects/sha256/%x", url, sha256.Sum256(want)), want)
		})
	}
}

// serveMirror serves a mirror until the test ends and returns the address, with a
// slash at its end.
func serveMirror(t *testing.T, dir string) string {
	t.Helper()
	url, _ := serveUntil(t, dir)
	return url
}

// serveUntil serves a mirror until stop is called, or the test ends.
func serveUntil(t *testing.T, dir string) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	stdout := &lines{first: make(chan string, 1)}
	env := []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error"}
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), stdout, &stderr, env)
	}()
	select {
	case line := <-stdout.first:
		stop = sync.OnceFunc(func() {
			cancel(errTerminated)
			if got := <-ended; got != exitDone {
				t.Errorf("serve exits %d: %s", got, stderr.String())
			}
		})
		t.Cleanup(stop)
		return strings.TrimPrefix(line, "serving "), stop
	case code := <-ended:
		cancel(nil)
		t.Fatalf("serve exits %d: %s", code, stderr.String())
		return "", nil
	}
}

// fetchProgram runs a program of a host and returns what it says.
func fetchProgram(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "no_proxy=*")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func curlWhole(t *testing.T, curl, url string, want []byte) {
	name := filepath.Join(t.TempDir(), "file")
	fetchProgram(t, curl, "-sS", "-q", "--fail", "-o", name, url)
	sameFile(t, name, want)
}

func curlPart(t *testing.T, curl, url string, want []byte) {
	name := filepath.Join(t.TempDir(), "file")
	said := fetchProgram(t, curl, "-sS", "-q", "--fail", "-r", "2000000-2999999", "-o", name, "-w", "%{http_code}", url)
	if said != "206" {
		t.Errorf("curl got %s, want 206", said)
	}
	sameFile(t, name, want[2_000_000:3_000_000])
}

func curlIfNewer(t *testing.T, curl, url string, want []byte) {
	name := filepath.Join(t.TempDir(), "file")
	fetchProgram(t, curl, "-sS", "-q", "--fail", "-R", "-o", name, url)
	said := fetchProgram(t, curl, "-sS", "-q", "--fail", "-z", name, "-o", name+".new", "-w", "%{http_code} %{size_download}", url)
	if said != "304 0" {
		t.Errorf("curl got %s the second time, want 304 and nothing", said)
	}
	sameFile(t, name, want)
}

func wgetRest(t *testing.T, wget, url string, want []byte) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, want[:1_000_000], 0o644); err != nil {
		t.Fatal(err)
	}
	said := fetchProgram(t, wget, "--no-config", "-c", "-O", name, url)
	if !strings.Contains(said, "206 Partial Content") {
		t.Errorf("wget fetched all, want the rest alone:\n%s", said)
	}
	sameFile(t, name, want)
}

func wgetIfNewer(t *testing.T, wget, url string, want []byte) {
	dir := t.TempDir()
	for i, status := range [...]string{"200 OK", "304 Not Modified"} {
		said := fetchProgram(t, wget, "--no-config", "-N", "-P", dir, url)
		if !strings.Contains(said, status) {
			t.Errorf("run %d of wget: no %q in what it says:\n%s", i, status, said)
		}
	}
	sameFile(t, filepath.Join(dir, filepath.Base(url)), want)
}
