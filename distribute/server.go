package distribute

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"patchferry/distribute/script"
)

// Server hands out a view over HTTP. Its fields are set before its first use
// and not changed after; its methods may be called concurrently.
type Server struct {
	Source Source       // where the bytes are
	Log    *slog.Logger // what goes wrong on this side; nil: nothing is logged
	Access *slog.Logger // one record a request, at debug level for 304 and probes; nil: none
	// Supply, where it is set, says how the streams stand that bring the catalog:
	// the start page and the metrics show it. It must be quick.
	Supply func() Supply
	// Health, where it is set, says how the store stands: the start page, the metrics
	// and /readyz show it. It must be quick.
	Health func() Health
	// Filler, where it is set, fetches what is not here when a host asks for it; nil:
	// nothing is.
	Filler Filler
	// Origins says of a host, or host:port, in lower case and without a port that goes
	// without saying, whether hosts may ask this server for its files: a request that was
	// sent there, and came here, is answered. nil: of none. It must be quick.
	Origins func(hostport string) bool
	// Loop says that a request is one of this server's own, come back; nil: none is.
	Loop func(*http.Request) bool
	// Missed is told of what hosts asked for, is not here and was not fetched; nil: nobody
	// is. It must be quick; it may be called concurrently.
	Missed func(Miss)
	// Outside, where it is set, says what was fetched from outside since counting began,
	// and LANBefore what hosts were sent before this server started, in bytes: the pages
	// and the metrics show both, and the difference. Fills says how fetching goes. Both
	// must be quick.
	Outside   func() []Outside
	LANBefore int64
	Fills     func() Fills
	// Install says how scripts are made, below /install/ and in the folders of updates:
	// Ring is that of the view at the root, and Bases where the tree is besides; what
	// tells one set from another is filled in for each.
	Install script.Options
	// Inbox, where it is set, takes what hosts report of themselves, at POST /report: the
	// one request with a body. nil: nothing is taken.
	Inbox *Inbox
	// Hosts, where it is set, says how hosts stand by their reports: the status page and
	// the metrics show it. It must be quick.
	Hosts func() HostCounts
	// Refill is what brings a first catalog, in words, where none is loaded:
	// "patchferry import DIR".
	Refill string

	MaxRequests    int           // at once; more get 503 with Retry-After; 0: 2048
	MaxConnections int           // at once; more are closed unheard; 0: 8192
	HeaderTimeout  time.Duration // for the header of a request, and for a TLS handshake; 0: 10 s
	IdleTimeout    time.Duration // between two requests of a connection; 0: 75 s
	BeginTimeout   time.Duration // for the source to have the first byte of a file; then 503; 0: 20 s
	StallTimeout   time.Duration // for the client to take a byte, at least; twice that at most; 0: 60 s
	DrainTime      time.Duration // for running downloads when Run is told to stop; 0: 30 s

	view    atomic.Pointer[View]
	rings   atomic.Pointer[[]Ring]
	once    sync.Once
	slots   chan struct{}
	making  chan struct{} // one place for each set of scripts that is being made
	metrics *metrics
	buffers sync.Pool // of *[copySize]byte
}

// The limits that hold where a field of Server is zero.
const (
	defaultMaxRequests    = 2048
	defaultMaxConnections = 8192
	defaultHeaderTimeout  = 10 * time.Second
	defaultIdleTimeout    = 75 * time.Second // Delivery Optimization keeps connections for 31 s
	defaultBeginTimeout   = 20 * time.Second
	defaultStallTimeout   = time.Minute
	defaultDrainTime      = 30 * time.Second
	maxHeaderBytes        = 64 << 10
	retryBusy             = 5 * time.Second
)

// Swap makes v the view of all requests that begin from now on and returns the
// one before, or nil; below /rings/ each ring is served with its own view.
// Requests that are running end with the view that they began with; the objects
// of that view must stay in the source until then.
func (s *Server) Swap(v *View, rings ...Ring) *View {
	s.rings.Store(&rings)
	return s.view.Swap(v)
}

// Handler returns the handler of all paths. It needs a server that calls it
// for plain HTTP/1.1 or TLS; Run is one.
func (s *Server) Handler() http.Handler {
	s.once.Do(s.prepare)
	return http.HandlerFunc(s.serve)
}

func (s *Server) prepare() {
	s.slots = make(chan struct{}, orElse(s.MaxRequests, defaultMaxRequests))
	s.making = make(chan struct{}, maxMaking)
	if s.Inbox != nil {
		s.Inbox.writing = make(chan struct{}, maxWriting)
	}
	s.metrics = newMetrics(s)
	s.buffers.New = func() any { return new([copySize]byte) }
}

func orElse[T int | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// class groups paths for the metrics.
type class string

// takesSlot reports whether requests of a class count for Server.MaxRequests.
func (c class) takesSlot() bool { return c != classProbe && c != classReport }

const (
	classTree    class = "tree"    // /Software, /Drivers and their folders
	classObject  class = "object"  // /objects/sha256
	classContent class = "content" // /Content
	classInstall class = "install" // /install
	// What stands at publishers' own paths, where the request says whose.
	classPublisher class = "publisher"
	classPage      class = "page"   // the start page and the status page
	classProbe     class = "probe"  // health and metrics
	classReport    class = "report" // of hosts, which has limits of its own
)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	a := newAnswer(w, r, orElse(s.StallTimeout, defaultStallTimeout))
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	kind, handle := s.route(r)
	s.handle(a, kind, handle)
	s.metrics.count(kind, a)
	s.logAccess(a, kind, time.Since(a.began))
}

func (s *Server) handle(a *answer, kind class, handle func(*answer)) {
	admitted := s.admit(a, kind)
	if admitted && kind.takesSlot() {
		defer func() { <-s.slots }()
	}
	defer a.end()
	if admitted {
		handle(a)
	}
}

// admit refuses what is no plain GET or HEAD, but a report, and what would be one request
// too many. If it returns true a slot is taken, where the class takes one.
func (s *Server) admit(a *answer, kind class) bool {
	if a.r.ContentLength != 0 {
		// net/http reads what is left of a body after the answer; a client
		// must not keep it waiting for that.
		_ = a.ctl.SetReadDeadline(time.Now().Add(orElse(s.HeaderTimeout, defaultHeaderTimeout)))
		a.header().Set("Connection", "close")
	}
	if kind == classReport {
		return true // which looks at the rest itself
	}
	if a.r.Method != http.MethodGet && a.r.Method != http.MethodHead {
		a.header().Set("Allow", "GET, HEAD")
		a.fail(http.StatusMethodNotAllowed, "Only GET and HEAD are served here.")
		return false
	}
	if a.r.ContentLength != 0 {
		a.fail(http.StatusBadRequest, "A GET or HEAD request has no body.")
		return false
	}
	if !kind.takesSlot() {
		return true
	}
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		a.busy(retryBusy, "Too many requests at once.")
		return false
	}
}

// withView gives a request the view that it keeps to its end.
func (s *Server) withView(handle func(*answer, *View)) func(*answer) {
	return func(a *answer) {
		v := s.view.Load()
		if v == nil {
			a.busy(retryBusy, s.empty())
			return
		}
		handle(a, v)
	}
}

// empty says that there is nothing to serve yet, and what brings it.
func (s *Server) empty() string {
	if s.Refill == "" {
		return "No catalog is loaded yet."
	}
	return "No catalog is loaded yet. Its operator types: " + s.Refill
}

// serveRoot answers / also where there is no catalog yet, and a browser with a
// page.
func (s *Server) serveRoot(a *answer) {
	if s.view.Load() == nil && strings.Contains(strings.ToLower(a.r.Header.Get("Accept")), "text/html") {
		a.header().Set("Retry-After", strconv.Itoa(int(retryBusy.Seconds())))
		a.page(http.StatusServiceUnavailable, emptyPage, s.Refill)
		return
	}
	s.withView(s.serveStart)(a)
}
