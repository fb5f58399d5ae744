package mirror

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// boundFor is how long a binding is kept at least, also when a generation holds its
// file: as long hosts may still be shown an older one, which only lists it.
const boundFor = 30 * 24 * time.Hour

// boundFile is a binding of the store.
type boundFile struct {
	key layout.Digest
	doc layout.Digest // of its bytes
	*layout.Binding
	folded bool
	why    string // not folded
	open   bool   // nobody could tell: it is looked at again
}

// boundFiles are the bindings of the store during one sync.
type boundFiles struct {
	m        *Mirror
	all      []*boundFile
	byUpdate map[string][]*boundFile
	settled  map[layout.Digest]bool // documents on which earlier syncs have decided
}

// openBindings reads what fills brought. A binding that cannot be read counts for
// nothing.
func (m *Mirror) openBindings(ctx context.Context) (*boundFiles, error) {
	b := &boundFiles{m: m, byUpdate: map[string][]*boundFile{}, settled: m.readSettled()}
	for doc, err := range m.Store.Bindings(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list bindings: %w", err)
		}
		x, err := layout.ParseBinding(doc.Doc)
		if err != nil {
			m.log().Warn("binding counts for nothing", "digest", doc.Key, "err", err)
			continue
		}
		one := &boundFile{key: doc.Key, doc: layout.DigestOf(doc.Doc), Binding: x, why: "its update left the catalog"}
		b.all = append(b.all, one)
		b.byUpdate[x.Update] = append(b.byUpdate[x.Update], one)
	}
	return b, nil
}

// news reports whether there is a binding on which no sync has decided yet.
func (b *boundFiles) news() bool {
	for _, one := range b.all {
		if !b.settled[one.doc] {
			return true
		}
	}
	return false
}

// settledPath names the note of the bindings that syncs have decided on. Losing it
// costs one reading of the catalog.
func (m *Mirror) settledPath() string { return filepath.Join(m.Work, "bindings.json") }

func (m *Mirror) readSettled() map[layout.Digest]bool {
	settled := make(map[layout.Digest]bool)
	var docs []layout.Digest
	if doc, err := os.ReadFile(m.settledPath()); err == nil && json.Unmarshal(doc, &docs) == nil {
		for _, d := range docs {
			settled[d] = true
		}
	}
	return settled
}

// settle notes on which bindings the catalog that was published last decides,
// and removes those that are of no more use.
func (b *boundFiles) settle(ctx context.Context, decided bool) error {
	docs := make([]layout.Digest, 0, len(b.all))
	for _, one := range b.all {
		if !decided && !b.settled[one.doc] || one.open {
			continue
		}
		if decided && !one.folded && !b.settled[one.doc] {
			b.m.log().Warn("a file that a host asked for stays listed", "update", one.Update, "file", one.File, "err", one.why)
		}
		if b.m.now().Sub(one.At.Time()) < boundFor {
			docs = append(docs, one.doc)
			continue
		}
		if err := b.m.Store.Unbind(ctx, one.key); err != nil {
			return fmt.Errorf("remove binding %s: %w", one.key, err)
		}
	}
	if len(docs) == len(b.settled) && (!decided || len(docs) == 0) {
		return nil
	}
	doc, err := json.Marshal(docs)
	if err != nil {
		return err
	}
	if err := durable.Rewrite(b.m.settledPath(), 0o640, doc, false); err != nil {
		return fmt.Errorf("note what was folded: %w", err)
	}
	return nil
}

// find returns the binding of a file as it is listed now.
func (b *boundFiles) find(update string, f *layout.File) *boundFile {
	if b == nil || len(b.byUpdate[update]) == 0 {
		return nil
	}
	key := layout.BindingKey(update, f)
	for _, one := range b.byUpdate[update] {
		if one.key == key {
			return one
		}
	}
	return nil
}

// note says why bindings of an update were not folded, when it stands as it will be
// published.
func (b *boundFiles) note(u *layout.Update) {
	if b == nil {
		return
	}
	for _, one := range b.byUpdate[u.ID] {
		if one.folded {
			continue
		}
		why := "its update no longer lists it"
		for i := range u.Files {
			f := &u.Files[i]
			switch {
			case f.Held && f.SHA256 == one.SHA256:
				one.folded = true
			case f.URL != one.URL:
				continue
			case f.Held:
				why = "the catalog holds another file in its place"
			case len(f.Evidence) == 0:
				why = "nobody vouches for it any more"
			case layout.BindingKey(u.ID, f) != one.key:
				why = "it is stated otherwise now"
			default:
				why = one.why
			}
			break
		}
		one.why = why
	}
}

// errUnbelieved says that a binding is only the store's word.
var errUnbelieved = errors.New("another machine brought it, and nothing vouches for what it brought")

// checkBinding checks a binding of a listed file: it is this machine's own, or its
// object is what the list states. The store is not trusted: whoever can write to it
// can write a binding.
func (m *Mirror) checkBinding(ctx context.Context, b *layout.Binding, f *layout.File) error {
	size, err := m.Store.Stat(ctx, b.SHA256)
	if err != nil {
		return fmt.Errorf("look for object %s: %w", b.SHA256, err)
	}
	if size != b.Size {
		return &layout.MismatchError{What: "size", Want: fmt.Sprint(b.Size), Got: fmt.Sprint(size)}
	}
	if err := check(*f, gotOf(b, f)); err != nil {
		return err
	}
	if m.proves(b) {
		return nil
	}
	best := f.Best()
	if best == nil || best.Grade == layout.GradeFirstUse || best.Grade == layout.GradeCapture {
		return errUnbelieved
	}
	return m.measure(ctx, b, f)
}

// measure reads the object of a binding and holds it against what is stated.
func (m *Mirror) measure(ctx context.Context, b *layout.Binding, f *layout.File) error {
	r, err := m.Store.Open(ctx, b.SHA256, 0, -1)
	if err != nil {
		return fmt.Errorf("open object %s: %w", b.SHA256, err)
	}
	defer r.Close() // it was only read
	sums := newSums()
	if _, err := io.Copy(sums, layout.NewVerifyReader(r, b.Size, b.SHA256)); err != nil {
		return fmt.Errorf("read object %s: %w", b.SHA256, err)
	}
	got := sums.got(b.Size)
	if got.SHA1 != b.SHA1 {
		return &layout.MismatchError{What: "sha1", Want: b.SHA1.String(), Got: got.SHA1.String()}
	}
	return check(*f, got)
}

// gotOf is what a binding says that the file is. MD5 was held against what is
// stated when it came.
func gotOf(b *layout.Binding, f *layout.File) layout.Got {
	return layout.Got{Size: b.Size, SHA256: b.SHA256, SHA1: b.SHA1, MD5: f.MD5, Modified: b.Modified.Time(), TLSKey: b.Evidence.TLSKey}
}

// proofFile has the key by which this machine knows its own bindings again.
// Machines that share it believe each other.
const proofFile = "binding.key"

// prove marks a binding as this machine's.
func (m *Mirror) prove(b *layout.Binding) error {
	key, err := m.proofKey(true)
	if err != nil {
		return err
	}
	b.Proof, err = proof(b, key)
	return err
}

// proves reports whether this machine has made the binding.
func (m *Mirror) proves(b *layout.Binding) bool {
	key, err := m.proofKey(false)
	if err != nil {
		return false
	}
	want, err := proof(b, key)
	return err == nil && hmac.Equal(want[:], b.Proof[:])
}

func proof(b *layout.Binding, key []byte) (d layout.Digest, err error) {
	bare := *b
	bare.Proof = layout.Digest{}
	doc, err := bare.Encode()
	if err != nil {
		return d, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(doc)
	mac.Sum(d[:0])
	return d, nil
}

// proofKey reads the key, and makes it where create says so.
func (m *Mirror) proofKey(create bool) ([]byte, error) {
	path := filepath.Join(m.Work, proofFile)
	key, err := os.ReadFile(path)
	if err == nil && len(key) != sha256.Size {
		return nil, fmt.Errorf("%s: not a key; delete it", path)
	}
	if !errors.Is(err, fs.ErrNotExist) || !create {
		return key, err
	}
	key = make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	tmp, err := os.CreateTemp(m.Work, proofFile+".new-*")
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // its other name stays
	_, err = tmp.Write(key)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return os.ReadFile(path) // of several that made one, the first counts
}
