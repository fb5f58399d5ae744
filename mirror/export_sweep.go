package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// sweepMedium removes from the directory what nobody will complete any more: a
// folder NAME.partial whose seq was finished elsewhere, or given up. What has
// another header than the ledger is somebody else's, and stays. It returns the
// names of what it removed.
func (x *export) sweepMedium() (swept []string, err error) {
	if x.state == nil {
		return nil, nil
	}
	root, err := os.OpenRoot(x.opt.To)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, e := range x.state.Outbound[x.opt.Stream.Name].Exports {
		h := bundle.Header{StreamName: x.opt.Stream.Name, Epoch: e.Epoch, Seq: e.Seq}
		name := h.Name() + ".partial"
		if e.Status == statusBegun || !abandonedFolder(root, name, e.Header.Document.SHA256) {
			continue
		}
		if err := root.RemoveAll(name); err != nil {
			return swept, fmt.Errorf("remove what was begun and given up: %w", err)
		}
		swept = append(swept, name)
	}
	return swept, nil
}

// abandonedFolder reports whether there is a folder of unfinished volumes, each
// with this header or none yet.
func abandonedFolder(root *os.Root, name string, header layout.Digest) bool {
	info, err := root.Lstat(name)
	if err != nil || !info.IsDir() {
		return false
	}
	volumes, err := fs.Glob(root.FS(), name+"/vol-*")
	if err != nil {
		return false
	}
	for _, v := range volumes {
		doc, err := root.ReadFile(path.Join(v, bundle.HeaderFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || layout.DigestOf(doc) != header {
			return false
		}
	}
	return true
}
