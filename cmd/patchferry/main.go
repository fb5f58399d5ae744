// Command patchferry carries software updates across an air gap. Its near side
// syncs lists of publishers into a store, checks every byte, and exports
// transfer bundles; its far side imports them and serves the store as a catalog
// tree over HTTP.
//
// This package parses, calls one method of a package below, and reports; it
// alone prints and exits. Its configuration is in internal/config.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// The causes for which the context of a run ends before the run does.
var (
	errInterrupted = errors.New("interrupted")
	errTerminated  = errors.New("told to stop")
)

func main() {
	ctx, stop := untilSignal(context.Background())
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Environ(), closeOutlets: closeOutlets}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// untilSignal returns a context that ends at the first Ctrl-C or SIGTERM; the
// second one ends the process at once, as if nobody listened.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			if s == os.Interrupt {
				cancel(errInterrupted)
				return
			}
			cancel(errTerminated)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// run is the whole program but for the process around it: it returns the exit
// status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code := exitCode(ctx, err)
	a.reportError(err, code)
	return code
}
