package mirror

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/mirror/bundle"
)

const (
	// maxAskedListed and maxAskedOthers bound the list of what hosts asked for: files
	// of the catalog, and files that a host has only named by a digest, which anybody
	// can make up.
	maxAskedListed = 20_000
	maxAskedOthers = 1_000
	// maxAskedText is the longest name or URL of an entry in bytes.
	maxAskedText = 1024
	// askedFor is how long an entry is kept that nobody asks for again.
	askedFor = 90 * 24 * time.Hour
)

// Asked is a file that hosts asked for and did not get. It does not say who asked.
type Asked struct {
	Update string        `json:"update,omitempty"` // id; empty: the catalog does not list it
	File   string        `json:"file,omitempty"`   // its name in the update's folder
	SHA256 layout.Digest `json:"sha256,omitzero"`
	SHA1   layout.SHA1   `json:"sha1,omitzero"`
	URL    string        `json:"url,omitempty"` // the publisher's, or the path that was asked for
	Count  int64         `json:"count"`         // requests
	First  layout.Time   `json:"first"`
	Last   layout.Time   `json:"last"`
}

// askedKey is what makes two requests one entry.
type askedKey struct {
	sha256       layout.Digest
	sha1         layout.SHA1
	update, file string
}

func (a *Asked) key() askedKey {
	switch {
	case !a.SHA256.IsZero():
		return askedKey{sha256: a.SHA256}
	case !a.SHA1.IsZero():
		return askedKey{sha1: a.SHA1}
	}
	return askedKey{update: a.Update, file: a.File}
}

// AskedList is the want list of a server: what hosts asked for and did not get, each
// file once, bounded. Its methods may be called concurrently.
type AskedList struct {
	path string

	mu     sync.Mutex
	byKey  map[askedKey]*Asked
	others int // of these that no catalog lists
	dirty  bool
}

// OpenAsked reads the list in the file at path; a missing file is an empty list, and
// so is one that cannot be read as one.
func OpenAsked(path string) (*AskedList, error) {
	all, err := ReadAsked(path)
	if err != nil {
		return nil, err
	}
	l := &AskedList{path: path, byKey: make(map[askedKey]*Asked)}
	for i := range all {
		l.byKey[all[i].key()] = &all[i]
		if all[i].Update == "" {
			l.others++
		}
	}
	return l, nil
}

// ReadAsked returns what the list at path has, what was asked for last first; nothing
// where there is none.
func ReadAsked(path string) ([]Asked, error) {
	doc, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the want list: %w", err)
	}
	var all []Asked
	for line := range bytes.Lines(doc) {
		var a Asked
		if json.Unmarshal(line, &a) == nil && a.key() != (askedKey{}) {
			all = append(all, a)
		}
	}
	sortAsked(all)
	return all, nil
}

func sortAsked(all []Asked) {
	slices.SortFunc(all, func(x, y Asked) int {
		return cmp.Or(y.Last.Time().Compare(x.Last.Time()), cmp.Compare(y.Count, x.Count),
			cmp.Compare(x.Update, y.Update), cmp.Compare(x.File, y.File), cmp.Compare(x.SHA1.String(), y.SHA1.String()))
	})
}

// Note notes one request at the time now. It does not wait for the disk: Save does.
func (l *AskedList) Note(a Asked, now time.Time) {
	a.Update, a.File, a.URL = cutText(a.Update), cutText(a.File), cutText(a.URL)
	key := a.key()
	if key == (askedKey{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty = true
	if known := l.byKey[key]; known != nil {
		known.Count++
		known.Last = layout.At(now)
		if known.Update == "" && a.Update != "" { // it is listed by now
			known.Update, known.File, known.URL = a.Update, a.File, a.URL
			l.others--
		}
		return
	}
	a.Count, a.First, a.Last = 1, layout.At(now), layout.At(now)
	l.makeRoom(a.Update == "")
	if a.Update == "" {
		l.others++
	}
	l.byKey[key] = &a
}

// makeRoom drops the entry of its sort that nobody has asked for the longest, where
// there are as many as may be.
func (l *AskedList) makeRoom(other bool) {
	n, most := len(l.byKey)-l.others, maxAskedListed
	if other {
		n, most = l.others, maxAskedOthers
	}
	if n < most {
		return
	}
	var oldest *Asked
	for _, a := range l.byKey {
		if (a.Update == "") == other && (oldest == nil || a.Last.Time().Before(oldest.Last.Time())) {
			oldest = a
		}
	}
	delete(l.byKey, oldest.key())
	if other {
		l.others--
	}
}

// Save replaces the file in one step, where something was noted since the last time.
// What nobody has asked for in 90 days is left out.
func (l *AskedList) Save(now time.Time) error {
	l.mu.Lock()
	if !l.dirty {
		l.mu.Unlock()
		return nil
	}
	all := make([]Asked, 0, len(l.byKey))
	for key, a := range l.byKey {
		if now.Sub(a.Last.Time()) < askedFor {
			all = append(all, *a)
			continue
		}
		delete(l.byKey, key)
		if a.Update == "" {
			l.others--
		}
	}
	l.dirty = false
	l.mu.Unlock()
	sortAsked(all)
	var doc bytes.Buffer
	enc := json.NewEncoder(&doc)
	enc.SetEscapeHTML(false)
	for i := range all {
		if err := enc.Encode(&all[i]); err != nil {
			return fmt.Errorf("write the want list: %w", err)
		}
	}
	if err := durable.Rewrite(l.path, 0o640, doc.Bytes(), false); err != nil {
		l.mu.Lock()
		l.dirty = true
		l.mu.Unlock()
		return fmt.Errorf("write the want list: %w", err)
	}
	return nil
}

// cutText bounds what a host may have made up.
func cutText(s string) string {
	if len(s) <= maxAskedText {
		return s
	}
	return s[:maxAskedText]
}

// askedIndex finds what hosts asked for by what a catalog knows of a file.
type askedIndex map[askedKey]int

func newAskedIndex(all []Asked) askedIndex {
	x := make(askedIndex, len(all))
	for i := range all {
		x[all[i].key()] = i
	}
	return x
}

// find returns which entry a file is.
func (x askedIndex) find(u *layout.Update, f *layout.File) (int, bool) {
	for _, key := range [...]askedKey{{sha256: f.SHA256}, {sha1: f.SHA1}, {update: u.ID, file: f.Entry()}, {update: u.ID, file: f.Name}} {
		if key == (askedKey{}) {
			continue
		}
		if i, ok := x[key]; ok {
			return i, true
		}
	}
	return 0, false
}

// Pending leaves of what hosts asked for that which the catalog does not hold by now.
func Pending(asked []Asked, catalog updateSeq) ([]Asked, error) {
	x := newAskedIndex(asked)
	here := make(map[int]bool)
	for u, err := range catalog {
		if err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		for i := range u.Files {
			if n, ok := x.find(u, &u.Files[i]); ok && u.Files[i].Held {
				here[n] = true
			}
		}
	}
	left := make([]Asked, 0, len(asked)-len(here))
	for i := range asked {
		if !here[i] {
			left = append(left, asked[i])
		}
	}
	return left, nil
}

// String names the file as it would be in a want file.
func (a Asked) String() string {
	w := bundle.WantedFile{SHA256: a.SHA256, SHA1: a.SHA1, Update: a.Update, File: a.File}
	return w.String()
}
