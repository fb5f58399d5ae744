package unlisted

import (
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/durable"
)

const (
	recordFormat = 1
	recordSuffix = ".json"
	bytesSuffix  = ".bin"
	maxRecord    = 64 << 10 // bytes
	// touchAfter is how stale the time of use of a file may be on disk.
	touchAfter = time.Hour
)

// record is what is known of a version of a file. It stands beside the bytes as JSON
// and is written after them, so that bytes without one are not whole. The time at
// which it was changed is when the file was last used.
type record struct {
	Format     int               `json:"format"`
	URL        string            `json:"url"` // without a query
	Validators layout.Validators `json:"validators"`
	Size       int64             `json:"size"`
	SHA256     layout.Digest     `json:"sha256"` // of what came; nobody vouches for it
	Stated     layout.SHA1       `json:"stated_sha1,omitzero"`
	ETag       string            `json:"etag"` // as hosts know it
	Modified   time.Time         `json:"modified"`
	At         time.Time         `json:"at"` // when it came
	TLSKey     layout.Digest     `json:"tls_key,omitzero"`
}

// name is a file at its origin, with its versions. It is remembered while one of them
// is here or somebody asks. All of it is guarded by Cache.mu, but for source.
type name struct {
	key      layout.Digest
	source   *queries
	users    int
	versions []*entry // by day, the newest last
	checked  time.Time
	next     *version      // newer than all that are here, as the origin said
	looking  chan struct{} // closed when a look at the origin ends; nil while there is none
	lookErr  error         // how the last one ended
}

// newest returns the last version that came, nil where there is none.
func (n *name) newest() *entry {
	if len(n.versions) == 0 {
		return nil
	}
	return n.versions[len(n.versions)-1]
}

// entry is a version of a file that is here whole. Guarded by Cache.mu, but for what
// never changes.
type entry struct {
	record
	name    *name
	base    string // path of its files, without suffix
	place   *list.Element
	open    int       // Fillings
	gone    bool      // from the disk
	touched time.Time // as on disk
}

// add takes a version in as the last used. c.mu is held.
func (c *Cache) add(n *name, e *entry) {
	e.name = n
	n.versions = append(n.versions, e)
	e.place = c.order.PushFront(e)
	c.bytes += e.Size
}

// makeRoom removes files that nobody reads, the longest unused first, until n bytes
// more fit beside what is on its way, and reports whether they do. c.mu is held.
func (c *Cache) makeRoom(n int64) bool {
	room := c.quota() - c.Fills.Stats().PartBytes - n
	for place := c.order.Back(); place != nil && c.bytes > room; {
		e := place.Value.(*entry)
		place = place.Prev()
		if e.open == 0 {
			c.remove(e)
			c.evicted.Add(1)
		}
	}
	return c.bytes <= room
}

// remove takes a version from the disk. c.mu is held.
func (c *Cache) remove(e *entry) {
	if err := e.erase(); err != nil {
		c.log().Warn("unlisted file was not removed", "url", e.URL, "err", err)
	}
	c.order.Remove(e.place)
	c.bytes -= e.Size
	e.gone = true
	n := e.name
	for i, v := range n.versions {
		if v == e {
			n.versions = append(n.versions[:i:i], n.versions[i+1:]...)
			break
		}
	}
	c.forget(n)
}

// forget drops a name that nobody needs. c.mu is held.
func (c *Cache) forget(n *name) {
	if n.users == 0 && len(n.versions) == 0 && n.looking == nil {
		delete(c.names, n.key)
	}
}

// erase removes the record, and then the bytes.
func (e *entry) erase() error {
	err := errors.Join(durable.Remove(e.base+recordSuffix), durable.Remove(e.base+bytesSuffix))
	_ = os.Remove(filepath.Dir(e.base)) // unless another version is in it
	return err
}

// write puts the bytes at path beside a record of them, for good.
func (e *entry) write(path string) error {
	dir := filepath.Dir(e.base)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Link(path, e.base+bytesSuffix); err != nil {
		return err
	}
	b, err := json.Marshal(e.record)
	if err == nil {
		err = durable.Rewrite(e.base+recordSuffix, 0o644, b, true)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(dir))
	}
	if err != nil {
		return errors.Join(err, e.erase())
	}
	return nil
}

// find reads the folder: versions that are whole are taken in, the last used first,
// and all else is removed.
func (c *Cache) find() error {
	root := filepath.Join(c.dir, filesDir)
	folders, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	var found []*entry
	for _, folder := range folders {
		key, err := layout.ParseDigest(folder.Name())
		if err != nil || !folder.IsDir() {
			continue // nothing of ours
		}
		here, err := findVersions(filepath.Join(root, folder.Name()))
		if err != nil {
			return err
		}
		for _, e := range here {
			e.name = &name{key: key}
		}
		found = append(found, here...)
	}
	c.takeIn(found)
	return nil
}

// findVersions returns the versions in a folder, and removes what is none.
func findVersions(dir string) ([]*entry, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []*entry
	whole := make(map[string]bool)
	for _, f := range files {
		stem, ok := strings.CutSuffix(f.Name(), recordSuffix)
		if !ok {
			continue
		}
		if e, err := readEntry(filepath.Join(dir, stem)); err == nil {
			found = append(found, e)
			whole[stem+recordSuffix], whole[stem+bytesSuffix] = true, true
		}
	}
	for _, f := range files {
		if !whole[f.Name()] && !f.IsDir() {
			err = errors.Join(err, durable.Remove(filepath.Join(dir, f.Name())))
		}
	}
	if len(found) == 0 {
		_ = os.Remove(dir) // unless something foreign is in it
	}
	return found, err
}

// readEntry reads the record of a version and looks at its bytes.
func readEntry(base string) (*entry, error) {
	f, err := os.Open(base + recordSuffix)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := decodeRecord(f)
	if err != nil {
		return nil, err
	}
	bytes, err := os.Lstat(base + bytesSuffix)
	if err == nil && (bytes.Size() != r.Size || !bytes.Mode().IsRegular()) {
		err = fmt.Errorf("%s: %d bytes, want %d", base+bytesSuffix, bytes.Size(), r.Size)
	}
	return &entry{record: r, base: base, touched: info.ModTime()}, err
}

// decodeRecord reads one record, strictly.
func decodeRecord(r io.Reader) (record, error) {
	var rec record
	d := json.NewDecoder(io.LimitReader(r, maxRecord))
	d.DisallowUnknownFields()
	if err := d.Decode(&rec); err != nil {
		return record{}, err
	}
	switch {
	case rec.Format != recordFormat:
		return record{}, fmt.Errorf("record of format %d, want %d", rec.Format, recordFormat)
	case rec.Size < 0 || rec.URL == "" || rec.At.IsZero() || len(rec.ETag) < 3 || rec.ETag[0] != '"' || rec.ETag[len(rec.ETag)-1] != '"':
		return record{}, errors.New("record that tells too little")
	}
	return rec, nil
}
