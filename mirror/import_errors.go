package mirror

import (
	"errors"
	"path"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// The codes of refusals that depend on what this side believes and has
// accepted (docs/bundle-format.md); those of a bundle by itself are in package
// bundle.
const (
	CodeKey          bundle.Code = bundle.CodeKey // unknown, not pinned as an origin, expired or revoked
	CodeThreshold    bundle.Code = "threshold"    // fewer certificates signed than the operator demands
	CodeWeak         bundle.Code = "weak"         // an algorithm that proves nothing
	CodeAudience     bundle.Code = "audience"     // of another origin or stream, or for another destination
	CodeRollback     bundle.Code = "rollback"     // older than what was accepted
	CodeEquivocation bundle.Code = "equivocation" // another bundle in the place of the accepted one
	CodeFork         bundle.Code = "fork"         // follows another bundle than the accepted one
	CodePosition     bundle.Code = "position"     // an epoch, or a leap, that nobody typed in
	CodeBulletin     bundle.Code = "bulletin"     // what a publisher announced was altered
	CodeMissingBase  bundle.Code = "missing-base" // objects that neither the bundle nor the store has
	CodeWaiting      bundle.Code = "waiting"      // for volumes
)

// ErrAlready is matched by the error of an import of what is imported already.
// Nothing was written.
var ErrAlready = errors.New("already imported")

// ImportError says why a bundle was not imported. It matches
// verify.ErrUntrusted where the bundle is refused, and ErrPartial where it is
// merely not whole: volumes or files are missing, or what it builds on.
type ImportError struct {
	Code   bundle.Code
	Bundle string // its folder, "main-e001-s000042"; empty where its header was refused
	Reason string
	Next   string             // what to type or to do; may be empty
	Wanted []layout.ObjectRef // for CodeMissingBase: what is missing, in the order of digests
	Err    error              // the cause; may be nil
}

// Error returns bundle, code and reason in one line.
func (e *ImportError) Error() string {
	text := "import"
	if e.Bundle != "" {
		text += " " + e.Bundle
	}
	switch e.Code {
	case CodeWaiting:
		return text + ": " + e.Reason
	case CodeMissingBase, bundle.CodeIncomplete:
		text += ": not whole (" + string(e.Code) + "): "
	case bundle.CodeMedium:
		text += ": "
	default:
		text += ": refused (" + string(e.Code) + "): "
	}
	return text + e.Reason
}

// Is reports whether target is the class of the refusal.
func (e *ImportError) Is(target error) bool {
	switch e.Code {
	case CodeWaiting, CodeMissingBase, bundle.CodeIncomplete:
		return target == ErrPartial
	case bundle.CodeMedium:
		return false
	}
	return target == verify.ErrUntrusted
}

// Unwrap returns the cause.
func (e *ImportError) Unwrap() error { return e.Err }

// importRefusal turns what package bundle or verify says into an ImportError.
// What is neither (a disk, a context) stays what it is.
func importRefusal(name string, err error) error {
	var ours *ImportError
	var waiting *bundle.WaitingError
	var bad *bundle.Error
	var distrust *verify.TrustError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		if ours.Bundle == "" {
			ours.Bundle = name
		}
		return err
	case errors.As(err, &waiting):
		return &ImportError{Code: CodeWaiting, Bundle: name, Reason: waiting.Error(), Err: err,
			Next: "patchferry import with the directories of the missing volumes, when they are here"}
	case errors.As(err, &bad):
		return &ImportError{Code: bad.Code, Bundle: name, Reason: inWords(bad), Next: NextAfter(bad), Err: err}
	case errors.As(err, &distrust):
		return &ImportError{Code: bundle.Code(distrust.Code), Bundle: name, Reason: distrust.Error(), Next: distrust.Next, Err: err}
	}
	return err
}

// inWords is the refusal without its code. What a verifier says comes without
// the code and the next step, which are told besides.
func inWords(e *bundle.Error) string {
	text := e.Reason
	if e.Where != "" {
		text = e.Where + " " + text
	}
	if e.Err == nil || e.Code == bundle.CodeIncomplete {
		return text
	}
	distrust, ok := errors.AsType[*verify.TrustError](e.Err)
	if !ok {
		return text + ": " + e.Err.Error()
	}
	if distrust.Subject != "" {
		text += ": " + distrust.Subject
	}
	return text + ": " + distrust.Reason
}

// madeSo is the next step where a bundle is signed and wrong all the same.
const madeSo = "it was made so, and another copy does not help: have the near side export once more: patchferry export --full --to DIR"

// NextAfter says what an operator does about the refusal of a bundle.
func NextAfter(e *bundle.Error) string {
	distrust, _ := errors.AsType[*verify.TrustError](e.Err)
	switch e.Code {
	case bundle.CodeDigest, bundle.CodeSize, bundle.CodeIncomplete, bundle.CodeMedium:
		if path.Base(e.Where) == bundle.HeaderFile {
			return "name the volumes of one bundle alone; patchferry bundle inspect DIR says of which one a volume is"
		}
		return "copy the bundle again; if the medium itself is bad, have the near side export once more: patchferry export --full --to DIR"
	case bundle.CodeUndeclared:
		return "copy the bundle's own folder to a clean medium, and nothing else"
	case bundle.CodeVersion:
		return "a newer patchferry reads it"
	case bundle.CodePath, bundle.CodeLimit, bundle.CodeFormat, bundle.CodeCount:
		return madeSo
	}
	altered := e.Code == bundle.CodeSignature && (distrust == nil || distrust.Err != nil)
	switch {
	case e.Code == CodeKey:
		return "ask the near side with which key it signs now, over another way than this medium; patchferry key list says which count here"
	case distrust != nil && distrust.Next != "" && !altered:
		return distrust.Next
	case e.Code == bundle.CodeSignature:
		return "get the bundle again from whoever made it; if it is the same there, ask them who changed it"
	case e.Code == CodeThreshold:
		return "another of the pinned keys signs it, too: patchferry bundle sign DIR --key FILE, then on the near side patchferry export --to DIR"
	}
	return "the near side puts a stronger key in the place of its own: patchferry key rotate; then patchferry export --to DIR"
}
