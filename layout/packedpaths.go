package layout

import (
	"fmt"
	"path"
	"strings"
)

// PackedPaths returns where files that are packed into one, as into a cabinet, stand
// below a folder of their own, in the order of their names there, in which "\\" and "/"
// part folders. It changes no name, since programs look for files by them: one that
// CheckPath refuses, or that makes a path of more than MaxPath bytes, is an error, as are
// two that are one when case is ignored, and a file that is another's folder.
func PackedPaths(names []string) ([]string, error) {
	paths := make([]string, 0, len(names))
	files, folders := make(map[string]bool, len(names)), make(map[string]bool)
	for _, name := range names {
		p := strings.ReplaceAll(name, `\`, "/")
		if err := CheckPath(p); err != nil {
			return nil, err
		}
		if len(p) > MaxPath {
			return nil, fmt.Errorf("%s would have a path of more than %d bytes", clip(p), MaxPath)
		}
		folded := Fold(p)
		if files[folded] || folders[folded] {
			return nil, fmt.Errorf("%s has two meanings", p)
		}
		files[folded] = true
		for dir := path.Dir(folded); dir != "."; dir = path.Dir(dir) {
			if files[dir] {
				return nil, fmt.Errorf("%s is a file and a folder", dir)
			}
			folders[dir] = true
		}
		paths = append(paths, p)
	}
	return paths, nil
}
