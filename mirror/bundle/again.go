package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"patchferry/layout"
)

// Lists is what a bundle has besides files that are objects. With these it can
// be written again, byte for byte.
type Lists struct {
	Header               []byte   // HEADER.json
	HeaderSignatures     []byte   // HEADER.json.asc
	GenerationSignatures []byte   // catalog/generation.json.asc
	Volumes              [][]byte // VOLUME.jsonl of each volume
}

// Rotations returns the changes of the origin's key that the bundle carries, in
// their order.
func (l *Lists) Rotations() ([]layout.SignedRef, error) {
	if len(l.Volumes) == 0 {
		return nil, nil
	}
	doc := l.Volumes[0]
	lim := lineLimits{lines: bytes.Count(doc, []byte("\n")) + 1, line: maxVolumeLine, plain: int64(len(doc))}
	files := make(map[string]layout.ObjectRef)
	err := eachLine(bytes.NewReader(doc), lim, func(line []byte) error {
		f, err := parseVolumeLine(line)
		if strings.HasPrefix(f.Path, path.Dir(RotationPath(1))) {
			files[f.Path] = layout.ObjectRef{SHA256: f.SHA256, Size: f.Size}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list of volume 1: %w", err)
	}
	var all []layout.SignedRef
	for n := 1; ; n++ {
		doc, known := files[RotationPath(n)]
		if !known {
			return all, nil
		}
		all = append(all, layout.SignedRef{Document: doc, Signature: files[RotationPath(n)+signatureEnding]})
	}
}

// OfGeneration reports whether a file of a volume is the generation, or an
// object that it refers to, or a piece of one. The others (lists of the bundle,
// README, rotations, tools) are of the bundle alone.
func (l Line) OfGeneration() bool {
	switch l.Path {
	case GenerationFile, CatalogFile, NoticesFile:
		return true
	}
	folder, _, _ := strings.Cut(l.Path, "/")
	return folder == "objects" || folder == "segments" || folder == "bulletins"
}

// Again writes a bundle once more below dir, with the bytes and volumes that it
// had: the header binds them, so that there is no other way to cut it up. Every
// file comes from Source by its digest, or as a part of an object, and is hashed
// while it is copied. has reports whether Source has an object; what it has not
// is *MissingError, before anything is written. Whether anybody believes the
// signatures is for the caller to check. What is there already under its name is
// read, and ErrInTheWay unless it is the bundle. After a failure or a kill the
// same call completes it.
func (w *Writer) Again(ctx context.Context, dir string, l *Lists, has func(ctx context.Context, ref layout.ObjectRef) bool) (*Written, error) {
	made, err := w.again(ctx, dir, l, has)
	if err != nil {
		return nil, fmt.Errorf("write bundle again below %s: %w", dir, err)
	}
	return made, nil
}

// ErrInTheWay says that a folder has the name of a bundle that is written again,
// and is not that bundle, whole. It was not changed.
var ErrInTheWay = errors.New("what has its name there is not the whole bundle")

// MissingError says that a bundle cannot be written again, because what it
// carried is no longer there. Nothing was written.
type MissingError struct {
	Objects []layout.ObjectRef
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%d objects that it carried are gone, the first of them %s", len(e.Objects), e.Objects[0].SHA256)
}

// copying is a bundle that is written again.
type copying struct {
	*job
	h     *Header
	lists *Lists
	cuts  map[string]cut // segments by path
}

// cut is where a segment stands in its object.
type cut struct {
	whole  layout.ObjectRef
	offset int64
}

func (w *Writer) again(ctx context.Context, dir string, l *Lists, has func(context.Context, layout.ObjectRef) bool) (made *Written, err error) {
	h, err := ParseHeader(l.Header)
	if err != nil {
		return nil, err
	}
	t, name, err := w.open(filepath.Join(dir, h.Name()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	j := &job{w: w, c: &Content{Recorded: l.Header}, t: t, name: name, folder: name + partial, made: make(map[string]bool)}
	c := &copying{job: j, h: h, lists: l}
	if err := c.readCuts(ctx); err != nil {
		return nil, err
	}
	need, err := c.census(ctx, has)
	if err != nil {
		return nil, err
	}
	done, err := c.finished()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInTheWay, err)
	}
	if done {
		return w.compare(ctx, filepath.Join(dir, c.name))
	}
	if err := c.write(ctx, need); err != nil {
		return nil, err
	}
	if made, err = w.Finish(ctx, filepath.Join(dir, c.folder)); err != nil {
		return nil, err
	}
	made.Copied, made.Kept = c.copied, c.kept
	return made, nil
}

// compare reads a bundle that has its name already, whatever NoReadback says:
// nothing else tells whether it is whole.
func (w *Writer) compare(ctx context.Context, dir string) (*Written, error) {
	reader := *w
	reader.NoReadback = false
	made, err := reader.Finish(ctx, dir)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: %w", ErrInTheWay, err)
	}
	return made, err
}

// eachFile goes through the files that the volumes declare.
func (c *copying) eachFile(do func(volume string, l Line) error) error {
	if len(c.lists.Volumes) != len(c.h.Volumes) {
		return fmt.Errorf("lists of %d volumes; the header says %d", len(c.lists.Volumes), len(c.h.Volumes))
	}
	for i, doc := range c.lists.Volumes {
		want := c.h.Volumes[i]
		if got := layout.DigestOf(doc); got != want.SHA256 {
			return fmt.Errorf("list of volume %d: %w", want.Index, &layout.MismatchError{What: "sha256", Want: want.SHA256.String(), Got: got.String()})
		}
		volume := c.folder + "/" + VolumeName(want.Index, len(c.h.Volumes))
		lim := lineLimits{lines: want.Files + 1, line: maxVolumeLine, plain: int64(want.Files+1) * maxVolumeLine}
		err := eachLine(bytes.NewReader(doc), lim, func(line []byte) error {
			l, err := parseVolumeLine(line)
			if err != nil {
				return err
			}
			return do(volume, l)
		})
		if err != nil {
			return fmt.Errorf("list of volume %d: %w", want.Index, err)
		}
	}
	return nil
}

// readCuts finds out of the entries where segments stand in their objects.
func (c *copying) readCuts(ctx context.Context) error {
	c.cuts = make(map[string]cut)
	return c.eachFile(func(_ string, l Line) error {
		if l.Path != EntriesFile {
			return nil
		}
		in, err := c.w.Source.Open(ctx, l.SHA256, 0, -1)
		if errors.Is(err, fs.ErrNotExist) {
			return &MissingError{Objects: []layout.ObjectRef{{SHA256: l.SHA256, Size: l.Size}}}
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", l.Path, err)
		}
		defer func() { _ = in.Close() }() // it was only read
		lim := lineLimits{lines: c.h.Entries.Count + 1, line: maxEntryLine, plain: int64(c.h.Entries.Count+1) * maxEntryLine}
		return eachZstdLine(layout.NewVerifyReader(in, l.Size, l.SHA256), lim, func(line []byte) error {
			e, err := parseEntry(line, len(c.h.Volumes))
			for _, s := range e.Segments {
				c.cuts[s.Path] = cut{layout.ObjectRef{SHA256: e.SHA256, Size: e.Size}, s.Offset}
			}
			return err
		})
	})
}

// census makes sure that everything is there, and returns the bytes of it all.
func (c *copying) census(ctx context.Context, has func(context.Context, layout.ObjectRef) bool) (need int64, err error) {
	gone := new(MissingError)
	asked := make(map[layout.Digest]bool) // objects in segments
	err = c.eachFile(func(_ string, l Line) error {
		need += l.Size
		ref := layout.ObjectRef{SHA256: l.SHA256, Size: l.Size}
		if at, isCut := c.cuts[l.Path]; isCut {
			ref = at.whole
			if asked[ref.SHA256] {
				return nil
			}
			asked[ref.SHA256] = true
		}
		if !has(ctx, ref) {
			gone.Objects = append(gone.Objects, ref)
		}
		return ctx.Err()
	})
	if err == nil && len(gone.Objects) > 0 {
		return 0, gone
	}
	return need, err
}

// write copies every file, and then the lists.
func (c *copying) write(ctx context.Context, need int64) error {
	if err := c.tidy(); err != nil {
		return err
	}
	if space, _, ok := c.t.free(); ok && need-c.there > space {
		return &SpaceError{Need: need - c.there, Free: space}
	}
	c.total = need
	err := c.each(ctx, func(start func(func(context.Context, []byte) error) bool) {
		// A list that cannot be read was refused by the census.
		_ = c.eachFile(func(volume string, l Line) error {
			if !start(func(ctx context.Context, buffer []byte) error { return c.copy(ctx, c.payload(volume, l), buffer) }) {
				return context.Canceled
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for i, doc := range c.lists.Volumes {
		root := c.folder + "/" + VolumeName(i+1, len(c.h.Volumes))
		small := map[string][]byte{VolumeFile: doc, HeaderFile: c.lists.Header, HeaderSigFile: c.lists.HeaderSignatures}
		if i == 0 {
			small[GenerationSigFile] = c.lists.GenerationSignatures
		}
		for name, doc := range small {
			if err := writeSmall(c.t, root+"/"+name, doc); err != nil {
				return err
			}
		}
	}
	if err := c.syncFolders(ctx, c.folder); err != nil {
		return err
	}
	return c.t.syncDir(".")
}

func (c *copying) payload(volume string, l Line) payload {
	ref, offset, n := layout.ObjectRef{SHA256: l.SHA256, Size: l.Size}, int64(0), int64(-1)
	object := l.SHA256
	if at, isCut := c.cuts[l.Path]; isCut {
		object, offset, n = at.whole.SHA256, at.offset, l.Size
	}
	return payload{path: volume + "/" + l.Path, ref: ref, open: func(ctx context.Context) (io.ReadCloser, error) {
		return c.w.Source.Open(ctx, object, offset, n)
	}}
}

// tidy removes what an earlier attempt left and the bundle does not have.
func (c *copying) tidy() error {
	if err := c.mine(); err != nil {
		return err
	}
	wanted := make(map[string]bool)
	err := c.eachFile(func(volume string, l Line) error {
		wanted[volume+"/"+l.Path] = true
		return nil
	})
	if err == nil {
		_, err = c.tidyFolder(c.folder, wanted)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("remove what an earlier attempt left: %w", err)
	}
	return c.mkdir(c.folder)
}

// tidyFolder returns how many files stay in a folder.
func (c *copying) tidyFolder(folder string, wanted map[string]bool) (stay int, err error) {
	entries, err := c.t.readDir(folder)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		left := 0
		switch {
		case e.IsDir():
			left, err = c.tidyFolder(name, wanted)
		case e.Type().IsRegular() && wanted[name]:
			left = 1
			if info, err := e.Info(); err == nil {
				c.there += info.Size()
			}
		}
		if err == nil && left == 0 {
			err = c.t.remove(name)
		}
		if err != nil {
			return 0, err
		}
		stay += left
	}
	return stay, nil
}
