package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that runs beside this one, with all that it started.
type process struct {
	name  string
	addr  string
	cmd   *exec.Cmd
	log   string // where it writes; empty: the terminal
	ended chan struct{}
	most  usage // as far as it was watched
}

// usage is what a server and its children take.
type usage struct {
	cpu       float64 // seconds of processor time
	resident  float64 // most bytes resident, each process by its own high-water mark
	anonymous float64 // bytes of memory that is no file
	files     int     // open descriptors
}

// launch starts a program whose output goes to a file in dir.
func launch(ctx context.Context, name, dir string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it ends with its children
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is no matter
	}()
	return p, ctx.Err()
}

// stop ends the process and the group that it leads, and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(3 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
	<-p.ended
}

// await waits until an address answers a request of a path.
func (p *process) await(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		_, err := ask1(ctx, "http://"+p.addr+path)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.complain("it ended")
		case <-ctx.Done():
			return p.complain(err.Error())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// complain is an error with the last words of the process.
func (p *process) complain(what string) error {
	said, _ := os.ReadFile(p.log)
	if len(said) > 2000 {
		said = said[len(said)-2000:]
	}
	return fmt.Errorf("%s: %s; it says:\n%s", p.name, what, said)
}

// watch notes what the process takes until ctx ends.
func (p *process) watch(ctx context.Context) {
	for more := true; more; {
		more = sleep(ctx, 50*time.Millisecond) == nil // what it has at the end counts, too
		now := p.usage()
		p.most.resident = max(p.most.resident, now.resident)
		p.most.anonymous = max(p.most.anonymous, now.anonymous)
		p.most.files = max(p.most.files, now.files)
	}
}

// usage looks at the process and all below it. What ends meanwhile is left out.
func (p *process) usage() usage {
	var sum usage
	for _, pid := range family(p.cmd.Process.Pid) {
		dir := fmt.Sprintf("/proc/%d", pid)
		sum.cpu += cpuSeconds(dir)
		status, _ := os.ReadFile(dir + "/status")
		for line := range strings.Lines(string(status)) {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "VmHWM":
				sum.resident += kilobytes(value)
			case "RssAnon", "RssShmem":
				sum.anonymous += kilobytes(value)
			}
		}
		if files, err := os.ReadDir(dir + "/fd"); err == nil {
			sum.files += len(files)
		}
	}
	return sum
}

func kilobytes(value string) float64 {
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseFloat(fields[0], 64)
	return n * 1024
}

// cpuSeconds returns processor time in hundredths of a second.
func cpuSeconds(dir string) float64 {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

// family returns a process and all that descend from it.
func family(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		children, _ := os.ReadFile(name)
		for _, f := range strings.Fields(string(children)) {
			if child, err := strconv.Atoi(f); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// source is the origin, in a process of its own.
type source struct {
	addr, control string
	cmd           *exec.Cmd
}

func startOrigin(ctx context.Context, args ...string) (*source, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"-role", "origin"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &source{cmd: cmd}
	if _, err := fmt.Fscanln(bufio.NewReader(out), &o.addr, &o.control); err != nil {
		o.stop()
		return nil, fmt.Errorf("read the addresses of the origin: %w", err)
	}
	return o, nil
}

func (o *source) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	_ = o.cmd.Wait()
}

// freeAddr returns an address that nobody uses now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// readSmall reads an answer that has to be a success.
func readSmall(res *http.Response) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return b, err
}
