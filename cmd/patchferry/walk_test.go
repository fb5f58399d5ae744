package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// walkDeadline is how long a step of the guide may take until its answer is
// there, on a machine that is busy with other tests.
const walkDeadline = time.Minute

// TestWalkAcrossTheGap types docs/air-gap.md along, every command in its order,
// with the real program: exit statuses are those that the guide states, and
// every line that it shows of an answer is in the answer, in this order.
func TestWalkAcrossTheGap(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "air-gap.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps := readGuide(t, string(page))
	w := newWalk(t)
	began := time.Now()
	for _, s := range steps {
		w.take(t, s)
	}
	t.Logf("%d steps in %s", len(steps), time.Since(began).Round(time.Second))
}

// walk is somebody who types a guide.
type walk struct {
	dir     string
	farPath string // a PATH with what a far side has, and nothing else
	alone   bool   // commands of the far side run where there is no network at all
	known   bindings
}

// newWalk makes the folder in which a reader begins: with the program alone.
func newWalk(t *testing.T) *walk {
	t.Helper()
	for _, program := range []string{"sh", "curl", "sha256sum", "dd"} {
		judge(t, program)
	}
	program, err := exec.LookPath("patchferry") // TestMain provides it
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{dir: t.TempDir(), farPath: t.TempDir(), alone: canBeAlone(t)}
	if err := os.WriteFile(filepath.Join(w.dir, "patchferry"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"sh", "cat", "chmod", "cp", "dd", "ls", "mkdir", "mv", "rm", "sha256sum"} {
		if err := os.Symlink(judge(t, tool), filepath.Join(w.farPath, tool)); err != nil {
			t.Fatal(err)
		}
	}
	w.known = bindings{"/home/you/gap": w.dir, ":8530": ":" + freePort(t), ":8531": ":" + freePort(t)}
	return w
}

// canBeAlone reports whether this system lets a command run without a network.
func canBeAlone(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("unshare", "-rn", "true").CombinedOutput()
	if err != nil && slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "unshare") {
		t.Fatalf("unshare -rn: %v: %s", err, out)
	}
	return err == nil
}

// freePort returns a port of loopback that nobody uses now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// take takes one step.
func (w *walk) take(t *testing.T, s guideStep) {
	t.Helper()
	if s.file != "" {
		w.add(t, s)
		return
	}
	if s.prompt == "server$" || s.prompt == "publisher$" {
		w.open(t, s)
		return
	}
	for end := time.Now().Add(walkDeadline); ; time.Sleep(100 * time.Millisecond) {
		out, status := w.run(t, s)
		problem := w.known.compare(s.answer, out)
		if status != s.status {
			problem = fmt.Errorf("exit status %d, want %d", status, s.status)
		}
		if problem == nil {
			t.Logf("%d: %s %s\n%s", s.line, s.prompt, s.command, out) // for whoever writes the guide
			return
		}
		// A server follows within a second; so a host may have to ask again.
		if s.prompt != "host$" || time.Now().After(end) {
			t.Fatalf("air-gap.md:%d: %s %s: %v; it answers:\n%s", s.line, s.prompt, s.command, problem, out)
		}
	}
}

// add puts text at the end of a file, as an editor would.
func (w *walk) add(t *testing.T, s guideStep) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, s.file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("air-gap.md:%d: %v", s.line, err)
	}
	_, err = f.WriteString("\n" + w.known.replace(strings.Join(s.answer, "\n")) + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// shell returns the command of a step, as it is typed on its machine.
func (w *walk) shell(t *testing.T, s guideStep, before string) *exec.Cmd {
	t.Helper()
	typed := []string{"sh", "-c", before + w.known.replace(s.command)}
	if w.alone && s.prompt == "far$" {
		typed = append([]string{"unshare", "-rn"}, typed...)
	}
	cmd := exec.CommandContext(t.Context(), typed[0], typed[1:]...)
	cmd.Dir = w.dir
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C", "NO_PROXY=*", raceOptions + "=" + os.Getenv(raceOptions)}
	switch s.prompt {
	case "near$":
		cmd.Dir = filepath.Join(w.dir, "near")
	case "far$", "server$":
		cmd.Dir = filepath.Join(w.dir, "far")
		cmd.Env = append(cmd.Env, "PATH="+w.farPath)
	}
	return cmd
}

func (w *walk) run(t *testing.T, s guideStep) (out string, status int) {
	t.Helper()
	b, err := w.shell(t, s, "").CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if failed {
		return string(b), exit.ExitCode()
	}
	if err != nil {
		t.Fatalf("air-gap.md:%d: %v", s.line, err)
	}
	return string(b), 0
}

// open runs a command in a window of its own, until the walk is over.
func (w *walk) open(t *testing.T, s guideStep) {
	t.Helper()
	cmd := w.shell(t, s, "exec ")
	var out transcript
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // what it said is compared
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		<-ended
	})
	late := time.After(walkDeadline)
	for over := false; ; {
		problem := w.known.compare(s.answer, out.String())
		if problem == nil {
			return
		}
		if over {
			t.Fatalf("air-gap.md:%d: %s %s: %v; it answers:\n%s", s.line, s.prompt, s.command, problem, out.String())
		}
		select {
		case <-ended:
			over = true
		case <-late:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// transcript is what stands in a window.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
