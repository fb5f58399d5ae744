package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/mirror/upstream/hostile"
)

// publisher is "publisher DIR LIST…": it serves the files of DIR on loopback and
// writes its address, host:port, in place of @PUB@ into the lists. A list is
// one more file, read by the program from disk.
func publisher(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: publisher DIR LIST…")
	}
	files := make(map[string][]byte)
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		files["/"+e.Name()], err = os.ReadFile(filepath.Join(ts.MkAbs(args[0]), e.Name()))
		ts.Check(err)
	}
	p := hostile.New(files)
	ts.Defer(p.Close)
	address := strings.TrimPrefix(strings.TrimSuffix(p.URL("/"), "/"), "http://")
	ts.Setenv("PUB", address)
	for _, list := range args[1:] {
		content, err := os.ReadFile(ts.MkAbs(list))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(list), []byte(strings.ReplaceAll(string(content), "@PUB@", address)), 0o644))
	}
}

// servers are the servers of a script that run, by configuration, each with what
// stops it: of one cache there is one at a time.
type servers map[string]func()

// serversKey finds them in a script.
type serversKey struct{}

// serving is "serving CONFIG": it starts the server on a free port, in place of one
// with that configuration, sets URL to where it answers, and stops it when the
// script ends.
func serving(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serving CONFIG")
	}
	program, err := exec.LookPath("patchferry")
	ts.Check(err)
	running := ts.Value(serversKey{}).(servers)
	if stop := running[args[0]]; stop != nil {
		stop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config", args[0], "--json", "serve", "--listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = ts.MkAbs(".")
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	stop := sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // 130, as asked for
	})
	ts.Defer(stop)
	running[args[0]] = stop
	line, err := bufio.NewReader(out).ReadBytes('\n')
	ts.Check(err)
	var r serveReport
	ts.Check(json.Unmarshal(line, &r))
	ts.Setenv("URL", r.URL)
}

// get is "get PATH [FILE]": it asks the server for a path, demands 200, and
// writes the answer to FILE, or to a file named as the path's last element.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: get PATH [FILE]")
	}
	resp, err := http.Get(strings.TrimSuffix(ts.Getenv("URL"), "/") + args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if ok := resp.StatusCode == http.StatusOK; ok == neg {
		ts.Fatalf("get %s: %s", args[0], resp.Status)
	}
	name := path.Base(args[0])
	if len(args) == 2 {
		name = args[1]
	}
	ts.Check(os.WriteFile(ts.MkAbs(name), body, 0o644))
	fmt.Fprintln(ts.Stdout(), resp.Status)
}

// until is "until PATTERN COMMAND…": it runs a command until what it prints matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND…")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	for range 1000 {
		err := ts.Exec(args[1], args[2:]...)
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		ts.Check(err)
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("it never printed %s", args[0])
}
