package distribute

import (
	"errors"
)

// span is a string in a textTable: n bytes at off. Offsets count whole chunks.
type span struct {
	off uint32
	n   uint16
}

const (
	chunkBits = 20
	chunkSize = 1 << chunkBits // bytes
	maxText   = 1<<16 - 1      // bytes of one string
	maxChunks = 1 << (32 - chunkBits)
)

// textTable keeps many short strings in few allocations. It is made of chunks
// of one mebibyte, so that it grows without being copied; no string crosses
// from one chunk to the next.
type textTable struct{ chunks []string }

// get returns a string of the table. It shares the table's memory.
func (t *textTable) get(s span) string {
	if s.n == 0 {
		return ""
	}
	chunk := t.chunks[s.off>>chunkBits]
	start := s.off & (chunkSize - 1)
	return chunk[start : start+uint32(s.n)]
}

// holds reports whether s lies within the table.
func (t *textTable) holds(s span) bool {
	if s.n == 0 {
		return true
	}
	chunk := int(s.off >> chunkBits)
	return chunk < len(t.chunks) && int(s.off&(chunkSize-1))+int(s.n) <= len(t.chunks[chunk])
}

// textWriter fills a textTable. Its last chunk is complete only after done.
type textWriter struct {
	table textTable
	chunk []byte
}

var errTextFull = errors.New("more than 4 GiB of names")

func (w *textWriter) add(s string) (span, error) {
	if s == "" {
		return span{}, nil
	}
	if len(s) > maxText {
		return span{}, errors.New("a name is longer than 65535 bytes")
	}
	if len(w.chunk)+len(s) > cap(w.chunk) {
		w.flush()
		if len(w.table.chunks) == maxChunks {
			return span{}, errTextFull
		}
		w.chunk = make([]byte, 0, chunkSize)
	}
	at := span{off: uint32(len(w.table.chunks)<<chunkBits | len(w.chunk)), n: uint16(len(s))}
	w.chunk = append(w.chunk, s...)
	return at, nil
}

// get returns a string that was added.
func (w *textWriter) get(s span) string {
	if s.n == 0 {
		return ""
	}
	if int(s.off>>chunkBits) < len(w.table.chunks) {
		return w.table.get(s)
	}
	start := s.off & (chunkSize - 1)
	return string(w.chunk[start : start+uint32(s.n)])
}

func (w *textWriter) flush() {
	if w.chunk != nil {
		w.table.chunks = append(w.table.chunks, string(w.chunk))
	}
	w.chunk = nil
}

func (w *textWriter) done() textTable {
	w.flush()
	return w.table
}
