package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/cab"
	"patchferry/layout/store"
)

// Limits of what is taken out of one package. The service packs of Windows 2000 and
// XP hold up to 3,000 files, three times as large as they are packed.
const (
	maxExtracted      = 4096    // files
	maxExtractedBytes = 4 << 30 // of all of them
	extractedRatio    = 32      // bytes for each byte of the package, and
	extractedFree     = 16 << 20
	maxExtractedLine  = 2 << 20 // bytes of the update's line in the catalog, of 4 MiB that a line may have
)

// Unextracted is a package that could not be taken apart: hosts get it as it is.
type Unextracted struct {
	Update string `json:"update"`
	File   string `json:"file"`
	Why    string `json:"why"`
}

// packedError says why a package cannot be taken apart, now or at another time.
type packedError struct{ why string }

func (e *packedError) Error() string { return e.why }

func packed(format string, args ...any) error { return &packedError{fmt.Sprintf(format, args...)} }

// extraction takes service packs apart while a catalog is assembled: what is in them
// becomes files of the same update (layout.File.In and From), so that hosts start
// update.exe, and Group Policy Update.msi, from a path that stays.
//
// What cannot be taken apart is reported once and remembered in the work directory.
// It is for one goroutine.
type extraction struct {
	m       *Mirror
	stage   string
	again   bool // also what could not be taken apart before
	revoked map[layout.Digest]bool
	known   *packedMemory
	done    map[layout.Digest][]extract // packages of this sync
	count   int                         // files that are new in the catalog
	left    []Unextracted
}

// extract is one file that was taken out of a package and is in the store.
type extract struct {
	path string // below the package's folder
	got  layout.Got
}

// newExtraction begins the extraction of a sync; nil where the operator wants none.
func (m *Mirror) newExtraction(base *base, again bool) (*extraction, error) {
	if m.KeepPacked {
		return nil, nil
	}
	stage, err := m.Stage()
	if err != nil {
		return nil, err
	}
	x := &extraction{m: m, stage: stage, again: again, revoked: map[layout.Digest]bool{}, known: m.recallPacked(), done: map[layout.Digest][]extract{}}
	if base.gen != nil {
		for _, r := range base.gen.Revocations {
			x.revoked[r.SHA256] = true
		}
	}
	return x, nil
}

// add appends to u what is in its service packs, and reports whether that is
// anything. An error stops the sync; a package that cannot be taken apart does not.
func (x *extraction) add(ctx context.Context, u *layout.Update) (changed bool, err error) {
	if x == nil {
		return false, nil
	}
	for i := range u.Files { // not those that are appended
		f := u.Files[i]
		if !x.wants(u, &f) {
			continue
		}
		files, err := x.files(ctx, u, &f)
		if fatal(ctx, err) {
			return changed, fmt.Errorf("take %s apart: %w", f.Name, err)
		}
		if err != nil {
			x.leave(u, &f, err)
			continue
		}
		u.Files = append(u.Files, files...)
		x.count += len(files)
		changed = true
	}
	return changed, nil
}

// wants reports whether a file is to be taken apart.
func (x *extraction) wants(u *layout.Update, f *layout.File) bool {
	best := f.Best()
	if !f.Held || f.Kind != layout.KindServicePack || !f.From.IsZero() || best == nil || best.Grade == layout.GradeCapture || x.revoked[f.SHA256] {
		return false
	}
	for i := range u.Files {
		if u.Files[i].From == f.SHA256 {
			return false // was done before
		}
	}
	return x.again || !x.known.has(f.SHA256)
}

// leave notes a package that stays as it is.
func (x *extraction) leave(u *layout.Update, f *layout.File, why error) {
	if _, ever := errors.AsType[*packedError](why); ever {
		x.known.add(f.SHA256, why.Error())
	}
	x.left = append(x.left, Unextracted{Update: u.ID, File: f.Entry(), Why: why.Error()})
	x.m.note(sourceOf(u.ID), fmt.Sprintf("%s is handed out as it is, and not taken apart: %v", f.Entry(), why))
}

// files returns what is in a package as files of u.
func (x *extraction) files(ctx context.Context, u *layout.Update, f *layout.File) ([]layout.File, error) {
	content, done := x.done[f.SHA256]
	if !done {
		var err error
		if content, err = x.unpack(ctx, f); err != nil {
			return nil, err
		}
		x.done[f.SHA256] = content
	}
	top, room := extractFolder(u, f), roomIn(u)
	ev, now := *f.Best(), layout.At(x.m.now())
	ev.By = "taken out of " + f.Entry()
	files := make([]layout.File, 0, len(content))
	for i := range content {
		e := &content[i]
		at := path.Join(top, e.path)
		if len(at) > room {
			return nil, packed("%s would have a path of more than %d bytes", e.path, layout.MaxPath)
		}
		files = append(files, holdAs(layout.File{Name: path.Base(at), In: path.Dir(at), From: f.SHA256, Language: f.Language}, e.got, ev, now))
	}
	with := *u
	with.Files = append(u.Files[:len(u.Files):len(u.Files)], files...)
	line, err := layout.AppendLine(nil, &with)
	if err == nil && len(line) > maxExtractedLine {
		err = packed("the catalog would have a line of %d bytes for it, more than %d", len(line), maxExtractedLine)
	}
	return files, err
}

// extractFolder returns the folder within the update's for what is in a package: the
// package's name without its extension, which no file has.
func extractFolder(u *layout.Update, f *layout.File) string {
	taken := make(map[string]bool)
	for i := range u.Files {
		top, _, _ := strings.Cut(path.Join(u.Files[i].In, u.Files[i].Entry()), "/")
		taken[layout.Fold(top)] = true
	}
	// Without a dot it is the name of no script that stands in an update's folder.
	stem := strings.ReplaceAll(strings.TrimSuffix(f.Entry(), path.Ext(f.Entry())), ".", "_")
	name := layout.SafeName(stem)
	for n := 2; taken[layout.Fold(name)]; n++ {
		name = layout.SafeName(fmt.Sprintf("%s_%d", stem, n))
	}
	return name
}

// roomIn returns how long a path below the update's folder, and below those in which
// it is shown too, may be.
func roomIn(u *layout.Update) int {
	longest := len(u.Folder)
	for _, alias := range layout.AliasFolders(u) {
		longest = max(longest, len(alias))
	}
	return layout.MaxPath - longest - len("/")
}

// unpack puts what is in a package into the store.
func (x *extraction) unpack(ctx context.Context, f *layout.File) (content []extract, err error) {
	unopened := x.m.withObject(ctx, f, func(in io.ReaderAt) {
		whole := layout.NewVerifyReader(io.NewSectionReader(in, 0, f.Size), f.Size, f.SHA256)
		if _, err = io.Copy(io.Discard, whole); err == nil {
			content, err = x.unpackFrom(ctx, f, in)
		}
	})
	return content, errors.Join(unopened, err)
}

// unpackFrom does so with the bytes of the package.
func (x *extraction) unpackFrom(ctx context.Context, f *layout.File, in io.ReaderAt) ([]extract, error) {
	cabinet, err := openCabinet(in, f.Size)
	if err != nil {
		return nil, err
	}
	content, err := extractPaths(cabinet.Files, f.Size)
	if err != nil {
		return nil, err
	}
	jobs, putting := errgroup.WithContext(ctx)
	jobs.SetLimit(x.m.parallel())
	err = cabinet.Walk(func(i int, r io.Reader) error {
		member, e := &cabinet.Files[i], &content[i]
		staged, got, err := x.stageMember(member, r)
		if err != nil {
			return err
		}
		e.got = got
		jobs.Go(func() error {
			defer os.Remove(staged) // what is admitted is a link, or a copy
			_, err := x.m.admit(putting, staged, got, layout.File{Name: e.path, Size: member.Size}, *f.Best())
			return err
		})
		return putting.Err()
	})
	if put := jobs.Wait(); put != nil { // also where it stopped the walk
		return nil, put
	}
	return content, packedFor(err)
}

// openCabinet opens the cabinet in a program.
func openCabinet(in io.ReaderAt, size int64) (*cab.Cabinet, error) {
	at, found, err := cab.Find(in, size)
	if err != nil {
		return nil, fmt.Errorf("look for a cabinet: %w", err)
	}
	if !found {
		return nil, packed("no cabinet is in it")
	}
	cabinet, err := cab.Open(io.NewSectionReader(in, at, size-at), size-at)
	return cabinet, packedFor(err)
}

// packedFor says that the bytes of a package are why it cannot be taken apart.
func packedFor(err error) error {
	if errors.Is(err, cab.ErrFormat) || errors.Is(err, cab.ErrUnsupported) {
		return packed("%v", err)
	}
	return err
}

// stageMember writes a member to the stage, hashing it.
func (x *extraction) stageMember(f *cab.File, r io.Reader) (staged string, got layout.Got, err error) {
	out, err := os.CreateTemp(x.stage, store.TempPrefix+"taken-*")
	if err != nil {
		return "", got, fmt.Errorf("stage %s: %w", f.Name, err)
	}
	hash := newSums()
	n, err := io.Copy(io.MultiWriter(out, hash), r)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		os.Remove(out.Name())
		return "", got, fmt.Errorf("take %s out: %w", f.Name, err)
	}
	got = hash.got(n)
	got.Modified = f.Modified
	return out.Name(), got, nil
}

// extractPaths says where each member goes, and refuses a package as a whole for one
// that could not be kept on every file system, or that fills a disk.
func extractPaths(members []cab.File, size int64) ([]extract, error) {
	if len(members) == 0 {
		return nil, packed("it holds no files")
	}
	if len(members) > maxExtracted {
		return nil, packed("it holds %d files, more than %d", len(members), maxExtracted)
	}
	most := min(int64(maxExtractedBytes), extractedFree+extractedRatio*size)
	names := make([]string, 0, len(members))
	var bytes int64
	for i := range members {
		f := &members[i]
		if f.Size > most-bytes {
			return nil, packed("what it holds has more than %d bytes", most)
		}
		bytes += f.Size
		names = append(names, f.Name)
	}
	paths, err := layout.PackedPaths(names)
	if err != nil {
		return nil, packed("%v", err)
	}
	content := make([]extract, len(paths))
	for i, p := range paths {
		content[i].path = p
	}
	return content, nil
}
