package script

// Files returns everything of a set: scripts, manifest, sums and lists, by name.
func (s *Set) Files() ([]File, error) { return nil, nil }

// FolderFiles returns what stands in an update's own folder of the tree: a set of
// that one update, as install.cmd, and README.txt.
func (s *Set) FolderFiles() ([]File, error) { return nil, nil }

// AnyHost returns what stands in install/ itself, the same for every host:
// this-host.cmd, this-host.ps1, quiet.reg and README.txt.
func AnyHost(o Options) ([]File, error) { return nil, nil }
