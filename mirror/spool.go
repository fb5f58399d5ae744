package mirror

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"

	"patchferry/layout"
)

// spool keeps catalog lines on local disk while a sync needs them, so that
// memory holds an id and an offset for each and not the update: a catalog of
// 250,000 updates is 350 MB of lines.
//
// It is filled once, by one goroutine, and then read.
type spool struct {
	file  *os.File
	w     *bufio.Writer
	end   int64
	lines []spooled
	buf   []byte
}

type spooled struct {
	id     string
	offset int64
	length int
}

const spoolPrefix = "spool-"

// newSpool makes an empty spool in dir. close removes its file; tidy removes
// those that a crash left behind.
func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, spoolPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("make a spool file: %w", err)
	}
	return &spool{file: f, w: bufio.NewWriterSize(f, 1<<20)}, nil
}

func (s *spool) close() {
	if s == nil {
		return
	}
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// add appends u, whose id must be set.
func (s *spool) add(u *layout.Update) error {
	line, err := layout.AppendLine(s.buf[:0], u)
	if err != nil {
		return fmt.Errorf("write update %s: %w", u.ID, err)
	}
	s.buf = line
	return s.addLine(u.ID, line)
}

func (s *spool) addLine(id string, line []byte) error {
	if _, err := s.w.Write(line); err != nil {
		return fmt.Errorf("write to the spool: %w", err)
	}
	s.lines = append(s.lines, spooled{id, s.end, len(line)})
	s.end += int64(len(line))
	return nil
}

// finish ends the filling. With sorted set the lines come back in the order
// of their ids from then on; of several lines with one id the first added is
// kept and the ids of the others are returned.
func (s *spool) finish(sorted bool) (repeated []string, err error) {
	if err := s.w.Flush(); err != nil {
		return nil, fmt.Errorf("write to the spool: %w", err)
	}
	s.w = nil
	if !sorted {
		return nil, nil
	}
	sort.SliceStable(s.lines, func(i, j int) bool { return s.lines[i].id < s.lines[j].id })
	kept := s.lines[:0]
	for i, l := range s.lines {
		if i > 0 && l.id == kept[len(kept)-1].id {
			repeated = append(repeated, l.id)
			continue
		}
		kept = append(kept, l)
	}
	s.lines = kept
	return repeated, nil
}

// line reads line i; the slice is good until the next call.
func (s *spool) line(i int) ([]byte, error) {
	l := s.lines[i]
	if cap(s.buf) < l.length {
		s.buf = make([]byte, l.length)
	}
	s.buf = s.buf[:l.length]
	if _, err := s.file.ReadAt(s.buf, l.offset); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	return s.buf, nil
}

// update reads and parses line i.
func (s *spool) update(i int) (*layout.Update, error) {
	line, err := s.line(i)
	if err != nil {
		return nil, err
	}
	return layout.ParseLine(line)
}
