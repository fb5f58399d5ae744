package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"patchferry/layout"
	"patchferry/layout/cab"
)

// maxINFs is how many INF files of a cabinet are looked at.
const maxINFs = 4

// What it costs to open a member besides what is unpacked, in bytes.
const (
	opening   = 64 << 10
	maxWindow = 2 << 20 // of LZX
)

// cabinet looks into a cabinet: an update for wusa, one for CBS, a driver, or just
// files.
func (f *file) cabinet() (Found, error) {
	found := Found{Package: new(layout.Package)}
	switch f.guess {
	case layout.KindCAB, layout.KindDriverCAB, layout.KindMSU:
	default:
		found.Kind = layout.KindCAB
	}
	c, err := cab.Open(f.r, f.size)
	if err != nil {
		return found, err
	}
	switch {
	case member(c, "wsusscan.cab") != nil, f.guess == layout.KindMSU:
		return f.msu(c)
	case member(c, "update.mum") != nil:
		found.Kind = layout.KindCAB
		return found, f.readMum(c, found.Package)
	}
	if driver, err := f.firstDriver(c); driver != nil || err != nil {
		if driver != nil {
			found.Kind, found.Package = layout.KindDriverCAB, driver.pack()
		}
		return found, err
	}
	return found, nil
}

// msu looks into an update for wusa: its XML file names the CBS package, and the
// cabinet inside, where it is small enough, says whether that wants a restart.
func (f *file) msu(c *cab.Cabinet) (Found, error) {
	found := Found{Kind: layout.KindMSU, Package: new(layout.Package)}
	var problems []error
	for i := range c.Files {
		m := &c.Files[i]
		switch name := layout.Fold(m.Name); {
		case path.Ext(name) == ".xml" && found.Package.Identity == "":
			problems = append(problems, f.readXML(c, m, found.Package))
		case path.Ext(name) == ".cab" && name != "wsusscan.cab" && m.Size <= maxInner && found.Package.Restart == "":
			problems = append(problems, f.readInner(c, m, found.Package))
		}
	}
	return found, errors.Join(problems...)
}

// readInner reads the update.mum of a cabinet in a cabinet.
func (f *file) readInner(c *cab.Cabinet, m *cab.File, into *layout.Package) error {
	b, err := f.unpack(c, m, maxInner)
	if err != nil || b == nil {
		return err
	}
	inner, err := cab.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	return f.readMum(inner, into)
}

// readMum reads the update.mum of a CBS package.
func (f *file) readMum(c *cab.Cabinet, into *layout.Package) error {
	m := member(c, "update.mum")
	if m == nil {
		return nil
	}
	return f.readXML(c, m, into)
}

// readXML reads who a package is from a member. One that lies too deep is passed
// over: the package is what it is without it.
func (f *file) readXML(c *cab.Cabinet, m *cab.File, into *layout.Package) error {
	b, err := f.unpack(c, m, maxText)
	if err != nil || b == nil {
		return err
	}
	return readServicing(b, into)
}

// firstDriver returns the first INF file of a cabinet that is a driver's; nil where
// there is none.
func (f *file) firstDriver(c *cab.Cabinet) (*driver, error) {
	seen := 0
	for i := range c.Files {
		m := &c.Files[i]
		if !strings.HasSuffix(layout.Fold(m.Name), ".inf") || seen == maxINFs {
			continue
		}
		seen++
		b, err := f.unpack(c, m, maxText)
		if err != nil {
			return nil, err
		}
		if d := parseINF(b); d.isDriver() {
			return d, nil
		}
	}
	return nil, nil
}

// unpack returns the first bytes of a member, at most max; nil, and no error, where
// that would unpack more than 64 MiB and twice the size of the file: in an update for
// wusa, what names it lies behind all the rest.
func (f *file) unpack(c *cab.Cabinet, m *cab.File, max int64) ([]byte, error) {
	cost := int64(opening) + m.Offset + min(m.Size, max)
	switch c.Method(m) {
	case cab.Stored:
		cost -= m.Offset - m.Offset/64 // only the heads of blocks are read
	case cab.LZX:
		cost += maxWindow
	}
	if f.spent+cost > maxUnpack+2*f.size {
		return nil, nil
	}
	f.spent += cost
	r, err := c.Open(m)
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(m.Size, max))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("%s: %w", clean(m.Name), err)
	}
	return b, nil
}
