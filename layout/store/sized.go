package store

import "io"

// Sized is a reader of Store.Open that knows how long the whole object is, in
// bytes, whatever part of it is read; a negative number is unknown. A store whose
// readers are Sized saves whoever needs both a request.
type Sized interface {
	Size() int64
}

// sizeBehind returns the size that a reader knows, or -1.
func sizeBehind(r io.Reader) int64 {
	if s, ok := r.(Sized); ok {
		return s.Size()
	}
	return -1
}
