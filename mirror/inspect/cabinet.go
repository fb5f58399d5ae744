package inspect

import (
	"bytes"
	"errors"
	"path"
	"strings"

	"patchferry/layout"
	"patchferry/layout/cab"
)

// maxINFs is how many INF files of a cabinet are looked at.
const maxINFs = 4

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
		return found, readMum(c, found.Package)
	}
	if driver, err := firstDriver(c); driver != nil || err != nil {
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
			b, err := unpack(c, m, maxText)
			if err == nil {
				err = readServicing(b, found.Package)
			}
			problems = append(problems, err)
		case path.Ext(name) == ".cab" && name != "wsusscan.cab" && m.Size <= maxInner && found.Package.Restart == "":
			problems = append(problems, readInner(c, m, found.Package))
		}
	}
	return found, errors.Join(problems...)
}

// readInner reads the update.mum of a cabinet in a cabinet.
func readInner(c *cab.Cabinet, m *cab.File, into *layout.Package) error {
	b, err := unpack(c, m, maxInner)
	if errors.Is(err, errDeep) {
		return nil
	}
	if err != nil {
		return err
	}
	inner, err := cab.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	return readMum(inner, into)
}

// readMum reads the update.mum of a CBS package. One that lies too deep is passed
// over: the package is what it is without it.
func readMum(c *cab.Cabinet, into *layout.Package) error {
	m := member(c, "update.mum")
	if m == nil {
		return nil
	}
	b, err := unpack(c, m, maxText)
	if errors.Is(err, errDeep) {
		return nil
	}
	if err != nil {
		return err
	}
	return readServicing(b, into)
}

// firstDriver returns the first INF file of a cabinet that is a driver's; nil where
// there is none.
func firstDriver(c *cab.Cabinet) (*driver, error) {
	seen := 0
	for i := range c.Files {
		m := &c.Files[i]
		if !strings.HasSuffix(layout.Fold(m.Name), ".inf") || seen == maxINFs {
			continue
		}
		seen++
		b, err := unpack(c, m, maxText)
		if errors.Is(err, errDeep) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d := parseINF(b); d.isDriver() {
			return d, nil
		}
	}
	return nil, nil
}
