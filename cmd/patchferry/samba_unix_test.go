//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sambaPassword is that of the account of the tests.
const sambaPassword = "correct horse"

// samba is one instance of Samba, on loopback, by an example of configs/smb.
type samba struct {
	port    string
	account string // of the modern instance; the old one has guests alone
}

// publicDir makes a folder that other accounts of this machine can look into, as those
// of servers are. Its name is short, since names of sockets are.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "smb")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// sbin finds a program of an administrator.
func sbin(t *testing.T, program string) string {
	t.Helper()
	if path := filepath.Join("/usr/sbin", program); exec.Command(path, "--version").Run() == nil {
		return path
	}
	return judge(t, program)
}

// newSamba starts an instance by configs/smb/NAME.conf, with what differs from machine
// to machine changed: addresses, folders, accounts; and with more changes, old line
// by new line.
func newSamba(t *testing.T, name, updates, drop string, more ...string) *samba {
	t.Helper()
	smbd, pdbedit := sbin(t, "smbd"), sbin(t, "pdbedit")
	judge(t, "smbclient")
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", "smb", name+".conf"))
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &samba{port: freePort(t), account: me.Username}
	dir, config := publicDir(t), string(text)
	change := func(line, to string) {
		t.Helper()
		pattern := regexp.MustCompile(`(?m)^  ` + line + `$`)
		if !pattern.MatchString(config) {
			t.Fatalf("configs/smb/%s.conf has no line %q", name, line)
		}
		config = pattern.ReplaceAllLiteralString(config, to)
	}
	change(`smb ports = .*`, "smb ports = "+s.port)
	change(`interfaces = .*`, "interfaces = 127.0.0.1/8")
	change(`path = /srv/updates`, "path = "+updates)
	if name == "legacy" {
		change(`hosts allow = .*`, "hosts allow = 127.0.0.1")
		change(`guest account = nobody`, "guest account = "+guestAccount(me))
	} else {
		change(`path = /srv/drop`, "path = "+drop)
		change(`force user = drop`, "force user = "+dropAccount(me))
	}
	for i := 0; i < len(more); i += 2 {
		change(more[i], more[i+1])
	}
	config = strings.ReplaceAll(config, "/var/lib/patchferry-smb/"+name, dir)
	for _, folder := range []string{"private", "lock", "state", "cache", "pid", "ncalrpc"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "smb.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if name == "modern" {
		add := exec.CommandContext(t.Context(), pdbedit, "-a", "-t", "-u", s.account, "--configfile="+file)
		add.Stdin = strings.NewReader(sambaPassword + "\n" + sambaPassword + "\n")
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("make the account: %v\n%s", err, out)
		}
	}
	s.start(t, smbd, file)
	return s
}

// start runs the server until the test ends.
func (s *samba) start(t *testing.T, smbd, config string) {
	t.Helper()
	cmd := exec.Command(smbd, "-F", "--no-process-group", "-s", config)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // with those that serve one host each
		<-ended
	})
	deadline := time.After(time.Minute)
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("smbd ended: %v\n%s", err, said.String())
		case <-deadline:
			t.Fatalf("smbd does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// dropAccount is who owns reports: an account without rights, or who runs the test
// where he cannot become another.
func dropAccount(me *user.User) string {
	if me.Uid == "0" {
		return "daemon"
	}
	return me.Username
}

func guestAccount(me *user.User) string {
	if me.Uid == "0" {
		return "nobody"
	}
	return me.Username
}

// as returns what makes smbclient a host with the account.
func (s *samba) as() string { return s.account + "%" + sambaPassword }

// do lets a host that speaks one dialect run commands of smbclient in a folder of its
// own, and returns what smbclient said. who is "" for a guest.
func (s *samba) do(t *testing.T, share, dialect, who, dir, commands string) (string, error) {
	t.Helper()
	args := []string{
		"//127.0.0.1/" + share, "-s", "/dev/null", "-p", s.port, "-t", "60",
		"--option=client min protocol=" + dialect, "--option=client max protocol=" + dialect, "-c", commands,
	}
	if who == "" {
		args = append(args, "-N")
	} else {
		args = append(args, "-U", who)
	}
	cmd := exec.CommandContext(t.Context(), "smbclient", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// refuses holds that commands fail, and why.
func (s *samba) refuses(t *testing.T, share, dialect, who, commands, why string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "evil"), []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := s.do(t, share, dialect, who, dir, commands); !strings.Contains(out, why) {
		t.Errorf("%s in %s as %q: %s\nwant %s", commands, dialect, who, out, why)
	}
}

// takesAll fetches a whole share and compares it with the folder, file by file.
func (s *samba) takesAll(t *testing.T, dialect, who, folder string) {
	t.Helper()
	to := t.TempDir()
	if out, err := s.do(t, "updates", dialect, who, to, "recurse on; prompt off; mget *"); err != nil {
		t.Fatalf("%s: %v\n%s", dialect, err, out)
	}
	sameTree(t, folder, to)
}
