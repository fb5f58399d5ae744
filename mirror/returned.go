package mirror

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// Returned is a receipt or a want file as it came back over the gap, believed
// by nobody yet.
type Returned struct {
	Name string // of the file, for messages
	Doc  []byte
	Sig  []byte // armored; empty where there is none
}

// ReadReturned reads a receipt or a want file with its signature, which stands
// beside it, with ".asc" at the end, where sig is empty. What is too long is a
// *ReceiptError, and so is a signature that is missing.
func ReadReturned(name, sig string) (*Returned, error) {
	if sig == "" {
		sig = name + ".asc"
	}
	doc, err := readLimited(name, name, bundle.MaxReceipt)
	if err != nil {
		return nil, err
	}
	r := &Returned{Name: name, Doc: doc}
	r.Sig, err = readLimited(name, sig, bundle.MaxReceiptSig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ReceiptError{Code: bundle.CodeSignature, File: name, Err: err,
			Reason: sig + " is missing, and without a signature it proves nothing", Next: "carry both files over, or name the signature: --signature FILE"}
	}
	return r, err
}

func readLimited(of, name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", of, err)
	}
	defer f.Close() // it was only read
	doc, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", of, err)
	}
	if int64(len(doc)) > limit {
		return nil, &ReceiptError{Code: bundle.CodeLimit, File: of, Reason: fmt.Sprintf("%s has more than %d bytes", name, limit)}
	}
	return doc, nil
}

// ReceiptError says why a receipt, or a want file, counts for nothing. The
// ledger is as it was. It matches verify.ErrUntrusted.
type ReceiptError struct {
	Code   bundle.Code
	File   string
	Reason string
	Next   string // what to type or to do; may be empty
	Err    error  // the cause; may be nil
}

// Error returns file, code and reason in one line.
func (e *ReceiptError) Error() string {
	return fmt.Sprintf("%s: refused (%s): %s", e.File, e.Code, e.Reason)
}

// Is reports whether target is verify.ErrUntrusted.
func (e *ReceiptError) Is(target error) bool { return target == verify.ErrUntrusted }

// Unwrap returns the cause.
func (e *ReceiptError) Unwrap() error { return e.Err }

// destinationChecker says whether the far side of a name signed something;
// *verify.Trust does.
type destinationChecker interface {
	CheckDestination(doc, sig []byte, name string) (*verify.Signed, error)
}

// believe checks a receipt, or a want file, as format says: first that some
// destination signed these bytes, then their form, then that it was the
// destination which they name.
func (m *Mirror) believe(f *Returned, format string) (*bundle.Receipt, error) {
	checker, ok := m.Trusted.Trust.(destinationChecker)
	if !ok {
		return nil, errors.New("nothing here checks what destinations signed")
	}
	signed, err := m.Trusted.Trust.CheckDetached(f.Doc, f.Sig, verify.PurposeDestination)
	if err != nil {
		return nil, f.distrust(err)
	}
	r, err := bundle.ParseReceipt(signed.Text, format)
	if err != nil {
		return nil, f.distrust(err)
	}
	if _, err := checker.CheckDestination(f.Doc, f.Sig, r.Destination); err != nil {
		return nil, f.distrust(err)
	}
	return r, nil
}

// distrust turns what package verify or bundle says of the file into a
// ReceiptError.
func (f *Returned) distrust(err error) error {
	if distrust, ok := errors.AsType[*verify.TrustError](err); ok {
		reason := distrust.Reason
		if distrust.Err != nil {
			reason += ": " + distrust.Err.Error()
		}
		return &ReceiptError{Code: bundle.Code(distrust.Code), File: f.Name, Reason: reason, Next: distrust.Next, Err: err}
	}
	if bad, ok := errors.AsType[*bundle.Error](err); ok {
		return &ReceiptError{Code: bad.Code, File: f.Name, Reason: inWords(bad), Next: "see what file it is: a receipt is for patchferry receipt apply, a want file for patchferry export --want", Err: err}
	}
	return err
}

func (f *Returned) refuse(code bundle.Code, next, format string, args ...any) error {
	return &ReceiptError{Code: code, File: f.Name, Reason: fmt.Sprintf(format, args...), Next: next}
}

// streamOf finds the stream of a receipt in the ledger. streams are those that
// the operator has configured; one that is not among them has no audience.
func (f *Returned) streamOf(state *trusted.State, r *bundle.Receipt, streams []OutboundStream) (string, error) {
	if state == nil || state.Origin != r.Origin {
		return "", f.refuse(CodeAudience, "bring it to the near side that made the bundle", "it is for the origin %s, which this store is not", r.Origin)
	}
	for name, out := range state.Outbound {
		if out.ID != r.Stream {
			continue
		}
		i := slices.IndexFunc(streams, func(s OutboundStream) bool { return s.Name == name })
		if i >= 0 && len(streams[i].Audience) > 0 && !slices.Contains(streams[i].Audience, r.Destination) {
			return "", f.refuse(CodeAudience, "the key audience of the stream says whose receipts count", "stream %s is for %v, not for %s", name, streams[i].Audience, r.Destination)
		}
		return name, nil
	}
	return "", f.refuse(CodeAudience, "patchferry bundle list shows the streams of this store", "it is of the stream %s, of which nothing was exported here", r.Stream)
}

// known is what a ledger has of a bundle that a far side names.
type known struct {
	export    layout.Exported
	forgotten bool // it is older than the ledger
}

// lookUp finds the bundle that a far side names in the ledger of its stream. One
// that this store cannot have written is refused.
func (f *Returned) lookUp(out *layout.Outbound, b bundle.Before) (known, error) {
	const setBack = "find out whether this store was set back: patchferry bundle list shows what it wrote, the far side's patchferry status what it has"
	if b.Epoch < out.Epoch {
		return known{forgotten: true}, nil
	}
	if b.Epoch > out.Epoch || b.Seq >= nextSeq(out) {
		return known{}, f.refuse(CodePosition, setBack, "epoch %d seq %d was never exported here", b.Epoch, b.Seq)
	}
	for _, e := range out.Exports {
		switch {
		case e.Epoch != b.Epoch || e.Seq != b.Seq:
		case e.Status == statusExported && e.Header.Document.SHA256 == b.Header:
			return known{export: e}, nil
		case e.Status == statusBegun && e.Header.Document.SHA256 == b.Header:
			return known{}, f.refuse(CodePosition, "patchferry export --to DIR completes it, then the same command again", "seq %d was begun here and is not noted as exported", b.Seq)
		default:
			return known{}, f.refuse(CodeEquivocation, setBack, "it names the header %s as that of seq %d, and this store wrote %s (%s)", b.Header, b.Seq, e.Header.Document.SHA256, e.Status)
		}
	}
	return known{forgotten: true}, nil
}
