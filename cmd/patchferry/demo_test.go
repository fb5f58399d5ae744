package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/layout"
)

// TestDemoServesUntilInterrupted runs the demo as people see it, fetches from
// it with the tools of hosts, and ends it with Ctrl-C.
func TestDemoServesUntilInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, interrupt := context.WithCancelCause(t.Context())
	story, w := io.Pipe()
	defer story.Close() // lets the demo go on where this test does not
	code := make(chan int, 1)
	var complaints bytes.Buffer
	go func() {
		code <- run(ctx, []string{"demo", "--no-wine", "--listen", "127.0.0.1:0"}, strings.NewReader(""), w, &complaints, nil)
		w.Close()
	}()
	url, told := exampleOf(t, story)
	if url == "" {
		t.Fatalf("the demo ended with %d before it served:\n%s%s", <-code, told, complaints.String())
	}
	want := sampleFile(t, url)
	t.Run("curl resumes", func(t *testing.T) { fetchWithCurl(t, url, want) })
	t.Run("aria2c in pieces", func(t *testing.T) { fetchWithAria(t, url, want) })
	interrupt(errInterrupted)
	if _, err := io.Copy(io.Discard, story); err != nil {
		t.Error(err)
	}
	if got := <-code; got != exitDone {
		t.Errorf("got exit status %d, want %d\n%s", got, exitDone, complaints.String())
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v left behind (%v), want nothing", left, err)
	}
}

// exampleOf reads the story up to its last line and returns the address of the
// file that it tells people to fetch; empty where the story ends before.
func exampleOf(t *testing.T, story io.Reader) (url, told string) {
	t.Helper()
	address := regexp.MustCompile(`curl -C - -O (\S+)$`)
	var text strings.Builder
	lines := bufio.NewScanner(story)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
		if strings.Contains(lines.Text(), "Ctrl-C ends the demo") {
			return url, text.String()
		}
	}
	return "", text.String()
}

// sampleFile returns the content of the sample whose name the URL ends in.
func sampleFile(t *testing.T, url string) []byte {
	t.Helper()
	for _, u := range sample.Updates() {
		for i, f := range u.Files {
			if strings.HasSuffix(url, "/"+f.Name) {
				return u.Content(i)
			}
		}
	}
	t.Fatalf("%s is no file of the sample", url)
	return nil
}

// fetchWithCurl gives curl a first part of the file and has it fetch the rest.
func fetchWithCurl(t *testing.T, url string, want []byte) {
	curl := judge(t, "curl")
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, want[:len(want)/3], 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), curl, "-sS", "-q", "--fail", "--noproxy", "*", "-C", "-", "-o", name, "-w", "%{http_code} %{size_download}", url).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	if got, want := string(out), fmt.Sprintf("206 %d", len(want)-len(want)/3); got != want {
		t.Errorf("curl got %s, want %s: the rest alone", got, want)
	}
	sameFile(t, name, want)
}

func fetchWithAria(t *testing.T, url string, want []byte) {
	aria := judge(t, "aria2c")
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), aria, "--no-conf", "--no-proxy=*", "-x4", "-s4", "-k1M", "-d", dir, "-o", "file", url).CombinedOutput()
	if err != nil {
		t.Fatalf("aria2c: %v\n%s", err, out)
	}
	sameFile(t, filepath.Join(dir, "file"), want)
}

func sameFile(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d other bytes, want the %d of the sample", len(got), len(want))
	}
}

// judge finds a program that a test needs. Where it is missing the test is
// skipped, or fails if PATCHFERRY_REQUIRE names it.
func judge(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), program) {
		t.Fatalf("needs %s, which PATCHFERRY_REQUIRE names: %v", program, err)
	}
	t.Skipf("SKIP: needs %s", program)
	return ""
}

// TestDemoInterrupted ends the demo in the middle of its checks.
func TestDemoInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, after := range []string{"Sync:", "Sync again", "Refused:", "Export to a disk", "Import:", "A host lists", "On a copy", "The disk itself"} {
		t.Run(after, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			ctx, interrupt := context.WithCancelCause(t.Context())
			story := &cue{at: after, do: func() { interrupt(errInterrupted) }}
			var complaints bytes.Buffer
			got := run(ctx, []string{"demo", "--no-wine", "--once"}, strings.NewReader(""), story, &complaints, nil)
			if got != exitInterrupted {
				t.Errorf("got exit status %d, want %d\n%s", got, exitInterrupted, complaints.String())
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("got %v left behind (%v), want nothing", left, err)
			}
		})
	}
}

// cue is a reader of the story who acts at a word.
type cue struct {
	at string
	do func()
}

func (w *cue) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte(w.at)) {
		w.do()
	}
	return len(text), nil
}

func TestDemoPortTaken(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var story, complaints bytes.Buffer
	got := run(t.Context(), []string{"demo", "--no-wine", "--once", "--listen", taken.Addr().String()}, strings.NewReader(""), &story, &complaints, nil)
	if got != exitFailed {
		t.Errorf("got exit status %d, want %d", got, exitFailed)
	}
	for _, want := range []string{"cannot serve on " + taken.Addr().String(), "next: patchferry demo --listen"} {
		if !strings.Contains(complaints.String(), want) {
			t.Errorf("got %q, want %q in it", complaints.String(), want)
		}
	}
	if story.Len() > 0 {
		t.Errorf("the story began before the port was found taken:\n%s", story.String())
	}
}

// TestDemoReaderGone has the reader of the story go away, at several places.
func TestDemoReaderGone(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, after := range []string{"A publisher offers", "Refused:", "Import:", "Done:"} {
		t.Run(after, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			story, w := io.Pipe()
			reader := &cue{at: after, do: func() { story.CloseWithError(io.ErrClosedPipe) }}
			heard := make(chan struct{})
			go func() {
				defer close(heard)
				_, _ = io.Copy(reader, story) // ends with the story
			}()
			var complaints bytes.Buffer
			got := run(t.Context(), []string{"demo", "--no-wine", "--listen", "127.0.0.1:0"}, strings.NewReader(""), w, &complaints, nil)
			w.Close()
			<-heard
			if got != exitFailed || !strings.Contains(complaints.String(), io.ErrClosedPipe.Error()) {
				t.Errorf("got exit status %d, want %d for %v\n%s", got, exitFailed, io.ErrClosedPipe, complaints.String())
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("got %v left behind (%v), want nothing", left, err)
			}
		})
	}
}

// TestPublisherAlone runs the publisher without the demo: its list can be
// used as it is, what it lists is there, and Ctrl-C ends it in order.
func TestPublisherAlone(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, interrupt := context.WithCancelCause(t.Context())
	defer interrupt(nil)
	list, w := io.Pipe()
	defer list.Close()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"demo", "--publisher", "--listen", "127.0.0.1:0"}, strings.NewReader(""), w, io.Discard, nil)
		w.Close()
	}()
	lines := bufio.NewScanner(list)
	if !lines.Scan() {
		t.Fatalf("the publisher lists nothing and exits %d", <-code)
	}
	var url, digest string
	var size int
	if _, err := fmt.Sscanf(lines.Text(), "%s size=%d sha256=%s", &url, &size, &digest); err != nil {
		t.Fatalf("got %q, want a line of a list: %v", lines.Text(), err)
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err != nil || len(body) != size || layout.DigestOf(body).String() != digest {
		t.Errorf("%s has %d bytes (%v), want the %d that are listed", url, len(body), err, size)
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(io.Discard, list) // ends with the list
	}()
	interrupt(errInterrupted)
	if got := <-code; got != exitDone {
		t.Errorf("got exit status %d, want %d", got, exitDone)
	}
	<-rest
}
