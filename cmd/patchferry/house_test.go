package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// house is the table of packages: what each may import of ours and which
// libraries of others it owns. It is the same table as in docs/house.md; an
// entry of a folder ends in "/..." where it holds for all packages below.
type house struct {
	module  string
	rooms   []room
	roots   []string            // folders that may stand at the root
	shared  []string            // libraries that no package owns
	owners  map[string][]string // library -> packages, "test" for every test
	ignored []string            // folders that are modules of their own
	outlets []string            // files, and folders, that may open connections and look up names
}

// room is one package, or all below a folder, with what it may import of ours.
type room struct {
	name    string
	imports []string
	tests   []string // what its tests may import besides
}

// problems walks a tree and returns everything that breaks the rules, sorted.
func (h *house) problems(tree fs.FS) ([]string, error) {
	var all []string
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(h.roots, e.Name()) {
			all = append(all, fmt.Sprintf("%s: no such folder belongs at the root (%s)", e.Name(), strings.Join(h.roots, ", ")))
		}
	}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(h.ignored, name) || name != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		found, err := h.file(name, src)
		all = append(all, found...)
		return err
	})
	slices.Sort(all)
	return all, err
}

// file returns what breaks the rules in one Go file.
func (h *house) file(name string, src []byte) ([]string, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	test := strings.HasSuffix(name, "_test.go")
	c := check{house: h, name: name, dir: path.Dir(name), test: test, set: set}
	c.imports(f)
	c.comments(f)
	if test {
		return c.found, nil
	}
	c.sizes(f, src)
	c.names(f)
	c.outlet(f)
	return c.found, nil
}

// check is the check of one file.
type check struct {
	*house
	name, dir string
	test      bool
	set       *token.FileSet
	found     []string
}

func (c *check) fail(pos token.Pos, format string, args ...any) {
	at := c.name
	if pos.IsValid() {
		at += ":" + strconv.Itoa(c.set.Position(pos).Line)
	}
	c.found = append(c.found, at+": "+fmt.Sprintf(format, args...))
}

func (c *check) imports(f *ast.File) {
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		switch first, _, _ := strings.Cut(name, "/"); {
		case first == c.module:
			c.ours(spec.Pos(), strings.TrimPrefix(name, c.module+"/"))
		case strings.Contains(first, "."):
			c.library(spec.Pos(), name)
		}
	}
}

// ours holds an import of a package of the module to the table. A test may
// also use the suites and faulty stand-ins of the rooms it may import, and its
// own package.
func (c *check) ours(pos token.Pos, name string) {
	if name == c.dir {
		return
	}
	r, ok := c.room(c.dir)
	if !ok {
		c.fail(pos, "package %s is not in the table of docs/house.md", c.dir)
		return
	}
	if matches(r.imports, name) {
		return
	}
	if c.test && (matches(r.imports, path.Dir(name)) || matches(r.tests, name)) {
		return
	}
	c.fail(pos, "%s may not import %s; allowed: %s", c.dir, name, strings.Join(r.imports, " "))
}

// room returns the entry of the table that fits a package best: the one of the
// deepest folder.
func (h *house) room(dir string) (room, bool) {
	var best room
	depth := func(r room) int { // its own entry counts for a package before that of its folder
		folder, below := strings.CutSuffix(r.name, "/...")
		if below {
			return 2 * len(folder)
		}
		return 2*len(folder) + 1
	}
	for _, r := range h.rooms {
		if matches([]string{r.name}, dir) && depth(r) > depth(best) {
			best = r
		}
	}
	return best, best.name != ""
}

// matches reports whether one of the patterns is name, or a folder above it.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if folder, ok := strings.CutSuffix(p, "/..."); ok {
			if name == folder || strings.HasPrefix(name, folder+"/") {
				return true
			}
		}
		if p == name {
			return true
		}
	}
	return false
}

func (c *check) library(pos token.Pos, name string) {
	if matches(c.shared, name) {
		return
	}
	owned := false
	for library, owners := range c.owners {
		if !matches([]string{library + "/..."}, name) {
			continue
		}
		owned = true
		if matches(owners, c.dir) || c.test && slices.Contains(owners, "test") {
			return
		}
	}
	if owned {
		c.fail(pos, "%s may not import %s: another package owns it", c.dir, name)
		return
	}
	c.fail(pos, "%s has no owner: name one in the house test and in docs/third-party.md", name)
}

var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func (c *check) comments(f *ast.File) {
	for _, group := range f.Comments {
		for _, comment := range group.List {
			if unfinished.MatchString(comment.Text) && !regexp.MustCompile(`\(issue \d+\)`).MatchString(comment.Text) {
				c.fail(comment.Pos(), "unfinished work names its issue: %s", strings.TrimSpace(comment.Text))
			}
		}
	}
}

const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

func (c *check) sizes(f *ast.File, src []byte) {
	if generated(src) {
		return
	}
	if n := c.set.File(f.Pos()).LineCount(); n > maxFileLines {
		c.fail(token.NoPos, "%d lines, at most %d", n, maxFileLines)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := c.set.Position(fn.End()).Line - c.set.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
			c.fail(fn.Pos(), "function %s has %d lines, at most %d", fn.Name.Name, n, maxFunctionLines)
		}
		if fn.Recv == nil && fn.Name.Name == "init" {
			c.fail(fn.Pos(), "no init functions")
		}
	}
}

func generated(src []byte) bool {
	first, _, _ := bufio.ScanLines(src, true)
	return first > 0 && regexp.MustCompile(`^// Code generated .* DO NOT EDIT\.`).Match(src)
}

func (c *check) names(f *ast.File) {
	if slices.Contains([]string{"util", "utils", "common", "helpers", "misc", "types", "models", "base"}, f.Name.Name) {
		c.fail(f.Name.Pos(), "package %s: a package is a noun that says what it holds", f.Name.Name)
	}
}

// reaches lists, by import, what opens connections or looks up names.
var reaches = map[string]*regexp.Regexp{
	"net":        regexp.MustCompile(`^(Dial.*|Dialer|Lookup.*|Resolve.*|Resolver|DefaultResolver)$`),
	"net/http":   regexp.MustCompile(`^(Get|Head|Post|PostForm|Client|DefaultClient|Transport|DefaultTransport)$`),
	"crypto/tls": regexp.MustCompile(`^(Dial.*|Dialer)$`),
	"net/smtp":   regexp.MustCompile(`.`),
	"net/rpc":    regexp.MustCompile(`.`),
	"log/syslog": regexp.MustCompile(`.`),
	"syscall":    regexp.MustCompile(`^(Connect|Sendto|Sendmsg.*)$`),
}

// outlet finds what reaches out of the machine in a file that may not.
func (c *check) outlet(f *ast.File) {
	if matches(c.outlets, c.name) || matches(c.outlets, c.dir) {
		return
	}
	here := make(map[string]*regexp.Regexp)
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || reaches[name] == nil {
			continue
		}
		local := path.Base(name)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			c.fail(spec.Pos(), "%s is imported by its names", name)
		}
		here[local] = reaches[name]
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && here[x.Name] != nil && here[x.Name].MatchString(s.Sel.Name) {
			c.fail(s.Pos(), "%s.%s reaches out of this machine: only mirror/upstream and layout/store/s3 do", x.Name, s.Sel.Name)
		}
		return true
	})
}
