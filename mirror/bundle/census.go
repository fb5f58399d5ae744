package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// unlisted reports whether a file of a volume stands in no VOLUME.jsonl: the
// header, which binds it; the file itself; and the signatures, to which a
// second signer adds later.
func (v *volume) unlisted(name string) bool {
	switch name {
	case HeaderFile, HeaderSigFile, VolumeFile:
		return true
	case GenerationSigFile:
		return v.index == 1
	}
	return false
}

// unlistedFiles is how many files unlisted can report of one volume.
const unlistedFiles = 4

// Census holds every volume that is here to the header: VOLUME.jsonl is the
// one that the header names, and every file that it names, of its size, is
// there, and nothing else, of whatever kind. It reads no payload. The first
// thing that is wrong is the *Error.
func (b *Bundle) Census(ctx context.Context) error {
	for i, v := range b.volumes {
		if v == nil {
			continue
		}
		if err := v.declare(ctx, b.header.Volumes[i]); err != nil {
			return err
		}
		if err := v.walk(ctx); err != nil {
			return err
		}
		if err := b.checkRotations(v); err != nil {
			return err
		}
	}
	b.counted = true
	return nil
}

// declare reads VOLUME.jsonl.
func (v *volume) declare(ctx context.Context, want Volume) error {
	f, size, err := v.open(VolumeFile)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if most := int64(want.Files) * maxVolumeLine; size > most {
		return v.refuse(CodeLimit, VolumeFile, fmt.Sprintf("has %d bytes, more than %d", size, most), nil)
	}
	sure := layout.NewVerifyReader(io.LimitReader(stoppable{ctx, f}, size), -1, want.SHA256)
	list := &file{Reader: sure, m: v.medium, name: VolumeFile, f: f}
	files, err := readVolumeLines(sure, want)
	if err := list.settle(err); err != nil {
		return err
	}
	v.files = files
	return v.arrange()
}

// readVolumeLines reads a VOLUME.jsonl of which the header says want, and
// returns it sorted by path.
func readVolumeLines(r io.Reader, want Volume) ([]declared, error) {
	var files []declared
	total := int64(0)
	lim := lineLimits{lines: want.Files + 1, line: maxVolumeLine, plain: int64(want.Files+1) * maxVolumeLine}
	err := eachLine(r, lim, func(line []byte) error {
		l, err := parseVolumeLine(line)
		if err != nil {
			return err
		}
		if len(files) == want.Files || l.Size > want.Bytes-total {
			return &Error{Code: CodeCount, Reason: fmt.Sprintf("goes beyond the %d files of %d bytes of the header", want.Files, want.Bytes)}
		}
		total += l.Size
		files = append(files, newDeclared(l))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) != want.Files || total != want.Bytes {
		return nil, &Error{Code: CodeCount, Reason: fmt.Sprintf("names %d files of %d bytes; the header says %d of %d",
			len(files), total, want.Files, want.Bytes)}
	}
	slices.SortFunc(files, compareDeclared)
	for i := 1; i < len(files); i++ {
		if compareDeclared(files[i], files[i-1]) == 0 {
			return nil, &Error{Code: CodeFormat, Reason: fmt.Sprintf("names %q twice", files[i].path())}
		}
	}
	return slices.Clone(files), nil // what it grew by is not kept
}

func parseVolumeLine(line []byte) (Line, error) {
	var l Line
	if err := decodeStrict(line, &l); err != nil {
		return l, &Error{Code: CodeFormat, Reason: "is not a file", Err: err}
	}
	if l.Size < 0 || l.Size > maxBytes || l.SHA256.IsZero() {
		return l, &Error{Code: CodeFormat, Reason: fmt.Sprintf("names a file of %d bytes with the digest %s", l.Size, l.SHA256)}
	}
	if err := checkPlace(l); err != nil {
		return l, &Error{Code: CodePath, Reason: "names a path that no volume has", Err: err}
	}
	return l, nil
}

// checkPlace holds the path of a file to the layout of a volume. Objects and
// segments stand where their digests say.
func checkPlace(l Line) error {
	if l.Path == SumsFile || l.Path == ReadmeFile {
		return nil
	}
	if err := CheckPayloadName(l.Path); err != nil {
		return err
	}
	folder, rest, _ := strings.Cut(l.Path, "/")
	switch {
	case rest == "":
	case folder == "objects" && l.Path == ObjectPath(l.SHA256):
		return nil
	case folder == "segments" && isSegmentPath(l.Path):
		return nil
	case folder == "catalog" && slices.Contains(catalogFiles(), l.Path):
		return nil
	case folder == "bulletins" && l.Path == BulletinPath(l.SHA256):
		return nil
	case folder == "keys", folder == "tools":
		return nil
	}
	return fmt.Errorf("path %q is none of a bundle", clip(l.Path))
}

// catalogFiles are those of the folder that VOLUME.jsonl names.
func catalogFiles() []string {
	return []string{GenerationFile, CatalogFile, NoticesFile, EntriesFile, RequiresFile}
}

// onlyFirst reports whether a path is one that volume 1 alone has.
func onlyFirst(p string) bool {
	folder, _, _ := strings.Cut(p, "/")
	return folder == "catalog" || folder == "bulletins" || folder == "tools"
}

// isSegmentPath reports whether p is "segments/ab/<sha256>/0001" with digits
// that agree.
func isSegmentPath(p string) bool {
	parts := strings.Split(p, "/")
	if len(parts) != 4 || len(parts[3]) != 4 || strings.Trim(parts[3], "0123456789") != "" || parts[3] == "0000" {
		return false
	}
	d, err := layout.ParseDigest(parts[2])
	return err == nil && d.String() == parts[2] && parts[1] == parts[2][:2]
}

// arrange works out which folders the files of a volume need. Names of
// payloads are lower-case, so names that differ in case alone could only be
// those at the root, which stand in no line.
func (v *volume) arrange() error {
	v.folders = make(map[string]bool)
	for _, f := range v.files {
		name := f.path()
		if v.unlisted(name) || v.index > 1 && onlyFirst(name) {
			return v.refuse(CodePath, VolumeFile, fmt.Sprintf("names %q, which has no place in it", name), nil)
		}
		for dir := path.Dir(name); dir != "." && !v.folders[dir]; dir = path.Dir(dir) {
			v.folders[dir] = true
		}
	}
	for dir := range v.folders {
		if v.line(dir) != nil {
			return v.refuse(CodePath, VolumeFile, fmt.Sprintf("names %q as a file and as a folder", dir), nil)
		}
	}
	return nil
}

// walk looks at everything on the medium below the volume.
func (v *volume) walk(ctx context.Context) error {
	folders := []string{"."}
	rest := len(v.files) + len(v.folders) + unlistedFiles
	for len(folders) > 0 {
		dir := folders[len(folders)-1]
		folders = folders[:len(folders)-1]
		err := v.list(ctx, dir, func(name string, info fs.FileInfo) error {
			if rest--; rest < 0 { // a damaged folder can go round in circles
				return v.refuse(CodeUndeclared, printable(name), "comes after more names than the volume has", nil)
			}
			if v.folders[name] && info.IsDir() {
				folders = append(folders, name)
				return nil
			}
			return v.meet(name, info)
		})
		if err != nil {
			return err
		}
	}
	for i := range v.files {
		if f := &v.files[i]; !f.seen {
			return v.refuse(CodeIncomplete, f.path(), "is missing", fs.ErrNotExist)
		}
	}
	return nil
}

// meet holds one name of the medium, that is no folder of the volume, to the
// list.
func (v *volume) meet(name string, info fs.FileInfo) error {
	f := v.line(name)
	if f == nil && !v.unlisted(name) {
		return v.refuse(CodeUndeclared, printable(name), fmt.Sprintf("is %s that the volume does not name", kindOf(info)), nil)
	}
	if !info.Mode().IsRegular() {
		return v.refuse(CodeUndeclared, name, "is "+kindOf(info)+", not a regular file", nil)
	}
	if f == nil {
		return nil
	}
	if info.Size() != f.size {
		return v.refuse(CodeSize, name, fmt.Sprintf("has %d bytes, want %d", info.Size(), f.size), nil)
	}
	f.seen = true
	return nil
}

// printable returns a name from a medium as it may go to a terminal.
func printable(name string) string {
	if CheckPayloadName(name) == nil {
		return name
	}
	return strings.Trim(strconv.QuoteToASCII(clip(name)), `"`)
}

// Files yields the declared files of a volume in the order of their paths. It
// is an error before the Census, and a *WaitingError where the volume is
// absent.
func (b *Bundle) Files(index int) (iter.Seq[Line], error) {
	v, err := b.volumeAt(index)
	if err != nil {
		return nil, err
	}
	return func(yield func(Line) bool) {
		for i := range v.files {
			if !yield(v.files[i].line()) {
				return
			}
		}
	}, nil
}

// Declares reports whether a volume that is here declares a file of that path.
// None does before the Census.
func (b *Bundle) Declares(index int, name string) bool {
	v, err := b.volumeAt(index)
	return err == nil && v.line(name) != nil
}

// volumeAt returns a volume whose files are known.
func (b *Bundle) volumeAt(index int) (*volume, error) {
	if !b.counted {
		return nil, errors.New("read bundle: there was no census")
	}
	return b.at(index)
}
