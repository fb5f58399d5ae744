package script

import (
	"cmp"
	"fmt"
	"slices"
)

// Files returns everything that stands in a set's folder, sorted by name:
// scripts, manifest, lists and sums. The same set gives the same bytes. It fails
// where something in the set cannot stand in a script for cmd, which no set of
// Build has.
func (s *Set) Files() ([]File, error) {
	return s.files(append([]writer{
		{"install.cmd", s.installCmd},
		{"validate.cmd", s.validateCmd},
		{"rollback.cmd", s.rollbackCmd},
	}, s.quoting()...))
}

// quoting are the writers that can quote whatever is in a set.
func (s *Set) quoting() []writer {
	return []writer{
		{"install.ps1", s.installPS1},
		{"validate.ps1", s.validatePS1},
		{"rollback.ps1", s.rollbackPS1},
		{"manifest.json", s.manifest},
		{"updates.lst", s.list},
		{"bundle.meta4", s.metalink},
		{"README.txt", s.readme},
	}
}

// files writes the files, and the sums of them and of the packages.
func (s *Set) files(writers []writer) ([]File, error) {
	files, err := written(writers)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", s.Name, err)
	}
	files = sortedFiles(files)
	return sortedFiles(append(files, s.sums(files)...)), nil
}

// FolderFiles returns what stands in an update's own folder of the tree: a set of
// that one update, as install.cmd, and README.txt. The set's Place is that folder.
func (s *Set) FolderFiles() ([]File, error) {
	files, err := written([]writer{
		{"install.cmd", s.folderCmd},
		{"README.txt", s.folderReadme},
	})
	if err != nil {
		return nil, fmt.Errorf("folder of %s: %w", s.Name, err)
	}
	return sortedFiles(files), nil
}

// AnyHost returns what stands in install/ itself, the same for every host:
// this-host.cmd, this-host.ps1, quiet.reg and README.txt.
func AnyHost(o Options) ([]File, error) {
	files, err := written([]writer{
		{"this-host.cmd", func() ([]byte, error) { return thisHostCmd(o) }},
		{"this-host.ps1", func() ([]byte, error) { return thisHostPS1(o) }},
		{"quiet.reg", quiet},
		{"README.txt", func() ([]byte, error) { return anyReadme(o) }},
	})
	if err != nil {
		return nil, fmt.Errorf("scripts for any host: %w", err)
	}
	return sortedFiles(files), nil
}

// writer writes one file.
type writer struct {
	name  string
	write func() ([]byte, error)
}

func written(writers []writer) ([]File, error) {
	files := make([]File, 0, len(writers)+3)
	for _, w := range writers {
		data, err := w.write()
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", w.name, err)
		}
		files = append(files, File{Name: w.name, Data: data})
	}
	return files, nil
}

func sortedFiles(files []File) []File {
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files
}
