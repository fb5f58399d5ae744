package config

import (
	"slices"
	"strconv"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// Return is what comes back over the gap from the far sides of a stream:
// diode for nothing, receipt, or want.
type Return string

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Return) UnmarshalText(b []byte) error { return word(v, b, "diode", "receipt", "want") }

// Stream is what the near side sends to one audience.
type Stream struct {
	Name     string   `toml:"name"`
	Audience []string `toml:"audience"`
	Mode     Return   `toml:"mode"`    // empty is diode
	Overlap  Duration `toml:"overlap"` // 0 is 45 days
	Every    Duration `toml:"every"`   // 0 promises nothing
	Select   Select   `toml:"select"`  // of what is mirrored; what is not set selects everything
}

// Selection returns what of the mirrored updates the stream carries. The
// selection of the whole configuration counts for nothing here: it was kept to
// when the updates were mirrored.
func (s *Stream) Selection() layout.Selection { return s.Select.layout() }

// Stream returns the stream of that name. The stream main is there also where
// no [[stream]] names it.
func (c *Config) Stream(name string) (Stream, bool) {
	for _, s := range c.Streams {
		if s.Name == name {
			return s, true
		}
	}
	return Stream{Name: name}, name == "main"
}

// StreamNames lists the streams that there are.
func (c *Config) StreamNames() []string {
	names := []string{"main"}
	for _, s := range c.Streams {
		if s.Name != "main" {
			names = append(names, s.Name)
		}
	}
	return names
}

func (s *Stream) fields() []field {
	return append([]field{
		{"name", &s.Name, "The name of the stream, in the names of its transfer bundles: lower-case letters, digits and hyphens."},
		{"audience", &s.Audience, "Destinations that may import the stream's bundles; empty is any."},
		{"mode", &s.Mode, "What comes back over the gap: diode for nothing, then increments allow for two lost bundles in a row; receipt: increments start at what a receipt, or the operator, says has arrived; want: a bundle carries the catalog, and of its files those that a want file asks for."},
		{"overlap", &s.Overlap, "How far back increments over a diode reach at least; 0 is 45 days."},
		{"every", &s.Every, "When the next bundle is due after one: far sides warn when it is late. 0 promises nothing."},
	}, s.Select.fields("select.")...)
}

// streams holds the streams to what no type can say.
func (c *checker) streams() {
	names := make(map[string]int)
	for i := range c.l.Streams {
		s := &c.l.Streams[i]
		key := "stream[" + strconv.Itoa(i) + "]."
		if !validName(s.Name) {
			c.fail(key+"name", strconv.Quote(s.Name), "allowed: lower-case letters, digits and hyphens, a letter or digit first, at most 32")
		}
		if first, taken := names[s.Name]; taken {
			c.fail(key+"name", strconv.Quote(s.Name), "stream[%d] has this name already", first)
		}
		names[s.Name] = i
		c.selection(key+"select", &s.Select)
		for n, destination := range s.Audience {
			if err := bundle.CheckPayloadName(destination); err != nil || slices.Contains(s.Audience[:n], destination) {
				c.fail(key+"audience", strconv.Quote(destination), "allowed: each destination once, in lower-case letters, digits, dots, underscores and hyphens")
			}
		}
	}
}
