package faulty

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
)

// Lose writes into the empty folder to what a loss of power leaves of the disk
// at this moment. keep is asked for each name that was given or taken away
// since its folder was last synced, and for the bytes of each file that were
// written since that was: whether it survived; where not all of the bytes did,
// it is asked whether half of them did.
func (d *Disk) Lose(to string, keep func() bool) error {
	return d.lose(to, loss{keep: keep})
}

// LoseBytes is Lose where all names survived, and zeros stand for the bytes of
// files that were written since their last sync: as a file system leaves that
// allots room before it writes. Whoever gives a file its name too early is found
// by it.
func (d *Disk) LoseBytes(to string) error {
	return d.lose(to, loss{keep: func() bool { return true }, zeros: true})
}

func (d *Disk) lose(to string, l loss) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.bytes = make(map[*node][]byte)
	return l.write(d.root, to)
}

type loss struct {
	keep  func() bool
	zeros bool
	bytes map[*node][]byte // the choice for each file, which may have many names
}

func (l *loss) write(n *node, to string) error {
	names := maps.Clone(n.durable)
	for _, c := range n.pending {
		if !l.keep() {
			continue
		}
		if c.node == nil {
			delete(names, c.name)
		} else {
			names[c.name] = c.node
		}
	}
	for name, child := range names {
		at := filepath.Join(to, name)
		if child.names == nil {
			if err := os.WriteFile(at, l.left(child), 0o644); err != nil {
				return err
			}
			continue
		}
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		if err := l.write(child, at); err != nil {
			return err
		}
	}
	return nil
}

// left returns the bytes that are left of a file.
func (l *loss) left(n *node) []byte {
	if left, ok := l.bytes[n]; ok {
		return left
	}
	left := n.data
	if !bytes.Equal(n.data, n.synced) && l.zeros {
		left = make([]byte, len(n.data))
	} else if !bytes.Equal(n.data, n.synced) && !l.keep() {
		left = n.synced
		if l.keep() {
			left = n.data[:len(n.data)/2]
		}
	}
	l.bytes[n] = left
	return left
}
