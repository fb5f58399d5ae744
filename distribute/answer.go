package distribute

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// answer is the response to one request, with what the access log and the
// metrics say of it. It is used by one goroutine.
//
// Its body is written with write or sendFile, which move the connection's
// write deadline along: a client that takes no byte for the stall time is let
// go, one that takes some may take hours over a file.
type answer struct {
	w      http.ResponseWriter
	ctl    *http.ResponseController
	r      *http.Request
	stall  time.Duration
	status int   // 0 until the header is sent
	sent   int64 // bytes of the body
}

func newAnswer(w http.ResponseWriter, r *http.Request, stall time.Duration) *answer {
	a := &answer{w: w, ctl: http.NewResponseController(w), r: r, stall: stall}
	a.progress()
	return a
}

// progress gives the client the stall time anew. A connection that has no
// deadline to set, as in a test without a network, has none to miss.
func (a *answer) progress() { _ = a.ctl.SetWriteDeadline(time.Now().Add(a.stall)) }

func (a *answer) header() http.Header { return a.w.Header() }

func (a *answer) begin(status int) {
	a.status = status
	a.w.WriteHeader(status)
}

func (a *answer) write(p []byte) error {
	a.progress()
	n, err := a.w.Write(p)
	a.sent += int64(n)
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
	to := url.URL{Path: path, RawQuery: a.r.URL.RawQuery}
	a.header().Set("Location", to.String())
	a.fail(http.StatusMovedPermanently, "The folder is at "+path)
}
