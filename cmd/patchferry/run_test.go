package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/mirror/upstream/hostile"
)

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the program in this process, which it leaves as it is. env is in the
// form of os.Environ.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	return a.run(ctx, args)
}

// runIn runs the program in this process with a mirror's configuration.
func runIn(ctx context.Context, dir string, args ...string) result {
	var stdout, stderr bytes.Buffer
	env := []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error"}
	code := run(ctx, args, strings.NewReader(""), &stdout, &stderr, env)
	return result{code, stdout.String(), stderr.String()}
}

// newMirror sets up a mirror with one source: a local list of files that a
// publisher on loopback has.
func newMirror(t *testing.T, files map[string][]byte) (dir string, p *hostile.Publisher) {
	t.Helper()
	p = hostile.New(files)
	t.Cleanup(p.Close)
	dir = t.TempDir()
	if r := runIn(t.Context(), dir, "init", "near", "--dir", dir, "--no-passphrase"); r.code != exitDone {
		t.Fatalf("init near exits %d: %s", r.code, r.stderr)
	}
	var list strings.Builder
	for name, content := range files {
		fmt.Fprintf(&list, "%s sha256=%x\n", p.URL(name), sha256.Sum256(content))
	}
	host := strings.TrimSuffix(strings.TrimPrefix(p.URL("/"), "http://"), "/")
	source := fmt.Sprintf("\n[[source]]\nname = \"test\"\nkind = \"links\"\npath = \"list.txt\"\nhosts = [%q]\n", host)
	config, err := os.OpenFile(filepath.Join(dir, "patchferry.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.WriteString(source)
	err = errors.Join(err, config.Close(), os.WriteFile(filepath.Join(dir, "list.txt"), []byte(list.String()), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir, p
}

// TestInterruptedSyncGoesOn stops a sync in the middle of a file, finds the
// lock while it runs, and finds that the same command continues.
func TestInterruptedSyncGoesOn(t *testing.T) {
	content := bytes.Repeat([]byte("update"), 50_000)
	dir, p := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": content})
	p.Fault("/WindowsXP-KB835732-x86-ENU.EXE", hostile.Stall{At: 100_000})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ended := make(chan result, 1)
	go func() { ended <- runIn(ctx, dir, "sync") }()
	for p.Requests("/WindowsXP-KB835732-x86-ENU.EXE") == 0 {
		select {
		case r := <-ended:
			t.Fatalf("sync ended with %d before it stalled: %s", r.code, r.stderr)
		case <-time.After(time.Millisecond):
		}
	}
	second := runIn(t.Context(), dir, "sync")
	if second.code != exitLocked || !strings.Contains(second.stderr, "locked by sync (process ") {
		t.Errorf("a second sync exits %d, want %d, and says %q", second.code, exitLocked, second.stderr)
	}
	cancel(errInterrupted)
	if r := <-ended; r.code != exitInterrupted {
		t.Errorf("the interrupted sync exits %d, want %d: %s", r.code, exitInterrupted, r.stderr)
	}
	p.Heal("/WindowsXP-KB835732-x86-ENU.EXE")
	if r := runIn(t.Context(), dir, "sync"); r.code != exitDone || !strings.HasPrefix(r.stdout, "1 new, 0 present, 0 skipped, 0 failed") {
		t.Errorf("the next sync exits %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// lines is a writer whose first line can be waited for.
type lines struct {
	mu    sync.Mutex
	text  bytes.Buffer
	first chan string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := bytes.IndexByte(l.text.Bytes(), '\n')
	l.text.Write(b)
	if i := bytes.IndexByte(l.text.Bytes(), '\n'); before < 0 && i >= 0 {
		l.first <- string(l.text.Bytes()[:i])
	}
	return len(b), nil
}

// TestServeFollowsAndStops serves an empty store, syncs beside it, sees the
// file, and ends as it was told to.
func TestServeFollowsAndStops(t *testing.T) {
	tests := []struct {
		name  string
		cause error
		want  int
	}{
		{"SIGTERM", errTerminated, exitDone},
		{"Ctrl-C", errInterrupted, exitInterrupted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := []byte("MZ update")
			dir, _ := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": content})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stdout := &lines{first: make(chan string, 1)}
			env := []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error"}
			ended := make(chan int, 1)
			var stderr bytes.Buffer
			go func() {
				ended <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), stdout, &stderr, env)
			}()
			url, ok := strings.CutPrefix(<-stdout.first, "serving ")
			if !ok {
				t.Fatal("serve does not say where")
			}
			object := url + "objects/sha256/" + fmt.Sprintf("%x", sha256.Sum256(content))
			if r := runIn(t.Context(), dir, "sync"); r.code != exitDone {
				t.Fatalf("sync exits %d: %s", r.code, r.stderr)
			}
			for status := 0; status != http.StatusOK; time.Sleep(10 * time.Millisecond) {
				resp, err := http.Get(object)
				if err != nil {
					t.Fatal(err)
				}
				status = resp.StatusCode
				resp.Body.Close()
			}
			http.DefaultClient.CloseIdleConnections()
			cancel(tt.cause)
			if got := <-ended; got != tt.want {
				t.Errorf("serve exits %d, want %d: %s", got, tt.want, stderr.String())
			}
		})
	}
}

// TestPrune removes what a catalog no longer needs, after its grace time.
func TestPrune(t *testing.T) {
	dir, _ := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": []byte("MZ")})
	t.Run("unknown plan", func(t *testing.T) {
		if r := runIn(t.Context(), dir, "prune", "--apply", "nonsense"); r.code != exitFailed || !strings.Contains(r.stderr, "nonsense") {
			t.Errorf("exits %d: %s", r.code, r.stderr)
		}
	})
	if r := runIn(t.Context(), dir, "sync"); r.code != exitDone {
		t.Fatalf("sync exits %d: %s", r.code, r.stderr)
	}
	r := runIn(t.Context(), dir, "prune", "--json")
	if r.code != exitDone || !strings.Contains(r.stdout, `"count":0`) {
		t.Errorf("prune exits %d: %s%s", r.code, r.stdout, r.stderr)
	}
}
