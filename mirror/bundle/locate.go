package bundle

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxListed is how many names of a directory that the operator named are
// looked at for volumes.
const maxListed = 10_000

// AmbiguousError says that a directory holds several bundles: the operator
// must name the folder of one.
type AmbiguousError struct {
	Dir     string   // as it was given
	Bundles []string // names of folders below it, sorted
}

// Error implements error.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s holds several bundles, name one: %s", e.Dir, strings.Join(e.Bundles, ", "))
}

// volume is one volume that is present.
type volume struct {
	*medium
	index, of int             // as its directory is named
	files     []declared      // sorted by path, from the census on
	folders   map[string]bool // that the files need, likewise
}

// locate finds the volumes in the directories: each is a volume itself, or
// holds volumes, or holds the one folder that does. They come back sorted by
// index; the same directory reached twice counts once.
func locate(ctx context.Context, dirs []string) ([]*volume, error) {
	var found []*volume
	for _, dir := range dirs {
		here, err := locateIn(ctx, dir)
		if err != nil {
			closeAll(append(found, here...))
			return nil, err
		}
		if len(here) == 0 {
			closeAll(found)
			return nil, fmt.Errorf("find a bundle in %s: no directory vol-* there: %w", dir, fs.ErrNotExist)
		}
		for _, v := range here {
			if known(found, v) {
				_ = v.close()
				continue
			}
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("find a bundle: no directory is named: %w", fs.ErrNotExist)
	}
	slices.SortStableFunc(found, func(a, b *volume) int { return a.index - b.index })
	return found, nil
}

func closeAll(volumes []*volume) {
	for _, v := range volumes {
		if v != nil {
			_ = v.close()
		}
	}
}

// known reports whether a volume is one that was found already, by another
// path to it.
func known(found []*volume, v *volume) bool {
	here, err := v.root.Stat(".")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(found, func(o *volume) bool {
		there, err := o.root.Stat(".")
		return err == nil && os.SameFile(here, there)
	})
}

func locateIn(ctx context.Context, dir string) ([]*volume, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find a bundle in %s: %w", dir, err)
	}
	m, err := openDirectory(abs)
	if err != nil {
		return nil, fmt.Errorf("find a bundle in %s: %w", dir, err)
	}
	if isVolumeName(m.name) {
		v, err := newVolume(m)
		if err != nil {
			_ = m.close()
			return nil, err
		}
		return []*volume{v}, nil
	}
	defer func() { _ = m.close() }()
	volumes, folders, err := scan(ctx, m)
	if err != nil || len(volumes) > 0 {
		return volumes, err
	}
	return locateBelow(ctx, m, dir, folders)
}

// locateBelow looks for the one folder that holds volumes.
func locateBelow(ctx context.Context, m *medium, dir string, folders []string) ([]*volume, error) {
	var found []*volume
	var bundles []string
	for _, name := range folders {
		sub, err := m.sub(name)
		if err != nil {
			continue // what cannot be opened there may be none of our business
		}
		volumes, _, err := scan(ctx, sub)
		_ = sub.close()
		found = append(found, volumes...)
		if err != nil {
			return found, err
		}
		if len(volumes) > 0 {
			bundles = append(bundles, name)
		}
	}
	if len(bundles) > 1 {
		slices.Sort(bundles)
		return found, &AmbiguousError{Dir: dir, Bundles: bundles}
	}
	return found, nil
}

// scan opens the volumes in a directory, and names the other folders there,
// but for bundles that are still being written.
func scan(ctx context.Context, m *medium) (volumes []*volume, folders []string, err error) {
	count := 0
	err = m.list(ctx, ".", func(name string, info fs.FileInfo) error {
		if count++; count > maxListed {
			return m.refuse(CodeLimit, "", fmt.Sprintf("holds more than %d names", maxListed), nil)
		}
		if !isVolumeName(name) {
			if info.IsDir() && path.Ext(name) != ".partial" {
				folders = append(folders, name)
			}
			return nil
		}
		sub, err := m.sub(name)
		if err != nil {
			return err
		}
		v, err := newVolume(sub)
		if err != nil {
			_ = sub.close()
			return err
		}
		volumes = append(volumes, v)
		return nil
	})
	return volumes, folders, err
}

func isVolumeName(name string) bool { return strings.HasPrefix(name, "vol-") }

// newVolume reads the number of a volume from the name of its directory,
// "vol-002-of-003".
func newVolume(m *medium) (*volume, error) {
	index, of, ok := strings.Cut(strings.TrimPrefix(m.name, "vol-"), "-of-")
	v := &volume{medium: m, index: volumeNumber(index), of: volumeNumber(of)}
	if !ok || v.index == 0 || v.of == 0 || v.index > v.of {
		return nil, &Error{Code: CodePath, Where: clip(m.name), Reason: "is not the name of a volume"}
	}
	return v, nil
}

// volumeNumber returns a number of three digits, 0 where digits is none that a
// volume can have.
func volumeNumber(digits string) int {
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) != 3 || n > MaxVolumes {
		return 0
	}
	return int(n)
}
