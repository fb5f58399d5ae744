package config

import (
	"slices"
	"strconv"
	"strings"
)

// Rings says which groups of hosts there are, and which of them is given what
// is new.
type Rings struct {
	Names []string `toml:"names"`
	Land  string   `toml:"land"`
}

// maxRings is how many rings there may be: each may cost the server as much
// memory as one catalog.
const maxRings = 8

func (r *Rings) fields() []field {
	return []field{
		{"rings.names", &r.Names, "The rings, groups of hosts, in the order in which updates are released. What hosts get that ask for none is the last."},
		{"rings.land", &r.Land, "The ring that shows what is new as soon as it is published; the others are moved with promote. Empty: the last on the near side, the first on the far side."},
	}
}

// LandRing returns the ring that a publication moves.
func (c *Config) LandRing() string {
	switch {
	case c.Rings.Land != "":
		return c.Rings.Land
	case c.Role == "far":
		return c.Rings.Names[0]
	}
	return c.LastRing()
}

// LastRing returns the ring in which a release ends: what hosts are given that
// ask for no ring.
func (c *Config) LastRing() string { return c.Rings.Names[len(c.Rings.Names)-1] }

func (c *checker) rings() {
	names := c.l.Rings.Names
	if len(names) == 0 || len(names) > maxRings {
		c.fail("rings.names", strconv.Itoa(len(names)), "allowed: 1 to %d names", maxRings)
		return
	}
	for i, name := range names {
		if !validName(name) {
			c.fail("rings.names", strconv.Quote(name), "allowed: lower-case letters, digits and hyphens, a letter or digit first, at most 32")
		}
		if slices.Contains(names[:i], name) {
			c.fail("rings.names", strconv.Quote(name), "stands there twice")
		}
	}
	if land := c.l.Rings.Land; land != "" && !slices.Contains(names, land) {
		c.fail("rings.land", strconv.Quote(land), "is none of rings.names; allowed: %s", strings.Join(names, ", "))
	}
}
