package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// remote is a publisher in a process of its own, so that its work is not
// counted as anybody else's.
type remote struct {
	addr string
	cmd  *exec.Cmd
}

func startPublisher(ctx context.Context, args ...string) (*remote, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"-role", "publisher"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return &remote{addr: strings.TrimSpace(line), cmd: cmd}, err
}

// stop ends the process by its id and waits for it.
func (r *remote) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *remote) url(name string) string { return "http://" + r.addr + "/" + name }

func (r *remote) reset() error {
	resp, err := http.Get(r.url("-/reset"))
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (r *remote) stats() (stats, error) {
	var s stats
	resp, err := http.Get(r.url("-/stats"))
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// cost is what one run of a program took.
type cost struct {
	elapsed time.Duration
	cpu     time.Duration
	rss     int64 // most bytes resident
	exit    int
	message string // of a run that ended badly
	sent    stats
}

// measure runs a program to its end. A status other than 0 is no error: peers
// end so where some file is wrong.
func (r *remote) measure(cmd *exec.Cmd) (cost, error) {
	if err := r.reset(); err != nil {
		return cost{}, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	c := cost{elapsed: time.Since(start)}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return c, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.exit, c.message = cmd.ProcessState.ExitCode(), stderr.String()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.rss = usage.Maxrss << 10
	}
	c.sent, err = r.stats()
	return c, err
}
