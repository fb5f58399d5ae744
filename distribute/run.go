package distribute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// Run serves on the listeners, which it closes, until ctx is done. Then it
// takes no more requests, lets running downloads finish for the drain time,
// cuts off the rest, and returns nil once every connection is closed. It
// returns an error when a listener fails. Run is called once.
//
// A listener must hand out plain *net.TCPConn or *tls.Conn connections: behind
// a wrapper the kernel cannot send files by itself.
func (s *Server) Run(ctx context.Context, listeners ...net.Listener) error {
	open := &connections{max: orElse(s.MaxConnections, defaultMaxConnections), closed: make(chan struct{})}
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: orElse(s.HeaderTimeout, defaultHeaderTimeout),
		IdleTimeout:       orElse(s.IdleTimeout, defaultIdleTimeout),
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log().Handler(), slog.LevelDebug),
		ConnState:         open.changed,
		ConnContext:       withConn,
		// A request outlives the order to stop until it is drained.
		BaseContext:                  func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		DisableGeneralOptionsHandler: true,
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- fmt.Errorf("serve on %s: %w", l.Addr(), server.Serve(l)) }()
	}
	notify(daemon.SdNotifyReady)
	running := len(listeners)
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
		running--
	}
	notify(daemon.SdNotifyStopping)
	s.drain(ctx, server)
	for range running {
		if err := <-ended; failed == nil && !errors.Is(err, http.ErrServerClosed) {
			failed = err
		}
	}
	open.wait()
	return failed
}

func (s *Server) drain(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orElse(s.DrainTime, defaultDrainTime))
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		s.log().Warn("downloads are cut off", "err", err)
		_ = server.Close() // what it cannot close is closed already
	}
}

// notify tells systemd, where there is one; where there is none, or it does
// not listen, nothing depends on it.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// SystemdListeners returns the sockets that systemd handed to this process, by
// their FileDescriptorName; none where it was started in another way.
func SystemdListeners() (map[string][]net.Listener, error) {
	named, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("take sockets from systemd: %w", err)
	}
	return named, nil
}

// connections counts the open connections of a server, closes those beyond the
// limit, and tells when none is left. It works on http.Server's own hook: a
// listener that wrapped the connections would keep the kernel from sending.
type connections struct {
	max int

	mu      sync.Mutex
	open    int
	waiting bool
	closed  chan struct{} // closed when waiting and open is 0
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
		if c.open > c.max {
			_ = conn.Close() // net/http sees it and ends with StateClosed
		}
	case http.StateClosed, http.StateHijacked:
		c.open--
		if c.waiting && c.open == 0 {
			close(c.closed)
		}
	}
}

// wait returns when no connection is open. No new one may come.
func (c *connections) wait() {
	c.mu.Lock()
	c.waiting = true
	none := c.open == 0
	c.mu.Unlock()
	if !none {
		<-c.closed
	}
}
