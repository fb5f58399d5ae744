package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRingsOverHTTP moves an update through the rings while a server runs: what
// is not released or held back is 404, what was revoked 410.
func TestRingsOverHTTP(t *testing.T) {
	content := []byte("MZ update")
	dir, _ := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": content})
	name := filepath.Join(dir, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(config, "[rings]\nland = \"test\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) {
		t.Helper()
		if r := runIn(t.Context(), dir, args...); r.code != exitDone {
			t.Fatalf("%v exits %d: %s", args, r.code, r.stderr)
		}
	}
	do("sync")
	url := serveRings(t, dir)
	object := "objects/sha256/" + fmt.Sprintf("%x", sha256.Sum256(content))
	want := func(when string, test, production int) {
		t.Helper()
		// A server follows within a second; what it never shows ends the test.
		var got [2]int
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			got = [2]int{status(t, url+"rings/test/"+object), status(t, url+object)}
			if got == [2]int{test, production} {
				return
			}
		}
		t.Fatalf("%s: test and production answer %v, want %d and %d", when, got, test, production)
	}
	want("after the sync", http.StatusOK, http.StatusNotFound)
	do("promote", "production", "--from", "test")
	want("released", http.StatusOK, http.StatusOK)
	do("hold", "KB835732", "--ring", "production", "--reason", "not yet")
	want("held in production", http.StatusOK, http.StatusNotFound)
	do("release", "KB835732")
	want("released again", http.StatusOK, http.StatusOK)
	do("hold", "KB835732", "--reason", "bad")
	want("held everywhere", http.StatusNotFound, http.StatusNotFound)
	do("revoke", "KB835732", "--reason", "withdrawn")
	want("revoked", http.StatusGone, http.StatusGone)
	do("release", "KB835732")
	want("revoked for good", http.StatusGone, http.StatusGone)
}

// serveRings runs serve in this process until the test ends.
func serveRings(t *testing.T, dir string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	stdout := &lines{first: make(chan string, 1)}
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	env := []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error"}
	go func() {
		ended <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), stdout, &stderr, env)
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel(errTerminated)
		if code := <-ended; code != exitDone {
			t.Errorf("serve exits %d: %s", code, stderr.String())
		}
	})
	select {
	case line := <-stdout.first:
		return strings.TrimPrefix(line, "serving ")
	case code := <-ended:
		ended <- code
		t.Fatalf("serve ended with %d: %s", code, stderr.String())
		return ""
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
