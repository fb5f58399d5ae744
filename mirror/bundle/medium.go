package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"patchferry/layout"
)

// medium is the directory of one volume, only ever read, and never left: names
// are slash-separated below it, and no link is followed in any component.
// Whoever can change the medium while it is read can make a file that was
// looked at another one; what is read is hashed for that reason.
//
// It may be used concurrently until it is closed.
type medium struct {
	root    *os.Root
	name    string // of the directory, as errors say it
	folders folders
	buffers sync.Pool // of *[copyBuffer]byte, for copy
}

// refuse makes the error of something on this medium.
func (m *medium) refuse(code Code, name, reason string, err error) *Error {
	return &Error{Code: code, Where: path.Join(m.name, name), Reason: reason, Err: err}
}

// look returns what name is without following a link, after it has made sure
// that what leads there are directories.
func (m *medium) look(name string) (info fs.FileInfo, err error) {
	err = m.in(name, func(dir *os.Root, base string) error {
		info, err = m.lookIn(dir, base, name)
		return err
	})
	return info, err
}

func (m *medium) lookIn(dir *os.Root, base, name string) (fs.FileInfo, error) {
	info, err := dir.Lstat(base)
	if err != nil {
		return nil, m.unreadable(name, err)
	}
	return info, nil
}

// unreadable says what an error of the operating system means: something is
// missing, or the medium is bad.
func (m *medium) unreadable(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return m.refuse(CodeIncomplete, name, "is missing", err)
	}
	return m.refuse(CodeMedium, name, "an error of the drive or the file system", err)
}

// open opens a regular file and returns it with its size.
func (m *medium) open(name string) (f *os.File, size int64, err error) {
	err = m.in(name, func(dir *os.Root, base string) error {
		f, size, err = m.openIn(dir, base, name)
		return err
	})
	return f, size, err
}

func (m *medium) openIn(dir *os.Root, base, name string) (*os.File, int64, error) {
	before, err := m.lookIn(dir, base, name)
	if err != nil {
		return nil, 0, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, m.refuse(CodeUndeclared, name, "is "+kindOf(before)+", not a regular file", nil)
	}
	f, err := dir.OpenFile(base, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, 0, m.unreadable(name, err)
	}
	after, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, m.unreadable(name, err)
	}
	if !after.Mode().IsRegular() || !os.SameFile(before, after) {
		_ = f.Close()
		return nil, 0, m.refuse(CodeUndeclared, name, "became another file while it was opened", nil)
	}
	return f, after.Size(), nil
}

// read returns a whole file of at most most bytes. The limit is checked before
// a byte is read, and again while reading.
func (m *medium) read(name string, most int64) ([]byte, error) {
	f, size, err := m.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if size > most {
		return nil, m.refuse(CodeLimit, name, fmt.Sprintf("has %d bytes, more than %d", size, most), nil)
	}
	doc, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, m.unreadable(name, err)
	}
	if int64(len(doc)) > most {
		return nil, m.refuse(CodeLimit, name, fmt.Sprintf("has more than %d bytes", most), nil)
	}
	return doc, nil
}

// listBatch is how many names of a directory are read at a time.
const listBatch = 256

// list calls visit for everything in a directory, in no order, until it
// returns an error. It holds few names at a time, however many there are.
func (m *medium) list(ctx context.Context, dir string, visit func(name string, info fs.FileInfo) error) error {
	before, err := m.root.Lstat(dir)
	if err != nil {
		return m.unreadable(dir, err)
	}
	f, err := m.root.OpenFile(dir, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return m.unreadable(dir, err)
	}
	defer func() { _ = f.Close() }()
	if after, err := f.Stat(); err != nil || !after.IsDir() || !os.SameFile(before, after) {
		return m.refuse(CodeUndeclared, dir, "became another directory while it was opened", err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := f.Readdirnames(listBatch)
		for _, name := range names {
			if err := m.visit(path.Join(dir, name), visit); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return m.unreadable(dir, err)
		}
	}
}

func (m *medium) visit(name string, visit func(string, fs.FileInfo) error) error {
	info, err := m.look(name)
	if err != nil {
		return err
	}
	return visit(name, info)
}

// sub opens a directory of the medium as one of its own.
func (m *medium) sub(name string) (sub *medium, err error) {
	err = m.in(name, func(dir *os.Root, base string) error {
		root, err := m.descend(dir, name, base)
		sub = &medium{root: root, name: path.Base(name)}
		return err
	})
	if err != nil {
		return nil, err
	}
	return sub, nil
}

// kindOf names what is no regular file in plain words.
func kindOf(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown kind"
}

// file is one declared file that is being read: its bytes end in io.EOF only
// if size and digest are right.
type file struct {
	io.Reader
	m    *medium
	name string
	f    *os.File
}

// openDeclared opens a file to be read against its line. A size that is wrong
// already is told before a byte is read.
func (m *medium) openDeclared(ctx context.Context, line Line) (*file, error) {
	f, size, err := m.open(line.Path)
	if err != nil {
		return nil, err
	}
	if size != line.Size {
		_ = f.Close()
		return nil, m.refuse(CodeSize, line.Path, fmt.Sprintf("has %d bytes, want %d", size, line.Size), nil)
	}
	r := layout.NewVerifyReader(stoppable{ctx, f}, line.Size, line.SHA256)
	return &file{Reader: r, m: m, name: line.Path, f: f}, nil
}

func (f *file) close() { _ = f.f.Close() }

// settle reads the file to its end and says what was wrong with it: bytes that
// are not the declared ones come before whatever they led to.
func (f *file) settle(err error) error {
	if ours := (*Error)(nil); errors.As(err, &ours) && ours.Code == CodeMedium {
		return err
	}
	if _, bad := io.Copy(io.Discard, f.Reader); bad != nil {
		return f.m.explain(f.name, bad)
	}
	return f.m.explain(f.name, err)
}

// explain turns an error of reading name into a refusal, unless it is one
// already or says that the caller gave up.
func (m *medium) explain(name string, err error) error {
	var ours *Error
	var mismatch *layout.MismatchError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &ours):
		if ours.Where != "" {
			return err
		}
		return m.refuse(ours.Code, name, ours.Reason, ours.Err)
	case errors.As(err, &mismatch) && mismatch.What == "size":
		return m.refuse(CodeSize, name, "was cut short or extended", mismatch)
	case errors.As(err, &mismatch):
		return m.refuse(CodeDigest, name, "has other bytes than were signed", mismatch)
	}
	return m.unreadable(name, err)
}

// openDirectory opens a directory that the operator named, whose own path may
// well lead over links.
func openDirectory(dir string) (*medium, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err // it says what was opened
	}
	return &medium{root: root, name: filepath.Base(dir)}, nil
}
