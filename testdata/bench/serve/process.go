package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a server under test.
type process struct {
	name string
	addr string
	cmd  *exec.Cmd
}

// stop ends the process by its id and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// startOurs starts this program again as a server over dir.
func startOurs(ctx context.Context, dir string) (*process, error) {
	return startRole(ctx, "server", dir)
}

// startRole starts this program again in a role, by a program before it if any.
func startRole(ctx context.Context, role, dir string, before ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	line := append(before, self, "-role", role, "-dir", dir)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	return &process{name: role, addr: strings.TrimSpace(addr), cmd: cmd}, err
}

// nginxConf is nginx at its best for this: two workers, sendfile in pieces, no
// log, open files kept open.
const nginxConf = `daemon off; pid %[1]s/nginx.pid; error_log stderr crit; worker_processes 2;
events { worker_connections 2048; }
http {
  access_log off; sendfile on; sendfile_max_chunk 512k; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 100000000; open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s;
  types {} default_type application/octet-stream; server_tokens off;
  client_body_temp_path %[1]s/t; proxy_temp_path %[1]s/t; fastcgi_temp_path %[1]s/t; uwsgi_temp_path %[1]s/t; scgi_temp_path %[1]s/t;
  server { listen %[2]s; root %[1]s; }
}
`

func startNginx(ctx context.Context, dir string) (*process, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, addr), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, "-e", "stderr", "-c", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: "nginx", addr: addr, cmd: cmd}
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return p, c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.stop()
	return nil, errors.New("nginx does not listen")
}

// cpuSeconds returns the processor time of the process and its children that
// run (nginx's workers), in hundredths of a second.
func (p *process) cpuSeconds() (float64, error) {
	pids := []int{p.cmd.Process.Pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pids[0], pids[0]))
	if err == nil {
		for _, f := range strings.Fields(string(children)) {
			pid, _ := strconv.Atoi(f)
			pids = append(pids, pid)
		}
	}
	var ticks float64
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, f := range fields[11:13] { // utime and stime
			n, _ := strconv.ParseFloat(f, 64)
			ticks += n
		}
	}
	return ticks / 100, nil
}

// anonymous returns the anonymous resident memory in MB.
func (p *process) anonymous() (float64, error) {
	return statusMB(p.cmd.Process.Pid, "RssAnon:")
}

func statusMB(pid int, field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("no %s in the status of %d", field, pid)
}

// anonymousUnderLoad returns the largest anonymous memory while connections
// download 1 MiB files for two seconds.
func (p *process) anonymousUnderLoad(connections int, _ string) (float64, error) {
	var done atomic.Bool
	var most float64
	watched := make(chan error, 1)
	go func() {
		for !done.Load() {
			mb, err := p.anonymous()
			if err != nil {
				watched <- err
				return
			}
			most = max(most, mb)
			time.Sleep(20 * time.Millisecond)
		}
		watched <- nil
	}()
	_, err := loadFiles(p.addr, job{connections: connections, file: "1m"}, 2*time.Second)
	done.Store(true)
	return most, errors.Join(err, <-watched)
}
