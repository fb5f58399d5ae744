package config

import (
	"errors"
	"strconv"
)

// Hooks names programs that are run on events, with JSON on standard input.
type Hooks struct {
	OnBulletin Program  `toml:"on_bulletin"`
	OnPublish  Program  `toml:"on_publish"`
	OnImport   Program  `toml:"on_import"`
	OnStale    Program  `toml:"on_stale"`
	PrePublish Program  `toml:"pre_publish"`
	Timeout    Duration `toml:"timeout"`
}

// Program is a program with its arguments; none is no program. In the file it
// is a path, or an array of the path and the arguments; in the environment a
// path. No shell reads it.
type Program []string

// UnmarshalText implements encoding.TextUnmarshaler: the text is the path,
// whatever is in it.
func (v *Program) UnmarshalText(b []byte) error {
	*v = nil
	if len(b) > 0 {
		*v = Program{string(b)}
	}
	return nil
}

// Reread refuses a list that begins with no path.
func (v Program) Reread() error {
	if len(v) > 0 && v[0] == "" {
		return errors.New("the first word is empty; allowed: the path of a program, or an array of the path and the arguments")
	}
	return nil
}

// Literal returns the form in which the program is written in the file.
func (v Program) Literal() string {
	switch len(v) {
	case 0:
		return `""`
	case 1:
		return strconv.Quote(v[0])
	}
	return array(v)
}

func (h *Hooks) fields() []field {
	const program = " A path relative to this file, or an array of the path and arguments; it gets JSON on standard input (docs/json.md)."
	return []field{
		{"hooks.on_bulletin", &h.OnBulletin, "A program to run when a sync found documents that announce something, or judged one anew." + program},
		{"hooks.on_publish", &h.OnPublish, "A program to run when a generation was published." + program},
		{"hooks.on_import", &h.OnImport, "A program to run when a transfer bundle was imported." + program},
		{"hooks.on_stale", &h.OnStale, "A program to run when a source has not answered for longer than stale, or a transfer bundle is overdue: once, until it answers again." + program},
		{"hooks.pre_publish", &h.PrePublish, "A program to run before a generation is published, or an imported bundle. When it fails nothing is published." + program},
		{"hooks.timeout", &h.Timeout, "How long a hook may take before it is ended, which is a failure."},
	}
}

// hooks holds the hooks to what no type can say.
func (c *checker) hooks() {
	if c.l.Hooks.Timeout == 0 {
		c.fail("hooks.timeout", `"0s"`, "a hook that hangs must be ended some time; allowed: more than 0")
	}
}
