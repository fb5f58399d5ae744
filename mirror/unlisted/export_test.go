package unlisted

import "io"

// Names returns how many files are remembered, here or not.
func (c *Cache) Names() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.names)
}

// Decode reads a record as a restart does.
func Decode(r io.Reader) (size int64, etag string, err error) {
	rec, err := decodeRecord(r)
	return rec.Size, rec.ETag, err
}
