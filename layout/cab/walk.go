package cab

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Walk hands every member to visit, with its place in Files, in the order in which
// they lie in their folders, and unpacks each folder once. A member that visit does
// not read whole is passed over. It ends with the first error of visit, which it
// returns as it is.
//
// Members must lie end to end in each folder, as cabinets are written: so the work is
// bounded by the sum of their sizes, and overlapping members are an error that matches
// ErrFormat.
func (c *Cabinet) Walk(visit func(i int, r io.Reader) error) error {
	order := make([]int, len(c.Files))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		a, b := &c.Files[x], &c.Files[y]
		return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Size, b.Size))
	})
	var in *member // what is open of a folder
	var at int64   // in it
	for n, i := range order {
		f := &c.Files[i]
		if n == 0 || f.folder != c.Files[order[n-1]].folder {
			first, err := c.Open(f)
			if err != nil {
				return err
			}
			in, at = first.(*member), 0
		}
		if f.Offset != at {
			return bad("the members of a folder do not lie end to end")
		}
		one := &member{folder: in.folder, left: f.Size}
		if err := visit(i, one); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, one); err != nil {
			return fmt.Errorf("pass over %s: %w", f.Name, err)
		}
		at += f.Size
	}
	return nil
}
