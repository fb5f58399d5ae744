package trusted

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/verify"
)

// maxSignature is the largest detached signature object in bytes.
const maxSignature = 128 << 10

// defaultCatalogBytes is the largest catalog object in bytes.
const defaultCatalogBytes = 1 << 30

// Generation reads a generation and its detached signature, checks both
// against their digests and sizes, and the signature against the origins that
// are believed (Origins).
func (r *Reader) Generation(ctx context.Context, ref layout.SignedRef) (*layout.Generation, error) {
	subject := fmt.Sprintf("generation %.12s", ref.Document.SHA256)
	doc, err := r.document(ctx, ref.Document, store.MaxDocument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	sig, err := r.document(ctx, ref.Signature, maxSignature)
	if err != nil {
		return nil, fmt.Errorf("signature of %s: %w", subject, err)
	}
	origins, err := r.Origins(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	signed, err := origins.CheckDetached(doc, sig, verify.PurposeOrigin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	gen, err := layout.ParseGeneration(signed.Text)
	if err != nil {
		return nil, &verify.TrustError{Code: verify.CodeFormat, Subject: subject, Reason: "what was signed is no generation", Err: err}
	}
	return gen, nil
}

// Document reads a small object whole, at most layout.MaxUnsigned bytes, and
// checks it: the original of a bulletin, its signature.
func (r *Reader) Document(ctx context.Context, ref layout.ObjectRef) ([]byte, error) {
	return r.document(ctx, ref, layout.MaxUnsigned)
}

// document reads a small object whole and checks it.
func (r *Reader) document(ctx context.Context, ref layout.ObjectRef, limit int64) ([]byte, error) {
	if err := checkSize(ref, limit); err != nil {
		return nil, err
	}
	in, err := r.openObject(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(layout.NewVerifyReader(in, ref.Size, ref.SHA256))
	if err != nil {
		return nil, mismatch(ref, err)
	}
	return b, nil
}

// openObject opens an object. A store that checks by itself may find other bytes
// already then.
func (r *Reader) openObject(ctx context.Context, ref layout.ObjectRef) (io.ReadCloser, error) {
	in, err := r.Store.Open(ctx, ref.SHA256, 0, -1)
	if _, wrong := errors.AsType[*layout.MismatchError](err); wrong {
		err = mismatch(ref, err)
	}
	return in, err
}

func checkSize(ref layout.ObjectRef, limit int64) error {
	if ref.Size < 0 || ref.Size > limit {
		return &verify.TrustError{
			Code: verify.CodeLimit, Subject: "object " + ref.SHA256.String(),
			Reason: fmt.Sprintf("%d bytes, where at most %d are read", ref.Size, limit),
		}
	}
	return nil
}

// mismatch makes a TrustError of bytes that are not the ones named; a store
// that merely fails stays what it is.
func mismatch(ref layout.ObjectRef, err error) error {
	wrong, ok := errors.AsType[*layout.MismatchError](err)
	if !ok {
		return fmt.Errorf("read object %s: %w", ref.SHA256, err)
	}
	code := verify.CodeDigest
	if wrong.What == "size" {
		code = verify.CodeSize
	}
	return &verify.TrustError{
		Code: code, Subject: "object " + ref.SHA256.String(), Err: err,
		Reason: "the store holds other bytes under this name",
		Next:   "find what else was altered with: patchferry audit",
	}
}

// lineList is what a generation says of a list of lines that it refers to.
type lineList struct {
	subject string // "catalog of generation 7"
	ref     layout.ObjectRef
	lines   layout.Digest
	count   int
	what    string // that the lines are, in the plural
}

// Catalog is the checked catalog, or the checked list of notices, of a
// generation, to be read once.
type Catalog struct {
	list  lineList
	bytes *faultReader
	lines *layout.CatalogReader
	close func() error
}

// faultReader remembers the error that ended it, to tell a store that fails
// from a catalog that cannot be read.
type faultReader struct {
	r     io.Reader
	fault error
}

func (f *faultReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.fault = err
	}
	return n, err
}

// Catalog opens the catalog of a generation. The object has been read to its
// end and its digest found right before this returns, so that no line of
// another catalog is handed out. The caller reads it with Lines or closes it.
func (r *Reader) Catalog(ctx context.Context, gen *layout.Generation) (*Catalog, error) {
	return r.openLines(ctx, lineList{
		subject: fmt.Sprintf("catalog of generation %d", gen.Number),
		ref:     gen.Catalog, lines: gen.Lines, count: gen.Counts.Updates, what: "updates",
	})
}

// Notices yields what publishers announced, in the order of ids, as the
// generation has it; checked as Catalog does. An error comes last, and then
// what was read counts for nothing.
func (r *Reader) Notices(ctx context.Context, gen *layout.Generation) iter.Seq2[*layout.Notice, error] {
	return func(yield func(*layout.Notice, error) bool) {
		if gen.Notices.IsZero() {
			return
		}
		list, err := r.openLines(ctx, lineList{
			subject: fmt.Sprintf("notices of generation %d", gen.Number),
			ref:     gen.Notices.List, lines: gen.Notices.Lines, count: gen.Notices.Count, what: "notices",
		})
		if err != nil {
			yield(nil, err)
			return
		}
		for line, err := range list.Lines() {
			var n *layout.Notice
			if err == nil {
				if n, err = layout.ParseNotice(line); err != nil {
					err = list.refuse(err)
				}
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

func (r *Reader) openLines(ctx context.Context, list lineList) (*Catalog, error) {
	limit := r.CatalogBytes
	if limit == 0 {
		limit = defaultCatalogBytes
	}
	if err := checkSize(list.ref, limit); err != nil {
		return nil, fmt.Errorf("%s: %w", list.subject, err)
	}
	if err := r.checkObject(ctx, list.ref); err != nil {
		return nil, fmt.Errorf("%s: %w", list.subject, err)
	}
	in, err := r.openObject(ctx, list.ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list.subject, err)
	}
	// The second reading is checked as well: the store could change its mind.
	again := &faultReader{r: layout.NewVerifyReader(in, list.ref.Size, list.ref.SHA256)}
	return &Catalog{
		list:  list,
		bytes: again,
		lines: layout.NewCatalogReader(again, r.CatalogLimits),
		close: sync.OnceValue(in.Close),
	}, nil
}

// checkObject reads an object to its end.
func (r *Reader) checkObject(ctx context.Context, ref layout.ObjectRef) error {
	in, err := r.openObject(ctx, ref)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.Copy(io.Discard, layout.NewVerifyReader(in, ref.Size, ref.SHA256)); err != nil {
		return mismatch(ref, err)
	}
	return nil
}

// Lines yields the catalog's lines, each with its newline and valid until the
// next one, and closes the catalog. It can be called once. After the last line
// the whole is checked against the generation (lines_sha256, number of
// updates); an error comes last, and then what was read counts for nothing.
func (c *Catalog) Lines() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer c.Close() // it was only read
		for line, err := range c.lines.Lines() {
			if err != nil {
				yield(nil, c.refuse(err))
				return
			}
			if !yield(line, nil) {
				return
			}
		}
		if err := c.checkSum(); err != nil {
			yield(nil, err)
		}
	}
}

// Updates yields the catalog's updates, as Lines does.
func (c *Catalog) Updates() iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		for line, err := range c.Lines() {
			if err != nil {
				yield(nil, err)
				return
			}
			u, err := layout.ParseLine(line)
			if err != nil {
				yield(nil, c.refuse(err))
				return
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

// Close releases a catalog that is not read to its end. It may be called
// more than once.
func (c *Catalog) Close() error { return c.close() }

func (c *Catalog) checkSum() error {
	sum, err := c.lines.Summary()
	if err != nil {
		return c.refuse(err)
	}
	if sum.Lines != c.list.lines {
		return &verify.TrustError{
			Code: verify.CodeDigest, Subject: c.list.subject, Reason: "its lines are not the ones that were signed",
			Err: &layout.MismatchError{What: "sha256", Want: c.list.lines.String(), Got: sum.Lines.String()},
		}
	}
	if sum.Count != c.list.count {
		return &verify.TrustError{
			Code: verify.CodeCount, Subject: c.list.subject,
			Reason: fmt.Sprintf("it has %d %s, where %d were signed", sum.Count, c.list.what, c.list.count),
		}
	}
	return nil
}

func (c *Catalog) refuse(err error) error {
	if fault := c.bytes.fault; fault != nil {
		return fmt.Errorf("%s: %w", c.list.subject, mismatch(c.list.ref, fault))
	}
	return &verify.TrustError{Code: verify.CodeFormat, Subject: c.list.subject, Reason: "its lines cannot be read", Err: err}
}
