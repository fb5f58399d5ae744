package upstream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// Line is a line of a list, without its end.
type Line struct {
	Number int // 1 is the first
	Text   []byte
	UTF8   bool // Text came as UTF-8 or UTF-16; else as cp1252
}

// Lines yields the lines of a text in UTF-8, with or without a byte order
// mark, or in UTF-16 with one, ended by LF or CRLF. A line that is not UTF-8
// is taken for cp1252, the code page of old lists. Text is valid until the
// next line.
//
// A line of more than maxLine bytes is yielded as a *LineError and passed
// over; more than maxLines lines, like an error of r, end the text.
func Lines(r io.Reader, maxLine, maxLines int) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		text := bufio.NewReaderSize(Decode(r), 64<<10)
		var buf []byte
		for n := 1; ; n++ {
			line, tooLong, err := readLine(text, buf[:0], maxLine)
			buf = line
			if err == io.EOF && len(line) == 0 {
				return
			}
			if err != nil && err != io.EOF {
				yield(Line{}, &LineError{Line: n, Err: err})
				return
			}
			if n > maxLines {
				yield(Line{}, &LineError{Line: n, Err: fmt.Errorf("more than %d lines", maxLines)})
				return
			}
			if !yieldLine(yield, n, line, tooLong, maxLine) {
				return
			}
		}
	}
}

func yieldLine(yield func(Line, error) bool, n int, line []byte, tooLong bool, maxLine int) bool {
	if tooLong {
		return yield(Line{}, &LineError{Line: n, Err: fmt.Errorf("longer than %d bytes", maxLine)})
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if utf8.Valid(line) {
		return yield(Line{Number: n, Text: line, UTF8: true}, nil)
	}
	return yield(Line{Number: n, Text: fromCP1252(line)}, nil)
}

// readLine appends a line to buf, up to most bytes of it, and reads to its end.
func readLine(r *bufio.Reader, buf []byte, most int) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(buf)+len(part) > most+len("\r\n") {
			tooLong = true
		} else {
			buf = append(buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == io.EOF && tooLong {
			return append(buf[:0], '\n'), true, nil
		}
		return buf, tooLong, err
	}
}

// Decode returns r without its byte order mark, and as UTF-8 if that says that
// it is UTF-16.
func Decode(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	mark, _ := b.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		b.Discard(3)
	case bytes.HasPrefix(mark, []byte("\xff\xfe")):
		b.Discard(2)
		return &utf16Reader{r: b, order: binary.LittleEndian}
	case bytes.HasPrefix(mark, []byte("\xfe\xff")):
		b.Discard(2)
		return &utf16Reader{r: b, order: binary.BigEndian}
	}
	return b
}

type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
	rest  []byte // encoded and not yet read
	store [utf8.UTFMax]byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(u.rest) == 0 {
			c, err := u.next()
			if err != nil {
				return n, err
			}
			u.rest = utf8.AppendRune(u.store[:0], c)
		}
		k := copy(p[n:], u.rest)
		u.rest = u.rest[k:]
		n += k
	}
	return n, nil
}

func (u *utf16Reader) next() (rune, error) {
	c, err := u.unit()
	if err != nil || !utf16.IsSurrogate(c) {
		return c, err
	}
	low, err := u.r.Peek(2)
	if err != nil {
		return utf8.RuneError, nil
	}
	full := utf16.DecodeRune(c, rune(u.order.Uint16(low)))
	if full != utf8.RuneError {
		u.r.Discard(2)
	}
	return full, nil
}

func (u *utf16Reader) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return 0, err
	}
	return rune(u.order.Uint16(b[:])), nil
}

// cp1252 are the characters 0x80 to 0x9F of that code page; those that it does
// not define stand for themselves, as the WHATWG's Encoding Standard has it.
var cp1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

func fromCP1252(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/2)
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 {
			r = cp1252[c-0x80]
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// CP1252 returns a reader of r, a text in cp1252 or its subset ISO 8859-1, as
// UTF-8.
func CP1252(r io.Reader) io.Reader {
	return &cp1252Reader{r: bufio.NewReader(r)}
}

type cp1252Reader struct {
	r    *bufio.Reader
	rest []byte
}

func (c *cp1252Reader) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		var raw [512]byte
		n, err := c.r.Read(raw[:])
		if n == 0 {
			return 0, err
		}
		c.rest = fromCP1252(raw[:n])
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
