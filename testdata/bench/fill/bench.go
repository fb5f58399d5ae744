package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const rootPrefix = "patchferry-bench-"

// contender is a server that fills a cache while it serves.
type contender struct {
	name string
	// start runs it over an empty folder in front of the origin, and returns the
	// path of the content at it.
	start func(ctx context.Context, b *bench, dir string) (*process, string, error)
	// guid says what path such a scene asks for; nil: the same.
	guid func(path string) string
}

const guidPath = "/filestreamingservice/files/0f3a1c5e-6d1b-4c8e-9a51-3b7d2e9c4f60"

func anyPath(string) string { return guidPath }

var contenders = [...]contender{
	{name: "patchferry", start: ours, guid: anyPath},
	{name: "varnish", start: peer(varnish).started("varnish"), guid: anyPath},
	{name: "nginx", start: nginx("proxy_cache_key $uri;").started("nginx"), guid: anyPath},
	{name: "nginx-slice", start: nginx("slice 1m; proxy_cache_key $uri$slice_range; proxy_set_header Range $slice_range;").started("nginx-slice"), guid: anyPath},
	{name: "squid", start: peer(squid).started("squid")}, // its key has the query in it
	{name: "trafficserver", start: peer(traffic).started("trafficserver"), guid: anyPath},
}

// bench is what all runs share.
type bench struct {
	*flags
	root    string
	content *content
	digest  string
	origin  *source // of the run that is on
	runs    int
}

func runAll(ctx context.Context, f *flags) error {
	root, err := os.MkdirTemp("", rootPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o755); err != nil { // peers give up root
		return err
	}
	b := &bench{flags: f, root: root, content: newContent(f.size)}
	b.digest = b.content.digest()
	if f.program == "" && chosen(f.contends, "patchferry") {
		f.program = filepath.Join(root, "patchferry")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", f.program, "./cmd/patchferry")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build patchferry in the module's root: %w: %s", err, out)
		}
	}
	limit := f.delay + time.Duration(float64(f.size)/f.rate*float64(time.Second))
	fmt.Printf("%.0f MB, %.0f MB/s, %s away: the limit is %.2f s; medians of %d\n", float64(f.size)/1e6, f.rate/1e6, f.delay, limit.Seconds(), f.rounds)
	for _, s := range scenes {
		if !chosen(f.scenes, s.name) {
			continue
		}
		if err := b.compare(ctx, s, limit); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// compare plays one scene at all contenders, who take turns.
func (b *bench) compare(ctx context.Context, s scene, limit time.Duration) error {
	rows := make([]row, len(contenders))
	for range b.rounds {
		for i, c := range contenders {
			if !chosen(b.contends, c.name) || s.guid && c.guid == nil || rows[i].err != nil {
				continue
			}
			o, err := b.run(ctx, s, c)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				rows[i].err = err // the others are measured all the same
				continue
			}
			rows[i].add(o)
		}
	}
	printTable(s, rows, limit)
	return nil
}

// outcome is one run.
type outcome struct {
	all  []*seen
	sent stats
	used usage
	disk int64 // bytes in files below the server's folder, afterwards
	size int64
}

// run plays one scene at one contender, with an origin and a folder of its own.
func (b *bench) run(ctx context.Context, s scene, c contender) (*outcome, error) {
	b.runs++
	dir := filepath.Join(b.root, fmt.Sprint("run", b.runs))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var err error
	b.origin, err = startOrigin(ctx, "-size", fmt.Sprint(b.size), "-rate", fmt.Sprint(b.rate), "-delay", b.delay.String())
	if err != nil {
		return nil, err
	}
	defer b.origin.stop()
	server, path, err := c.start(ctx, b, dir)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	if s.guid {
		path = c.guid(path)
	}
	if _, err := ask1(ctx, "http://"+b.origin.control+"/reset"); err != nil {
		return nil, err
	}
	o := &outcome{size: b.size}
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	ended := make(chan struct{})
	before := server.usage()
	go func() {
		defer close(ended)
		server.watch(watched)
	}()
	o.all, err = b.play(ctx, s, job{s.name, server.addr, path, b.origin.control, b.origin.addr})
	unwatch()
	<-ended
	if err != nil {
		return nil, server.complain(err.Error())
	}
	o.used = server.most
	o.used.cpu = server.usage().cpu - before.cpu
	text, err := ask1(ctx, "http://"+b.origin.control+"/stats")
	if err != nil {
		return nil, err
	}
	o.disk = diskUse(dir)
	return o, json.Unmarshal(text, &o.sent)
}

// play starts the process of the clients and reads what they saw.
func (b *bench) play(ctx context.Context, s scene, j job) ([]*seen, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, self, "-role", "hosts", "-size", fmt.Sprint(b.size), "-job", string(text))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("play %s: %w: %s", s.name, err, stderr.String())
	}
	var all []*seen
	err = json.Unmarshal(out, &all)
	return all, err
}

// diskUse sums what the files below a folder take.
func diskUse(dir string) int64 {
	var sum int64
	counted := make(map[uint64]bool) // a link is no second file
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it went away meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if s := info.Sys().(*syscall.Stat_t); !counted[s.Ino] {
			counted[s.Ino] = true
			sum += s.Blocks * 512 // of sparse files what is there
		}
		return nil
	})
	return sum
}

// find looks for a program, also where those for the administrator are.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	return path, err
}

func split(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr) // it is one of ours
	return host, port
}
