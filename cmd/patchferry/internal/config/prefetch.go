package config

import (
	"slices"
	"strconv"

	"patchferry/layout"
)

// Fill says when the files of a source come: all with sync (also where it is
// empty), or each when a host first asks for it.
type Fill string

// OnDemand leaves files to be fetched when a host first asks for one.
const OnDemand Fill = "on-demand"

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Fill) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*v = ""
		return nil
	}
	return word(v, b, "all", string(OnDemand))
}

// Prefetch is a rule: which updates of sources with fill = "on-demand" have their
// files fetched by sync all the same.
type Prefetch struct {
	Sources []string `toml:"sources"` // names; none is every such source
	Select
}

func (p *Prefetch) fields() []field {
	return append([]field{
		{"sources", &p.Sources, "The sources whose updates the rule is about; empty is every one with fill = \"on-demand\"."},
	}, p.Select.fields("")...)
}

// PrefetchOf returns the selections of the rules about a source, none where it is
// fetched whole. What the source's own selection leaves out no rule brings back.
func (c *Config) PrefetchOf(s *Source) []layout.Selection {
	if s.Fill != OnDemand {
		return nil
	}
	var all []layout.Selection
	for i := range c.Prefetch {
		if p := &c.Prefetch[i]; len(p.Sources) == 0 || slices.Contains(p.Sources, s.Name) {
			all = append(all, p.Select.layout())
		}
	}
	return all
}

// prefetch holds the rules to sources that they can be about.
func (c *checker) prefetch() {
	onDemand := func(s Source) bool { return s.Fill == OnDemand }
	for i := range c.l.Prefetch {
		p := &c.l.Prefetch[i]
		key := "prefetch[" + strconv.Itoa(i) + "]"
		c.selection(key, &p.Select)
		if sel := p.Select.layout(); sel.IsZero() {
			c.fail(key, "", "selects everything; allowed: at least one of its keys, or fill = \"all\" for the source")
		}
		if !slices.ContainsFunc(c.l.Sources, onDemand) {
			c.fail(key, "", "no source has fill = \"on-demand\": all files are fetched anyway")
		}
		for _, name := range p.Sources {
			if s, known := c.l.Source(name); !known || s.Fill != OnDemand {
				c.fail(key+".sources", strconv.Quote(name), "allowed: names of sources with fill = \"on-demand\"")
			}
		}
	}
}
