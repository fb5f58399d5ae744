package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// demoServer is a running serve command.
type demoServer struct {
	url    string
	cancel context.CancelCauseFunc
	ended  chan error
}

// errDemoOver is why the demo's server stops.
var errDemoOver = errors.New("the demo is over")

// serve starts the command and returns once it listens.
func (d *demo) serve(ctx context.Context) (*demoServer, error) {
	d.step("The far side serves the catalog tree over HTTP: to all hosts what production shows, below /rings/ the others.")
	d.typed(d.far, "serve", "--listen", d.opt.listen)
	ctx, cancel := context.WithCancelCause(ctx)
	s := &demoServer{cancel: cancel, ended: make(chan error, 1)}
	announced := make(announcement, 1)
	go func() { s.ended <- d.command(ctx, announced, d.far, "--json", "serve", "--listen", d.opt.listen) }()
	select {
	case r := <-announced:
		s.url = r.URL
		d.say("   serving %s", r.URL)
		return s, nil
	case err := <-s.ended:
		cancel(errDemoOver)
		if err == nil {
			err = errors.New("the server ended before it listened")
		}
		return nil, err
	}
}

// announcement takes what serve --json prints once it listens.
type announcement chan serveReport

func (c announcement) Write(line []byte) (int, error) {
	var r serveReport
	if err := json.Unmarshal(line, &r); err != nil {
		return 0, fmt.Errorf("read what serve announces: %w", err)
	}
	select {
	case c <- r:
	default: // a second socket
	}
	return len(line), nil
}

// stop ends the server and waits for it.
func (s *demoServer) stop() error {
	s.cancel(errDemoOver)
	return <-s.ended
}

// wait returns when the server has ended, which after Ctrl-C is as it should
// be: that is how a demo ends.
func (s *demoServer) wait(ctx context.Context) error {
	err := <-s.ended
	s.cancel(errDemoOver)
	if ctx.Err() != nil && errors.Is(err, errInterrupted) {
		return nil
	}
	return err
}
