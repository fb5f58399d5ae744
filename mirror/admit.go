package mirror

import (
	"context"
	"fmt"
	"os"

	"patchferry/layout"
)

// admit is the one door by which bytes from outside enter the store (law 1).
// The staged file was hashed whole while it was written and is on disk; admit
// holds these digests against everything that is expected of the bytes, puts
// the object, and returns the file as it is held from now on.
//
// expected carries the digests and the size that were stated, or pinned; what
// it does not know is not checked.
func (m *Mirror) admit(ctx context.Context, staged string, got layout.Got, expected layout.File, ev layout.Evidence) (layout.File, error) {
	if err := check(expected, got); err != nil {
		return layout.File{}, err
	}
	f, err := os.Open(staged)
	if err != nil {
		return layout.File{}, fmt.Errorf("admit %s: %w", expected.Name, err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() != got.Size {
		return layout.File{}, fmt.Errorf("admit %s: the staged file changed while it waited: %v bytes, %v expected (%v)", expected.Name, st.Size(), got.Size, err)
	}
	if err := m.Store.Put(ctx, got.SHA256, got.Size, f); err != nil {
		return layout.File{}, fmt.Errorf("admit %s: %w", expected.Name, err)
	}
	return holdAs(expected, got, ev, layout.At(m.now())), nil
}

// holdAs describes content that the store now has.
func holdAs(f layout.File, got layout.Got, ev layout.Evidence, now layout.Time) layout.File {
	ev.At = now
	if ev.Grade == layout.GradeCapture || ev.Grade == layout.GradeFirstUse {
		ev.TLSKey = got.TLSKey
	}
	f.Size, f.SHA256, f.SHA1 = got.Size, got.SHA256, got.SHA1
	f.Held = true
	f.Evidence = []layout.Evidence{ev}
	f.Modified = layout.At(got.Modified)
	if f.Modified.IsZero() || f.Modified.Time().After(now.Time()) {
		f.Modified = now
	}
	return f
}

// check holds what arrived against what is expected.
func check(want layout.File, got layout.Got) error {
	mismatch := func(what, want, got string) error {
		return fmt.Errorf("admit: %w", &layout.MismatchError{What: what, Want: want, Got: got})
	}
	switch {
	case want.Size > 0 && want.Size != got.Size:
		return mismatch("size", fmt.Sprint(want.Size), fmt.Sprint(got.Size))
	case !want.SHA256.IsZero() && want.SHA256 != got.SHA256:
		return mismatch("sha256", want.SHA256.String(), got.SHA256.String())
	case !want.SHA1.IsZero() && want.SHA1 != got.SHA1:
		return mismatch("sha1", want.SHA1.String(), got.SHA1.String())
	case !want.MD5.IsZero() && want.MD5 != got.MD5:
		return mismatch("md5", want.MD5.String(), got.MD5.String())
	}
	return nil
}
