package s3test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// process is a versitygw.
type process struct {
	name string   // of the program
	dir  string   // absolute: versitygw changes its directory
	log  string   // of a file
	env  []string // its keys
	args []string // more than it always has

	small int // bytes of its disk; 0 is that of the machine

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func (p *process) data() string { return filepath.Join(p.dir, "data") }

// arguments makes the folders, and returns what the program is started with.
func (p *process) arguments(address string) ([]string, error) {
	if err := os.MkdirAll(p.data(), 0o755); err != nil {
		return nil, err
	}
	args := append([]string{p.name, "--port", address, "--quiet", "--keep-alive"}, p.args...)
	args = append(args, "posix")
	if p.small > 0 || !hasAttributes(p.data()) {
		sidecar := filepath.Join(p.dir, "attributes")
		if err := os.MkdirAll(sidecar, 0o755); err != nil {
			return nil, err
		}
		args = append(args, "--sidecar", sidecar)
	}
	args = append(args, p.data())
	if p.small > 0 {
		args = onSmallDisk(p.data(), p.small, args)
	}
	return args, nil
}

func (p *process) start(address string) error {
	if p.done != nil && !p.ended() {
		return errors.New("versitygw runs already")
	}
	args, err := p.arguments(address)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(p.env, "PATH="+os.Getenv("PATH"))
	p.cmd.Dir = p.dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = endWithParent()
	p.done = make(chan struct{})
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // it is killed
		}
		_ = log.Close()
		close(p.done)
	}()
	return <-started
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop kills the process and waits for its end.
func (p *process) stop() {
	if p.done == nil || p.ended() {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended just now
	<-p.done
}

// said returns the last line of what the process wrote.
func (p *process) said() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return lastLine(string(data))
}
