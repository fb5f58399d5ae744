package bulletins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

const (
	// maxFiles is how many files of all sorts may be below a folder: a document
	// with a signature and two files of digests are four.
	maxFiles = 4 * MaxItems
	maxDepth = 32 // folders within one another
	maxName  = 700
	maxKeys  = 64
	maxKey   = 1 << 20 // bytes of a file of certificates
)

var errNoFile = errors.New("not a file")

// survey goes through a folder: it finds all files, and sorts them by what they
// are.
type survey struct {
	tree     *tree
	files    []file // by name
	problems problems

	beside map[string]file // all files by path
	places map[string]place
	items  []layout.Announced
	keys   []layout.OfferedKey
	full   bool // there are more documents than a list may have
}

// file is a regular file below the folder.
type file struct {
	path  string // below the folder, with slashes
	name  string // the same but for mails of a Maildir
	size  int64
	mtime int64 // nanoseconds since 1970
	mail  bool  // of a Maildir
}

func (x *file) stamp() string { return fmt.Sprintf("%d@%d", x.size, x.mtime) }

// walk finds the files. What cannot be looked at is a problem, unless it is the
// folder itself.
func (s *survey) walk(ctx context.Context) error {
	var err error
	if s.tree.only != "" {
		for _, suffix := range append([]string{""}, besideSuffixes...) {
			if name := s.tree.only + suffix; err == nil && (suffix == "" || s.exists(name)) {
				err = s.file(name, name)
			}
		}
	} else {
		err = s.dir(ctx, ".", 0)
	}
	slices.SortFunc(s.files, func(a, b file) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.path, b.path)) })
	return err
}

func (s *survey) exists(rel string) bool {
	_, err := s.tree.root.Lstat(filepath.FromSlash(rel))
	return err == nil
}

func (s *survey) dir(ctx context.Context, rel string, depth int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	entries, err := fs.ReadDir(s.tree.root.FS(), rel)
	if err != nil && depth == 0 {
		return fmt.Errorf("bulletins: read folder %s: %w", s.tree.path, err)
	}
	if err == nil && depth > maxDepth {
		err = fmt.Errorf("it is more than %d folders deep", maxDepth)
	}
	if err != nil {
		s.problems.add(rel, err)
		return nil
	}
	maildir := isMaildir(entries)
	for _, e := range entries {
		if err := s.entry(ctx, rel, e, maildir, depth); err != nil {
			return err
		}
	}
	return nil
}

// isMaildir reports whether a folder with these entries is one of mails
// (maildir(5)). Its subfolder tmp holds mails that are not yet whole.
func isMaildir(entries []fs.DirEntry) bool {
	found := 0
	for _, e := range entries {
		if name := e.Name(); e.IsDir() && (name == "cur" || name == "new") {
			found++
		}
	}
	return found == 2
}

func (s *survey) entry(ctx context.Context, dir string, e fs.DirEntry, maildir bool, depth int) error {
	name := e.Name()
	rel := path.Join(dir, name)
	switch {
	case maildir && e.IsDir() && name == "tmp":
		return nil
	case maildir && e.IsDir() && (name == "cur" || name == "new"):
		return s.mails(dir, rel)
	case strings.HasPrefix(name, ".") && !(maildir && e.IsDir()):
		return nil
	case e.IsDir():
		return s.dir(ctx, rel, depth+1)
	}
	return s.file(rel, rel)
}

// mails finds the mails in cur or new of a Maildir.
func (s *survey) mails(dir, rel string) error {
	entries, err := fs.ReadDir(s.tree.root.FS(), rel)
	if err != nil {
		s.problems.add(rel, err)
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		before := len(s.files)
		if err := s.file(path.Join(rel, e.Name()), path.Join(dir, withoutFlags(e.Name()))); err != nil {
			return err
		}
		for i := before; i < len(s.files); i++ {
			s.files[i].mail = true
		}
	}
	return nil
}

// withoutFlags takes the flags off the name of a mail. Where a colon cannot be
// in a name, programs write ";" or "!".
func withoutFlags(name string) string {
	for _, mark := range []string{":2,", ";2,", "!2,"} {
		if i := strings.LastIndex(name, mark); i > 0 {
			return name[:i]
		}
	}
	return name
}

// file takes a file, unless it is none.
func (s *survey) file(rel, name string) error {
	info, err := s.tree.root.Stat(filepath.FromSlash(rel))
	if err == nil && info.IsDir() {
		return nil // by a symbolic link
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	if err == nil {
		err = checkName(name)
	}
	if err != nil {
		if kindOf(name) != other {
			s.problems.add(rel, err)
		}
		return nil
	}
	if len(s.files) == maxFiles {
		return fmt.Errorf("bulletins: folder %s has more than %d files", s.tree.path, maxFiles)
	}
	s.files = append(s.files, file{path: rel, name: name, size: info.Size(), mtime: info.ModTime().UnixNano()})
	return nil
}

// checkName holds a path to what the name of a document can be.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("its path has more than %d bytes", maxName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if _, err := upstream.FileName(part); err != nil {
			return err
		}
	}
	return nil
}

// problems gathers what is wrong with a folder. Of a great many the first tell
// enough.
type problems struct {
	list []error
	more int
}

const maxProblems = 100

func (p *problems) add(rel string, err error) {
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	p.list = append(p.list, fmt.Errorf("%q: %w", rel, err))
}

func (p *problems) all() []error {
	if p.more == 0 {
		return p.list
	}
	return append(p.list, fmt.Errorf("and %d more", p.more))
}
