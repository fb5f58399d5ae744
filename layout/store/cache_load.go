package store

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
)

const (
	// orderName is the file with the digests of kept copies, one a line, the last
	// used one first. It is a hint: one that is torn or missing costs the order.
	orderName = "order"
	// orderPause is the time between two writings of it while copies are read.
	orderPause = time.Minute

	// spoiledPrefix begins the names of empty files that stand for an entry of
	// Cache.spoiled: "spoiled-<digest>-<Unix time>".
	spoiledPrefix = "spoiled-"
)

// load finds the copies of an earlier run and removes what it did not finish.
func (c *Cache) load() error {
	locked, err := c.lock.TryLock()
	if err != nil {
		return err
	}
	if !locked {
		return errors.New("another process uses it (give each its own folder)")
	}
	entries, err := c.fs.ReadDir(".")
	if err != nil {
		return err
	}
	var found []fs.FileInfo
	for _, e := range entries {
		if err := c.loadNote(e.Name()); err != nil {
			return err
		}
		d, err := layout.ParseDigest(e.Name())
		if err != nil || d.String() != e.Name() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			found = append(found, info)
		}
	}
	if err := c.loadKept(); err != nil {
		return err
	}
	if err := c.sortByUse(found); err != nil {
		return err
	}
	for _, info := range found {
		d, _ := layout.ParseDigest(info.Name()) // it was one above
		c.keep(copied{digest: d, size: info.Size()})
		c.used += info.Size()
	}
	return c.evict(0)
}

// loadNote takes in, or removes, a file that is no copy.
func (c *Cache) loadNote(name string) error {
	if strings.HasPrefix(name, fillPrefix) {
		return c.fs.Remove(name) // what a crash left
	}
	text, ok := strings.CutPrefix(name, spoiledPrefix)
	if !ok {
		return nil
	}
	digest, seconds, _ := strings.Cut(text, "-")
	d, err := layout.ParseDigest(digest)
	unix, err2 := strconv.ParseInt(seconds, 10, 64)
	if err := errors.Join(err, err2); err != nil || time.Since(time.Unix(unix, 0)) > spoiledFor {
		return c.fs.Remove(name)
	}
	c.spoiled[d] = time.Unix(unix, 0)
	return nil
}

// sortByUse sorts copies, the longest unused one first. Those that the order does
// not know were made after it was written.
func (c *Cache) sortByUse(found []fs.FileInfo) error {
	rank := make(map[string]int)
	f, err := c.fs.Open(orderName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			rank[lines.Text()] = -len(rank) - 1
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	slices.SortStableFunc(found, func(a, b fs.FileInfo) int {
		return cmp.Or(cmp.Compare(rank[a.Name()], rank[b.Name()]), a.ModTime().Compare(b.ModTime()))
	})
	return nil
}

// saveSometimes writes the order, beside whatever goes on, where that was not
// done for a while. c.mu is held.
func (c *Cache) saveSometimes() {
	now := time.Now()
	if now.Sub(c.saved) < orderPause {
		return
	}
	c.saved = now
	c.running.Go(func() { _ = c.saveOrder() }) // a hint: what is on the disk stays
}

// saveOrder writes the order.
func (c *Cache) saveOrder() error {
	var text strings.Builder
	c.mu.Lock()
	for at := c.order.Front(); at != nil; at = at.Next() {
		text.WriteString(at.Value.(copied).digest.String())
		text.WriteByte('\n')
	}
	c.mu.Unlock()
	temp := fillPrefix + rand.Text()
	f, err := c.fs.Create(temp)
	if err != nil {
		return fmt.Errorf("write the order of the cache: %w", err)
	}
	_, err = io.WriteString(f, text.String())
	if err = errors.Join(err, f.Close()); err == nil {
		err = c.fs.Rename(temp, orderName)
	}
	if err != nil {
		return fmt.Errorf("write the order of the cache: %w", errors.Join(err, c.fs.Remove(temp)))
	}
	return nil
}
