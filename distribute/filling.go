package distribute

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"patchferry/layout"
)

// retryFill is what a host is told to wait for a file that is on its way here.
const retryFill = 10 * time.Second

// order is a file to be had from outside, for one answer.
type order struct {
	name string
	why  string // there is no such file, where it cannot be had
	fill func(context.Context) (layout.Filling, error)
	miss Miss
}

// serveListed answers with a file of the catalog that is not here.
func (s *Server) serveListed(a *answer, v *View, f *file) {
	if f.revoked() {
		a.fail(http.StatusGone, takenBack)
		return
	}
	const why = "The catalog lists this file, and its content is not here yet."
	miss := v.missedFile(f)
	if s.Filler == nil || !f.fillable() {
		s.missed(miss)
		a.fail(http.StatusNotFound, why)
		return
	}
	listed := v.listed(f)
	listed.Start, listed.End = a.wantedFirst(f.size)
	s.serveFilling(a, v, order{
		name: listed.File.Name, why: why, miss: miss,
		fill: func(ctx context.Context) (layout.Filling, error) { return s.Filler.Fill(ctx, listed) },
	})
}

// wantedFirst returns which bytes a request is for, as far as that can be told of a file
// of size bytes, 0 where that is unknown: what is asked of the origin first is then what
// somebody waits for.
func (a *answer) wantedFirst(size int64) (start, end int64) {
	const unknown = 1 << 62
	lines := a.r.Header["Range"]
	if len(lines) != 1 || a.r.Method != http.MethodGet {
		return 0, 0
	}
	if size <= 0 {
		size = unknown
	}
	ranges, verdict := parseRange(lines[0], size)
	if verdict != rangeSatisfiable {
		return 0, 0
	}
	start, end = ranges[0].start, ranges[0].start+ranges[0].length
	if end == unknown { // it has no end, or begins from one
		return 0, 0
	}
	return start, end
}

// serveFilling answers with a file that is fetched, or was since the view was made.
func (s *Server) serveFilling(a *answer, v *View, o order) {
	s.metrics.filling.Inc()
	defer s.metrics.filling.Dec()
	bytes := &fillBytes{server: s, order: o}
	filling, err := s.beginFill(a, o)
	if err != nil {
		bytes.fail(a, err)
		return
	}
	defer filling.Close()
	c := content{name: o.name, size: filling.Size(), sha256: filling.SHA256(), bytes: bytes}
	if v.isRevoked(c.sha256) {
		a.fail(http.StatusGone, takenBack)
		return
	}
	c.valid = validators{etag: filling.ETag(), modified: filling.Modified(), spoiled: !filling.Restarted().IsZero()}
	bytes.filling, bytes.etag, bytes.size = filling, c.valid.etag, c.size
	s.serveContent(a, c)
}

// beginFill asks for the file, within the time that a client waits for its first byte.
func (s *Server) beginFill(a *answer, o order) (layout.Filling, error) {
	ctx, cancel := context.WithCancelCause(a.r.Context())
	defer cancel(nil)
	late := s.hurry(a, cancel)
	filling, err := o.fill(ctx)
	if late.Stop() || context.Cause(ctx) != errNotYet || err == nil {
		return filling, err
	}
	return nil, errNotYet
}

// fillBytes are those of a file that is, or may be, on its way here.
type fillBytes struct {
	server  *Server
	order   order
	filling layout.Filling
	etag    string // what the header says; both are fixed before a byte leaves
	size    int64
}

func (*fillBytes) check(context.Context) error { return nil }

func (f *fillBytes) open(ctx context.Context, plan bodyPlan) (body, error) {
	b := &fillBody{server: f.server, filling: f.filling}
	if err := b.begin(ctx, nil, plan.parts[0].byteRange); err != nil {
		b.close()
		return nil, err
	}
	if f.filling.ETag() != f.etag || f.filling.Size() != f.size {
		b.close()
		return nil, errNotYet // it began anew while this answer waited for its first byte
	}
	return b, nil
}

// fail answers for a file that cannot be had.
func (f *fillBytes) fail(a *answer, err error) {
	s := f.server
	if errors.Is(err, context.Canceled) {
		return // nobody is there to be answered
	}
	log := s.log().With("update", f.order.miss.Update, "file", f.order.name, "path", a.r.URL.Path, "err", err)
	_, wrong := errors.AsType[*layout.MismatchError](err)
	later, isLater := errors.AsType[*layout.LaterError](err)
	switch {
	case errors.Is(err, errNotYet):
		log.Info("file is being fetched")
		a.busy(retryFill, "The file is being fetched. Ask again.")
	case errors.Is(err, layout.ErrNoFill):
		s.missed(f.order.miss)
		log.Debug("file is not fetched")
		a.fail(http.StatusNotFound, f.order.why)
	case isLater:
		log.Info("file cannot be fetched now")
		a.busy(max(later.After, time.Second), "The file cannot be fetched now. Ask again.")
	case wrong:
		log.Error("publisher hands out another file")
		a.fail(http.StatusBadGateway, "The publisher hands out another file than the catalog lists.")
	case errors.Is(err, fs.ErrNotExist):
		s.missed(f.order.miss)
		log.Warn("publisher does not have the file")
		a.fail(http.StatusNotFound, "The publisher does not have the file any more.")
	default:
		log.Error("file cannot be fetched")
		a.fail(http.StatusBadGateway, "The file cannot be fetched from its publisher.")
	}
	if !errors.Is(err, errNotYet) {
		s.metrics.refused.Inc()
	}
}

func (f *fillBytes) broken(a *answer, err error) {
	f.server.metrics.brokenFills.Inc()
	f.server.log().Warn("file ended before it was whole", "update", f.order.miss.Update, "file", f.order.name, "path", a.r.URL.Path, "err", err)
}

// fillBody sends the parts of a file that may still be growing.
type fillBody struct {
	server  *Server
	filling layout.Filling
	reader  layout.FillReader // of the part that is sent
	ready   int64             // up to where its bytes may be sent
	at      int64             // where the file stands
	piece   io.LimitedReader  // of the file; nil: it is not known yet
}

// begin opens a part and waits for its first byte.
func (b *fillBody) begin(ctx context.Context, a *answer, r byteRange) error {
	b.close()
	b.reader, b.piece.R, b.ready = nil, nil, r.start
	if r.length == 0 {
		return nil
	}
	var err error
	if b.reader, err = b.filling.Read(r.start, r.start+r.length); err != nil {
		return err
	}
	return b.wait(ctx, a, r.start, r.start+r.length)
}

// wait waits until the byte at offset may be sent. What the client took before is not
// held against it meanwhile.
func (b *fillBody) wait(ctx context.Context, a *answer, offset, end int64) error {
	b.server.metrics.waiting.Inc()
	defer b.server.metrics.waiting.Dec()
	if a != nil {
		a.watch.waits.Store(true)
		defer a.watch.waits.Store(false)
	}
	ready, err := b.reader.Ready(ctx, offset)
	if err != nil {
		return err
	}
	if ready <= offset {
		return io.ErrNoProgress
	}
	b.ready = min(ready, end)
	return nil
}

func (b *fillBody) close() {
	if b.reader != nil {
		_ = b.reader.Close() // it was only read
	}
	b.reader = nil
}

func (b *fillBody) sendPart(ctx context.Context, a *answer, i int, r byteRange) error {
	end := r.start + r.length
	if i > 0 {
		if err := b.begin(ctx, a, r); err != nil {
			return &sourceError{err}
		}
	}
	kernel, _ := a.w.(io.ReaderFrom)
	if a.r.TLS != nil {
		kernel = nil
	}
	if kernel != nil && r.length <= corked && b.ready == end && a.watch.conn != nil {
		cork(a.watch.conn)
		defer uncork(a.watch.conn)
	}
	for offset := r.start; offset < end; offset = b.at {
		if b.ready <= offset {
			if err := b.wait(ctx, a, offset, end); err != nil {
				return &sourceError{err}
			}
		}
		if err := b.sendRun(a, kernel, offset); err != nil {
			return err
		}
	}
	return nil
}

// sendRun sends what is ready from offset on. It leaves at once, however little it is.
func (b *fillBody) sendRun(a *answer, kernel io.ReaderFrom, offset int64) error {
	if err := b.seek(offset); err != nil {
		return &sourceError{err}
	}
	n := b.ready - offset
	b.at = b.ready
	if kernel == nil {
		if err := b.server.copyTo(a, b.piece.R, n); err != nil {
			return err
		}
		return a.flush()
	}
	if err := a.flush(); err != nil { // the header, and what stands before a part
		return err
	}
	return a.sendPieces(kernel, &b.piece, n)
}

// seek brings the file to offset.
func (b *fillBody) seek(offset int64) error {
	file := b.reader.File()
	if b.piece.R == io.Reader(file) && b.at == offset {
		return nil
	}
	if file == (*os.File)(nil) {
		return fs.ErrInvalid
	}
	b.piece.R = file
	_, err := file.Seek(offset, io.SeekStart)
	return err
}

// flush sends what is buffered; a writer that cannot has none of it.
func (a *answer) flush() error {
	if err := a.ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
