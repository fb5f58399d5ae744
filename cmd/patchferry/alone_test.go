package main

import (
	"bufio"
	"bytes"
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
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"patchferry/layout/store/s3/s3test"
)

// visit is one run of a command on a far side that has imported a bundle.
type visit struct {
	args string // words; @ stands for the folder of the far side, $ for its store, & for the medium, % for the publisher's key
	code int
	want string // in what is printed
}

// visits has every command of the program as an operator of a far side would
// type it, in this order. What only a near side has is refused.
var visits = []visit{
	{"version", exitDone, "patchferry"},
	{"completion bash", exitDone, "bash"},
	{"completion fish", exitDone, "fish"},
	{"completion powershell", exitDone, "Register"},
	{"completion zsh", exitDone, "compdef"},
	{"help import", exitDone, "Usage"},
	{"config check", exitDone, "no errors"},
	{"config show --origin", exitDone, "role"},
	{"import & --dry-run", exitDone, "dry run, nothing was changed"},
	{"import & --receipt @/back", exitDone, "in ring test"},
	{"import &", exitAlready, "already imported"},
	{"bundle inspect &", exitDone, "not checked"},
	{"bundle verify &", exitDone, "main-e001-s000001"},
	{"bundle list", exitDone, "nothing was exported yet"},
	{"bundle confirm 1 --destination plant", exitUsage, "this is a far side"},
	{"bundle sign &", exitUsage, "a far side has no key"},
	{"bundle again 1 --to @/..", exitDone, "main-e001-s000001"},
	{"export --to @/disk", exitUsage, "this is a far side: it makes no generations"},
	{"sync", exitUsage, "this is a far side: it has nobody to ask"},
	{"init near --dir @/other --no-passphrase", exitDone, "origin"},
	{"init far --dir @", exitFailed, "exists already"},
	{"key list", exitDone, "origin"},
	{"key rotate", exitUsage, "this is a far side"},
	{"key add %", exitDone, "copied to"},
	{"key pin MSRC --purpose bulletin", exitDone, "pinned"},
	{"bulletin list", exitDone, "MS26-010"},
	{"bulletin show MS26-010", exitDone, "valid"},
	{"bulletin verify @/../mail.txt", exitDone, "valid"},
	{"key remove MSRC --purpose bulletin", exitDone, "removed"},
	{"promote pilot", exitDone, "promote what test shows to pilot"},
	{"promote production", exitDone, "to production"},
	{"hold KB835732 --reason x", exitDone, "in all rings"},
	{"release KB835732", exitDone, "release"},
	{"want", exitDone, "hosts asked for nothing"},
	{"want KB835732 --to @/back", exitDone, "is here"},
	{"receipt apply @/back/RECEIPT-plant-000001.json", exitUsage, "this is a far side"},
	{"revert production --to 1 --reason x", exitUsage, "showed nothing"},
	{"show KB835732", exitDone, "ring production"},
	{"script KB835732", exitDone, "install.cmd of update-"},
	{"script --os windowsxp --arch x86 --lang EN --to @/scripts", exitDone, "files; as administrator"},
	{"tree --to @/tree", exitDone, "made"},
	{"tree --to @/tree --no-scripts", exitDone, "removed"},
	{"evidence KB835732 --to @/audit", exitDone, "weakest link"},
	{"audit", exitDone, "0 findings"},
	{"prune", exitDone, "nothing to remove"},
	{"store migrate $ @/../copied", exitDone, "is the same store"},
	{"store migrate $ s3://updates?endpoint=http://127.0.0.1:9", exitUsage, "the endpoint of its configuration alone"},
	{"status --due", exitDone, "ring production"},
	{"hosts list", exitDone, "no host has reported"},
	{"hosts missing", exitDone, "no host has reported"},
	{"doctor", exitDone, "store"},
	{"doctor --online", exitUsage, "it looks up no names"},
	{"revoke KB835732 --reason x", exitDone, "1 file"},
}

// elsewhere are the commands that are run in other ways, and why.
var elsewhere = map[string]string{
	"patchferry serve": "it runs until it is told to stop",
	"patchferry demo":  "it sets up sides of its own, on loopback, and reads no configuration",
}

// words returns the arguments of a visit.
func (v *visit) words(g *gap, medium string) []string {
	args := strings.Fields(v.args)
	for i, a := range args {
		a = strings.ReplaceAll(a, "MSRC", g.msrc.Fingerprint().String())
		a = strings.ReplaceAll(a, "&", medium)
		a = strings.ReplaceAll(a, "%", filepath.Join(g.near, "msrc.asc"))
		a = strings.ReplaceAll(a, "@", g.far)
		args[i] = strings.ReplaceAll(a, "$", g.store)
	}
	return args
}

// newVisited returns a gap with a medium, and the mail of its publisher beside
// the far side.
func newVisited(t *testing.T) (*gap, string) {
	g := newGap(t)
	mail, err := os.ReadFile(filepath.Join(g.near, "mail", "ms26-010.txt"))
	if err != nil {
		t.Fatal(err)
	}
	g.write(filepath.Join(filepath.Dir(g.far), "mail.txt"), mail)
	return g, g.export()
}

// TestVisitsHaveEveryCommand holds the list to the tree of commands, so that a
// new one cannot be forgotten.
func TestVisitsHaveEveryCommand(t *testing.T) {
	root := commandTree()
	visited := make(map[*cobra.Command]bool)
	for _, v := range visits {
		cmd, _, err := root.Find(strings.Fields(v.args))
		if err != nil {
			t.Errorf("%s: %v", v.args, err)
		}
		visited[cmd] = true
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if !cmd.HasSubCommands() && !visited[cmd] && elsewhere[cmd.CommandPath()] == "" {
			t.Errorf("%s: say in visits how it is run on a far side, or that it is refused there", cmd.CommandPath())
		}
	}
	walk(root)
}

// recorder refuses to dial and to ask, and remembers that somebody tried.
type recorder struct {
	mu    sync.Mutex
	tries []string
}

func (r *recorder) note(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries = append(r.tries, fmt.Sprintf(format, args...))
	return errors.New("refused by the test")
}

func (r *recorder) dial(_ context.Context, network, address string) (net.Conn, error) {
	return nil, r.note("dial %s %s", network, address)
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, r.note("ask %s", req.URL)
}

// install puts the recorder in the place of what the standard library uses
// where it is given nothing.
func (r *recorder) install(t *testing.T) {
	resolver, transport := net.DefaultResolver, http.DefaultTransport
	t.Cleanup(func() { net.DefaultResolver, http.DefaultTransport = resolver, transport })
	net.DefaultResolver, http.DefaultTransport = &net.Resolver{PreferGo: true, Dial: r.dial}, r
}

// TestFarSideIsAlone runs every command on a far side under a resolver and a
// transport that refuse and remember. That nothing else in the program can dial
// on a far side, TestHouse holds the code to, but for what reaches the store
// (alone.go).
func TestFarSideIsAlone(t *testing.T) {
	t.Run("directory", func(t *testing.T) { visitAll(t, func(*gap) {}) })
	t.Run("bucket", func(t *testing.T) {
		c := s3test.Start(t).Bucket(t)
		visitAll(t, func(g *gap) { g.toBucket(c) })
	})
}

func visitAll(t *testing.T, move func(*gap)) {
	g, medium := newVisited(t)
	move(g)
	r := new(recorder)
	r.install(t)
	for _, v := range visits {
		g.says(g.far, v.code, v.want, v.words(g, medium)...)
	}
	for _, try := range r.tries {
		t.Errorf("a far side reached out: %s", try)
	}
	checkAlone(t, g.far)
}

// TestCloseOutlets loads a configuration of each side: with that of the far side
// neither the resolver nor the transport of the standard library goes anywhere.
func TestCloseOutlets(t *testing.T) {
	g := newGap(t)
	new(recorder).install(t) // and puts back afterwards what was there
	load := func(dir string) {
		a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml")}, closeOutlets: closeOutlets}
		if _, err := a.load(a.rootCommand(), nil); err != nil {
			t.Fatal(err)
		}
	}
	load(g.near)
	if _, ok := http.DefaultTransport.(*recorder); !ok {
		t.Error("a near side shut the outlets")
	}
	load(g.far)
	_, lookup := net.DefaultResolver.LookupHost(t.Context(), "updates.example.net")
	_, get := http.Get("http://192.0.2.1/")
	for _, err := range []error{lookup, get} {
		if err == nil || !strings.Contains(err.Error(), errAlone.Error()) {
			t.Errorf("got %v, want %q", err, errAlone)
		}
	}
}

// TestFarProcessIsAlone runs every command as a process in a network namespace
// that has loopback alone. The kernel counts there each attempt to reach anything,
// whether it found a way or not.
func TestFarProcessIsAlone(t *testing.T) {
	box := newBox(t)
	t.Run("directory", func(t *testing.T) {
		box.t = t
		g, medium := newVisited(t)
		box.visitAll(g, medium)
	})
	t.Run("bucket", func(t *testing.T) {
		box.t = t
		g, medium := newVisited(t)
		box.addEngine(g)
		box.visitAll(g, medium)
	})
}

// visitAll runs every command in the box.
func (b *box) visitAll(g *gap, medium string) {
	t, box := b.t, b
	t.Helper()
	for _, v := range visits {
		r, tries := box.run(g.far, v.words(g, medium)...)
		if r.code != v.code || !strings.Contains(r.stdout+r.stderr, v.want) {
			t.Errorf("%s exits %d, want %d with %q:\n%s%s", v.args, r.code, v.code, v.want, r.stdout, r.stderr)
		}
		if tries != 0 {
			t.Errorf("%s: the kernel saw %d attempts to reach something", v.args, tries)
		}
	}
	box.serve(g.far)
	if b.engine != "" && b.accepted == 0 {
		t.Error("nobody connected to the engine: nothing was tested")
	}
}

// box runs the program where there is no network.
type box struct {
	t                *testing.T
	unshare, program string
	accepted         int    // connections to the engine
	engine           string // a script that starts the engine of the far side's bucket; "" where there is none
}

// inBox is the address of an engine in a box: no loopback address, for which a
// proxy would be passed by.
const inBox = "10.1.2.3"

// addEngine moves the store of the far side to a bucket, whose engine runs in the
// box from then on.
func (b *box) addEngine(g *gap) {
	b.t.Helper()
	engine := s3test.Start(b.t)
	if !engine.Ours() {
		b.t.Skip("SKIP: needs an engine that can be put into a box")
	}
	c := engine.Bucket(b.t)
	g.toBucket(c)
	engine.Stop()
	c.Endpoint = inBox + ":7070"
	g.store = urlOf(c, "far")
	setLine(b.t, g.far, `(?m)^store = .*$`, "store = "+strconv.Quote(g.store))
	args, env, err := engine.Elsewhere(c.Endpoint)
	if err != nil {
		b.t.Fatal(err)
	}
	words := []string{"exec", "env", "-i"}
	for _, word := range append(env, args...) {
		words = append(words, shellWord(word))
	}
	b.engine = filepath.Join(b.t.TempDir(), "engine.sh")
	if err := os.WriteFile(b.engine, []byte("#!/bin/sh\n"+strings.Join(words, " ")+" >/dev/null 2>&1\n"), 0o700); err != nil {
		b.t.Fatal(err)
	}
}

// environment is what a process in the box gets besides its own: proxies that
// nobody may ask, and the engine.
func (b *box) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "ENGINE=" + b.engine}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		env = append(env, name+"=http://192.0.2.1:3128")
	}
	return env
}

// newBox skips the test where no box can be made, and makes sure that the kernel
// counts in it.
func newBox(t *testing.T) *box {
	t.Helper()
	judge(t, "ip")
	b := &box{t: t, unshare: judge(t, "unshare"), program: judge(t, "patchferry")}
	if err := exec.Command(b.unshare, "-rn", "ip", "link", "set", "lo", "up").Run(); err != nil {
		skipOrFail(t, "unshare", fmt.Sprintf("unshare that may make a network namespace: %v", err))
	}
	for _, address := range []string{"192.0.2.1:53", "[2001:db8::1]:53", "127.0.0.1:53", "[::1]:53"} {
		for _, network := range []string{"tcp", "udp"} {
			if _, tries := b.exec([]string{"PATH=" + os.Getenv("PATH"), "PATCHFERRY_TEST_DIAL=" + network + " " + address}, os.Args[0], "-test.run", "^TestDialForBox$"); tries == 0 {
				skipOrFail(t, "unshare", "a kernel that counts what has no route ("+network+" "+address+")")
			}
		}
	}
	return b
}

// skipOrFail skips a test for what is missing, unless PATCHFERRY_REQUIRE names
// the program.
func skipOrFail(t *testing.T, program, what string) {
	t.Helper()
	for name := range strings.SplitSeq(os.Getenv("PATCHFERRY_REQUIRE"), ",") {
		if name == program {
			t.Fatalf("needs %s", what)
		}
	}
	t.Skipf("SKIP: needs %s", what)
}

// TestDialForBox dials what newBox asks for: the check of the check.
func TestDialForBox(t *testing.T) {
	words := strings.Fields(os.Getenv("PATCHFERRY_TEST_DIAL"))
	if len(words) != 2 {
		t.Skip("not asked to dial")
	}
	if conn, err := net.Dial(words[0], words[1]); err == nil {
		_, _ = conn.Write([]byte("x")) // over UDP nothing is sent before
		conn.Close()
	}
}

// prepare sets up the box: loopback, and the engine, once it listens.
const prepare = `ip link set lo up; engine=; if [ -n "$ENGINE" ]; then ip address add ` + inBox + `/32 dev lo; "$ENGINE" & engine=$!; for i in $(seq 500); do grep -q " 0A " /proc/net/tcp && break; sleep 0.02; done; fi; `

// boxed runs a command, and then shows what the kernel counted.
const boxed = prepare + `"$@"; code=$?; [ -z "$engine" ] || kill -9 $engine; echo; echo ==counted==; cat /proc/net/snmp /proc/net/snmp6; exit $code`

// run runs the program with the configuration of a folder.
func (b *box) run(dir string, args ...string) (result, int) {
	b.t.Helper()
	env := []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error", "HOME=" + dir}
	return b.exec(append(env, b.environment()...), append([]string{b.program}, args...)...)
}

func (b *box) exec(env []string, args ...string) (result, int) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.unshare, append([]string{"-rn", "sh", "-c", boxed, "sh"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		b.t.Fatal(err)
	}
	said, counted, ok := strings.Cut(stdout.String(), "==counted==\n")
	if !ok {
		b.t.Fatalf("%v: the kernel's counts are missing:\n%s%s", args, stdout.String(), stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), said, stderr.String()}, b.attempts(counted)
}

// attempts reads from /proc/net/snmp and snmp6 how often something was to be
// sent, over IPv4 or IPv6, whether or not there was a way. Where there is an
// engine in the box, which alone listens there, connections that were accepted
// are those to it, and do not count.
func (b *box) attempts(counted string) int {
	b.t.Helper()
	found, total := 0, 0
	var names []string
	for line := range strings.Lines(counted) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && (words[0] == "Ip6OutNoRoutes" || words[0] == "Udp6OutDatagrams"):
			total += number(b.t, words[1])
			found++
		case len(words) > 1 && len(names) == len(words) && names[0] == words[0]:
			for i, name := range names {
				switch words[0] + name {
				case "Ip:OutNoRoutes", "Tcp:ActiveOpens", "Udp:OutDatagrams":
					total += number(b.t, words[i])
					found++
				case "Tcp:PassiveOpens":
					if b.engine != "" {
						b.accepted += number(b.t, words[i])
						total -= number(b.t, words[i])
					}
				}
			}
			names = nil
		default:
			names = words
		}
	}
	if found != 5 {
		b.t.Fatalf("found %d of 5 counts in\n%s", found, counted)
	}
	return total
}

func number(t *testing.T, word string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(word, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// serve starts the server in the box, stops it when it listens, and looks at
// what the kernel counted.
func (b *box) serve(dir string) {
	b.t.Helper()
	const untilStopped = prepare + `"$@" & pid=$!; read stop; kill -TERM $pid; wait $pid; code=$?; [ -z "$engine" ] || kill -9 $engine; cat /proc/net/snmp /proc/net/snmp6; exit $code`
	cmd := exec.CommandContext(b.t.Context(), b.unshare, "-rn", "sh", "-c", untilStopped, "sh", b.program, "serve", "--listen", ":8530")
	cmd.Env = append(b.environment(), "PATCHFERRY_CONFIG="+filepath.Join(dir, "patchferry.toml"), "PATCHFERRY_LOG_LEVEL=error", raceOptions+"="+os.Getenv(raceOptions))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "serving ") {
		b.t.Errorf("serve says %q (%v): %s", first, err, stderr.String())
	}
	if err := in.Close(); err != nil { // read ends, and the server is stopped
		b.t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		b.t.Fatalf("serve: %v: %s", err, stderr.String())
	}
	if tries := b.attempts(string(rest)); tries != 0 {
		b.t.Errorf("serve: the kernel saw %d attempts to reach something", tries)
	}
}
