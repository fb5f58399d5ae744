package envelope

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Message is one mail of a mailbox.
type Message struct {
	Number int   // 1 is the first
	Offset int64 // of the line that begins it, in bytes; Messages of a reader from there begins with it
	// Raw is the mail as it was put into the mailbox: without the line that
	// begins it there, without the ">" before lines that would begin another,
	// and without blank lines at its end, of which each program writes another
	// number. Line ends are as found.
	Raw []byte
}

// Messages yields the mails of a mailbox in the mbox format (RFC 4155), its
// kinds mboxo and mboxrd alike: one ">" is taken off every line that is
// "From " after any number of them. Content-Length fields are ignored, for
// programs that edit mailboxes forget them.
//
// A mail begins with a line "From …" at the start or after a blank line, where
// a field of a header follows. Mails are yielded one by one, and memory is
// bounded by MaxDocument whatever the mailbox holds. A mail that is longer is
// yielded as an error with its Number and passed over, as is text before the
// first one; an error of r ends the mailbox.
func Messages(r io.Reader) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		m := &mailbox{r: bufio.NewReaderSize(r, mailboxBuffer), blank: true}
		if mark, _ := m.r.Peek(len(bom)); bytes.Equal(mark, bom) {
			n, _ := m.r.Discard(len(bom))
			m.at = int64(n)
		}
		for {
			msg, err := m.next()
			if err == io.EOF || !yield(msg, err) {
				return
			}
		}
	}
}

// IsMailbox reports whether a file that begins with head is a mailbox: its
// first line, and what follows begins a header. The first kilobyte will do.
func IsMailbox(head []byte) bool {
	line, rest := cutLine(bytes.TrimPrefix(head, bom))
	return bytes.HasPrefix(line, fromLine) && beginsHeader(rest)
}

const (
	mailboxBuffer = 64 << 10
	// aheadField is how much is looked at to tell a field of a header.
	aheadField = 256
)

var fromLine = []byte("From ")

// errLong and errBefore say why a mail, or what is none, is passed over.
var (
	errLong   = fmt.Errorf("the mail has more than %d bytes", MaxDocument)
	errBefore = errors.New("text before the first mail")
)

// mailbox reads the lines of a mailbox.
type mailbox struct {
	r      *bufio.Reader
	number int
	at     int64 // bytes read
	before int64 // bytes read before the last line
	start  int64 // of the mail that is being read
	inMail bool  // the line that begins a mail was read; else nothing or text before the first
	blank  bool  // the line before was blank, or there is none
	broken bool  // the line before was only a piece of one
	ended  bool
}

// next returns the next mail; at the end io.EOF.
func (m *mailbox) next() (Message, error) {
	var raw []byte
	var wrong error
	for !m.ended {
		line, begins, err := m.line()
		if err != nil {
			m.ended = true
		}
		if err != nil && err != io.EOF {
			return Message{Number: m.number, Offset: m.start}, fmt.Errorf("read the mailbox: %w", err)
		}
		if len(raw)+len(line) > MaxDocument {
			raw, line, wrong = nil, nil, errLong
		}
		if wrong == nil && !begins {
			raw = append(raw, line...)
		}
		if !begins && !m.ended {
			continue
		}
		if msg, err := m.finish(raw, wrong, begins); msg.Raw != nil || err != nil {
			return msg, err
		}
		raw, wrong = nil, nil
	}
	return Message{}, io.EOF
}

// finish returns what was read, and begins the mail behind it. It returns
// nothing where nothing stood before the first.
func (m *mailbox) finish(raw []byte, wrong error, begins bool) (Message, error) {
	msg := Message{Number: m.number, Offset: m.start, Raw: trimBlankLines(raw)}
	inMail := m.inMail
	if begins {
		m.number++
		m.inMail, m.start = true, m.before
	}
	if !inMail && wrong == nil {
		if len(msg.Raw) == 0 {
			return Message{}, nil
		}
		wrong = errBefore
	}
	if wrong != nil {
		return Message{Number: msg.Number, Offset: msg.Offset}, wrong
	}
	return msg, nil
}

// line reads a line, its ">" undone, or a piece of one that does not fit the
// buffer, and reports whether it begins a mail.
func (m *mailbox) line() (line []byte, begins bool, err error) {
	line, err = m.r.ReadSlice('\n')
	m.before = m.at
	m.at += int64(len(line))
	whole := !m.broken && !errors.Is(err, bufio.ErrBufferFull)
	m.broken = errors.Is(err, bufio.ErrBufferFull)
	if m.broken {
		err = nil
	}
	after := m.blank
	m.blank = whole && len(trimLineEnd(line)) == 0
	switch {
	case !whole:
		return line, false, err
	case after && bytes.HasPrefix(line, fromLine):
		line = bytes.Clone(line) // Peek moves the buffer that it is in
		ahead, _ := m.r.Peek(aheadField)
		return line, beginsHeader(ahead), err
	}
	return unescaped(line), false, err
}

// unescaped takes off one ">" where only such stand before "From ".
func unescaped(line []byte) []byte {
	rest := bytes.TrimLeft(line, ">")
	if len(rest) < len(line) && bytes.HasPrefix(rest, fromLine) {
		return line[1:]
	}
	return line
}

// trimBlankLines takes off all blank lines at the end. What is left is never
// nil.
func trimBlankLines(raw []byte) []byte {
	end := len(bytes.TrimRight(raw, "\r\n"))
	if end == 0 {
		return []byte{}
	}
	line, _ := cutLine(raw[end:])
	return append([]byte{}, raw[:min(len(raw), end+len(line)+1)]...)
}

// beginsHeader reports whether b begins with a field of a header.
func beginsHeader(b []byte) bool {
	line, _ := cutLine(b)
	_, _, ok := field(line)
	return ok
}
