package distribute

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
)

// contentHeaders are those that describe a file; an answer that carries no
// file carries none of them.
var contentHeaders = [...]string{
	"Accept-Ranges", "Content-Disposition", "Content-Security-Policy",
	"Digest", "Etag", "Last-Modified", "Repr-Digest",
}

const takenBack = "This file was taken back."

// content is a file that is handed out, whole or in ranges.
type content struct {
	name   string
	size   int64         // bytes
	sha256 layout.Digest // zero: nobody knows it yet
	valid  validators
	bytes  supplier

	mediaType string // empty: application/octet-stream
}

// mime returns what Content-Type says of the file.
func (c *content) mime() string {
	if c.mediaType == "" {
		return octets
	}
	return c.mediaType
}

// supplier has the bytes of a content.
type supplier interface {
	// check says what keeps the bytes from being handed out, as far as that is known
	// without reading.
	check(ctx context.Context) error
	// open makes the first byte of the plan ready to be sent.
	open(ctx context.Context, plan bodyPlan) (body, error)
	// fail answers instead, where check or open return an error.
	fail(a *answer, err error)
	// broken records that an answer ended before its body did, by no fault of the client's.
	broken(a *answer, err error)
}

// body sends the parts of a plan, in their order.
type body interface {
	sendPart(ctx context.Context, a *answer, i int, r byteRange) error
	close()
}

// serveFile answers with a file of the catalog.
func (s *Server) serveFile(a *answer, v *View, f *file) {
	if f.revoked() {
		a.fail(http.StatusGone, takenBack)
		return
	}
	name := v.text.get(f.name)
	if f.held() {
		s.serveHeld(a, name, f, v.tag(f))
		return
	}
	if twin := v.object(f.sha256); twin != nil && twin.held() { // another update has the same content
		s.serveHeld(a, name, twin, twin.sha256.String())
		return
	}
	s.serveListed(a, v, f)
}

// serveHeld answers with a file that the store has.
func (s *Server) serveHeld(a *answer, name string, f *file, tag string) {
	s.metrics.hits.Inc()
	s.serveContent(a, content{name: name, size: f.size, sha256: f.sha256, valid: s.validators(f, tag), bytes: heldBytes{s, f}})
}

// serveContent answers with a content.
//
// It is not http.ServeContent, which answers 416 to a malformed Range and 206
// to a HEAD with one, needs the file open to say 304, and copies several ranges
// through a pipe in a goroutine that may outlive the request. A test holds it
// to the answers of http.ServeContent everywhere else.
func (s *Server) serveContent(a *answer, c content) {
	c.describe(a.header())
	switch c.valid.precondition(a.r.Header) {
	case http.StatusNotModified:
		a.begin(http.StatusNotModified)
		return
	case http.StatusPreconditionFailed:
		a.fail(http.StatusPreconditionFailed, "The file is not the one that the request is about.")
		return
	}
	ranges, verdict := a.wantedRanges(c.size, c.valid)
	if verdict == rangeUnsatisfiable {
		a.header().Set("Content-Range", "bytes */"+strconv.FormatInt(c.size, 10))
		a.fail(http.StatusRequestedRangeNotSatisfiable, "The file has no bytes there.")
		return
	}
	if a.r.Method == http.MethodHead {
		c.serveHead(a)
		return
	}
	s.serveBytes(a, c, ranges)
}

// validators returns what identifies the content: the same on every replica and
// after every restart. But where bytes left this server that were not the file's,
// it is another for a day, so that no download goes on which began with them.
func (s *Server) validators(f *file, tag string) validators {
	valid := validators{etag: `"` + tag + `"`, modified: f.modifiedTime()}
	src, ok := s.Source.(spoiler)
	if !ok {
		return valid
	}
	at := src.Spoiled(f.sha256)
	if at.IsZero() {
		return valid
	}
	return validators{
		etag:     fmt.Sprintf(`"%s-%d"`, f.sha256, at.Unix()),
		modified: at.UTC().Truncate(time.Second), spoiled: true,
	}
}

// describe sets the headers that are the same for the whole file, a part of it
// and a 304.
func (c *content) describe(h http.Header) {
	h["Accept-Ranges"] = []string{"bytes"}
	h["Content-Disposition"] = []string{disposition(c.name)}
	h["Content-Security-Policy"] = []string{"sandbox"}
	h["Etag"] = []string{c.valid.etag}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if !c.sha256.IsZero() {
		digest := base64.StdEncoding.EncodeToString(c.sha256[:])
		h["Digest"] = []string{"SHA-256=" + digest}             // RFC 3230: aria2 checks it
		h["Repr-Digest"] = []string{"sha-256=:" + digest + ":"} // RFC 9530
	}
	if !c.valid.modified.IsZero() {
		h["Last-Modified"] = []string{c.valid.modified.UTC().Format(http.TimeFormat)}
	}
}

// wantedRanges reads the Range header where it counts. It is defined for GET
// alone (RFC 9110, 14.2).
func (a *answer) wantedRanges(size int64, valid validators) ([]byteRange, rangeVerdict) {
	lines := a.r.Header["Range"]
	if len(lines) != 1 || a.r.Method != http.MethodGet || !valid.ifRange(a.r.Header) || valid.spoiled && !conditional(a.r.Header) {
		return nil, rangeIgnored
	}
	return parseRange(lines[0], size)
}

// serveHead answers with the header of the whole file, if its bytes can be had:
// BITS decides by it whether to begin.
func (c *content) serveHead(a *answer) {
	if err := c.bytes.check(a.r.Context()); err != nil {
		c.bytes.fail(a, err)
		return
	}
	h := a.header()
	h["Content-Type"] = []string{c.mime()}
	h["Content-Length"] = []string{strconv.FormatInt(c.size, 10)}
	a.begin(http.StatusOK)
}

const octets = "application/octet-stream"

// serveBytes sends the whole file where there are no ranges, the range where
// there is one, and multipart/byteranges else.
func (s *Server) serveBytes(a *answer, c content, ranges []byteRange) {
	plan := planBody(&c, ranges)
	ctx, cancel := context.WithCancelCause(a.r.Context())
	defer cancel(nil)
	a.watch.also(func() { cancel(os.ErrDeadlineExceeded) })
	body, err := s.beginBody(ctx, cancel, a, c, plan)
	if err != nil {
		c.bytes.fail(a, err)
		return
	}
	defer body.close()
	h := a.header()
	h["Content-Type"] = []string{plan.contentType}
	h["Content-Length"] = []string{strconv.FormatInt(plan.length, 10)}
	if plan.contentRange != "" {
		h["Content-Range"] = []string{plan.contentRange}
	}
	a.begin(plan.status)
	a.file = true
	if err := plan.send(ctx, a, body); err != nil {
		// The length that was announced is not reached, so that net/http
		// closes the connection: the client sees that it has a part.
		if clientGone(err) {
			s.log().Debug("client went away", "path", a.r.URL.Path, "err", err)
			return
		}
		c.bytes.broken(a, err)
	}
}

// errNotYet says that a file is on its way here and its bytes were not to be had in time.
var errNotYet = errors.New("the file is being fetched")

// beginBody makes the first byte ready, within the time that a client waits for it.
func (s *Server) beginBody(ctx context.Context, cancel context.CancelCauseFunc, a *answer, c content, plan bodyPlan) (body, error) {
	late := s.hurry(a, cancel)
	b, err := c.bytes.open(ctx, plan)
	if late.Stop() || context.Cause(ctx) != errNotYet {
		return b, err
	}
	if err == nil {
		b.close()
	}
	return nil, errNotYet
}

// hurry ends what goes on for an answer when its client has waited for the first byte
// for as long as it may have to.
func (s *Server) hurry(a *answer, cancel context.CancelCauseFunc) *time.Timer {
	left := orElse(s.BeginTimeout, defaultBeginTimeout) - time.Since(a.began)
	return time.AfterFunc(left, func() { cancel(errNotYet) })
}

// disposition names the file as an attachment (RFC 6266): in ASCII for old
// clients, and in full where that is not all of it.
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	value := `attachment; filename="` + plain + `"`
	if plain != name {
		value += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return value
}
