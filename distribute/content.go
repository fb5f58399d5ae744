package distribute

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
)

// contentHeaders are those that describe a file; an answer that carries no
// file carries none of them.
var contentHeaders = [...]string{
	"Accept-Ranges", "Content-Disposition", "Content-Security-Policy",
	"Digest", "Etag", "Last-Modified", "Repr-Digest",
}

// retryStore is what a host is told to wait when the store does not answer.
const retryStore = 30 * time.Second

// serveContent answers with a file, whole or in ranges.
//
// It is not http.ServeContent, which answers 416 to a malformed Range and 206
// to a HEAD with one, needs the file open to say 304, and copies several ranges
// through a pipe in a goroutine that may outlive the request. A test holds it
// to the answers of http.ServeContent everywhere else.
func (s *Server) serveContent(a *answer, v *View, f *file) {
	if f.revoked {
		a.fail(http.StatusGone, "This file was taken back.")
		return
	}
	valid := s.validators(f)
	describe(a.header(), v.text.get(f.name), f, valid)
	switch valid.precondition(a.r.Header) {
	case http.StatusNotModified:
		a.begin(http.StatusNotModified)
		return
	case http.StatusPreconditionFailed:
		a.fail(http.StatusPreconditionFailed, "The file is not the one that the request is about.")
		return
	}
	ranges, verdict := a.wantedRanges(f.size, valid)
	if verdict == rangeUnsatisfiable {
		a.header().Set("Content-Range", "bytes */"+strconv.FormatInt(f.size, 10))
		a.fail(http.StatusRequestedRangeNotSatisfiable, "The file has no bytes there.")
		return
	}
	if a.r.Method == http.MethodHead {
		s.serveHead(a, f)
		return
	}
	s.serveBytes(a, f, ranges)
}

// validators returns what identifies the content: the same on every replica and
// after every restart. But where bytes left this server that were not the file's,
// it is another for a day, so that no download goes on which began with them.
func (s *Server) validators(f *file) validators {
	valid := validators{etag: `"` + f.sha256.String() + `"`, modified: f.modifiedTime()}
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
func describe(h http.Header, name string, f *file, valid validators) {
	digest := base64.StdEncoding.EncodeToString(f.sha256[:])
	h["Accept-Ranges"] = []string{"bytes"}
	h["Content-Disposition"] = []string{disposition(name)}
	h["Content-Security-Policy"] = []string{"sandbox"}
	h["Digest"] = []string{"SHA-256=" + digest}             // RFC 3230: aria2 checks it
	h["Repr-Digest"] = []string{"sha-256=:" + digest + ":"} // RFC 9530
	h["Etag"] = []string{valid.etag}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if !valid.modified.IsZero() {
		h["Last-Modified"] = []string{valid.modified.Format(http.TimeFormat)}
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

// serveHead answers with the header of the whole file, if its object is there:
// BITS decides by it whether to begin.
func (s *Server) serveHead(a *answer, f *file) {
	size, err := s.Source.Stat(a.r.Context(), f.sha256)
	if err == nil && size != f.size {
		err = &lengthError{got: size, want: f.size}
	}
	if err != nil {
		s.failSource(a, f, err)
		return
	}
	h := a.header()
	h["Content-Type"] = []string{octets}
	h["Content-Length"] = []string{strconv.FormatInt(f.size, 10)}
	a.begin(http.StatusOK)
}

const octets = "application/octet-stream"

// serveBytes sends the whole file where there are no ranges, the range where
// there is one, and multipart/byteranges else.
func (s *Server) serveBytes(a *answer, f *file, ranges []byteRange) {
	plan := planBody(f, ranges)
	ctx, cancel := context.WithCancelCause(a.r.Context())
	defer cancel(nil)
	body, err := s.beginBody(ctx, cancel, f, plan)
	if err != nil {
		s.failSource(a, f, err)
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
	if err := body.send(ctx, a, plan); err != nil {
		// The length that was announced is not reached, so that net/http
		// closes the connection: the client sees that it has a part.
		s.logBroken(a, f, err)
	}
}

// errNotYet says that a file is on its way here and its bytes were not to be had in time.
var errNotYet = errors.New("the file is being fetched")

// beginBody opens the object, within the time that a client waits for the first byte.
func (s *Server) beginBody(ctx context.Context, cancel context.CancelCauseFunc, f *file, plan bodyPlan) (*body, error) {
	late := time.AfterFunc(orElse(s.BeginTimeout, defaultBeginTimeout), func() { cancel(errNotYet) })
	b, err := s.openBody(ctx, f, plan)
	if late.Stop() || context.Cause(ctx) != errNotYet {
		return b, err
	}
	if err == nil {
		b.close()
	}
	return nil, errNotYet
}

// failSource answers for a file whose bytes cannot be had.
func (s *Server) failSource(a *answer, f *file, err error) {
	if errors.Is(err, context.Canceled) {
		return // nobody is there to be answered
	}
	log := s.log().With("path", a.r.URL.Path, "digest", f.sha256.String(), "err", err)
	_, length := errors.AsType[*lengthError](err)
	_, wrong := errors.AsType[*layout.MismatchError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist), length, wrong:
		log.Error("object is damaged: run patchferry audit")
		a.fail(http.StatusInternalServerError, "The store does not have the file as the catalog says.")
	case errors.Is(err, errNotYet):
		log.Info("object is being fetched")
		a.busy(retryStore, "The file is being fetched. Ask again.")
	case errors.Is(err, store.ErrAway): // said once, by who follows the store
		log.Debug("store is away")
		a.busy(retryStore, "The store is away, and the file is not among those that are kept here.")
	default:
		log.Error("store does not answer")
		a.busy(retryStore, "The store does not answer.")
	}
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
