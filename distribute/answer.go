package distribute

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// answer is the response to one request, with what the access log and the
// metrics say of it. It is used by one goroutine.
type answer struct {
	w      http.ResponseWriter
	ctl    *http.ResponseController
	r      *http.Request
	root   string // what stands before path: "", or "/rings/test"
	path   string // of the request, in the view that answers
	watch  watch
	began  time.Time
	status int   // 0 until the header is sent
	sent   int64 // bytes of the body
	file   bool  // the body is a file's
}

func newAnswer(w http.ResponseWriter, r *http.Request, stall time.Duration) *answer {
	a := &answer{w: w, ctl: http.NewResponseController(w), r: r, path: r.URL.Path, began: time.Now()}
	a.watch.stall, a.watch.conn, a.watch.cut = stall, connOf(r.Context()), a.cut
	a.watch.start()
	return a
}

// cut makes all writing fail from now on. A connection that has no deadline to
// set, as in a test without a network, cannot stall either.
func (a *answer) cut() { _ = a.ctl.SetWriteDeadline(time.Unix(1, 0)) }

// end hands over what is still buffered, while the client is watched, and ends
// the watch: net/http would wait for the client without limit.
func (a *answer) end() {
	_ = a.ctl.Flush() // whoever it does not reach is gone
	a.watch.stop()
}

// count adds bytes of the body that were handed over.
func (a *answer) count(n int64) {
	a.sent += n
	a.watch.sent.Add(n)
}

func (a *answer) header() http.Header { return a.w.Header() }

func (a *answer) begin(status int) {
	a.status = status
	a.w.WriteHeader(status)
}

func (a *answer) write(p []byte) error {
	n, err := a.w.Write(p)
	a.count(int64(n))
	return err
}

// whole sends a body that is at hand, or its header alone for a HEAD request.
func (a *answer) whole(status int, contentType string, body []byte) {
	h := a.header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	a.begin(status)
	if a.r.Method == http.MethodHead {
		return
	}
	_ = a.write(body) // a client that is gone is seen in the count of bytes
}

// fail answers with a line of plain text instead of content.
func (a *answer) fail(status int, text string) {
	h := a.header()
	for _, name := range contentHeaders {
		delete(h, name)
	}
	a.whole(status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

// busy answers 503 and says when to come again.
func (a *answer) busy(after time.Duration, text string) {
	a.header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	a.fail(http.StatusServiceUnavailable, text)
}

// redirect sends the client to the canonical spelling of a path of the view.
func (a *answer) redirect(path string) {
	path = a.root + path
	to := url.URL{Path: path, RawQuery: a.r.URL.RawQuery}
	a.header().Set("Location", to.String())
	a.fail(http.StatusMovedPermanently, "The folder is at "+path)
}
