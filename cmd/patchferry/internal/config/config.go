// Package config reads the operator's configuration: a TOML file, PATCHFERRY_…
// variables and flags, in rising order of precedence over the defaults.
//
// It is strict: an unknown key, a value that is not allowed, a key that makes
// no sense beside another are errors that name the key, its line, the value and
// what is allowed. It opens nothing but the configuration file: whether a
// directory exists or a host answers is the business of doctor.
package config

import (
	"path/filepath"
	"strings"
	"time"

	"patchferry/layout"
)

// Config is a whole configuration. Paths in it may be relative; Path resolves
// them against the directory of the configuration file.
type Config struct {
	Role           Role       `toml:"role"`
	Name           string     `toml:"name"`
	Store          string     `toml:"store"`
	Work           string     `toml:"work"`
	Keys           string     `toml:"keys"`
	PassphraseFile string     `toml:"passphrase_file"`
	Listen         string     `toml:"listen"`
	Actor          string     `toml:"actor"`
	Stale          Duration   `toml:"stale"`
	Progress       Progress   `toml:"progress"`
	TLS            TLS        `toml:"tls"`
	Log            Log        `toml:"log"`
	Select         Select     `toml:"select"`
	Fetch          Fetch      `toml:"fetch"`
	Sources        []Source   `toml:"source"`
	Serve          Serve      `toml:"serve"`
	Unlisted       Unlisted   `toml:"unlisted"`
	Prune          Prune      `toml:"prune"`
	Rings          Rings      `toml:"rings"`
	Reports        Reports    `toml:"reports"`
	Origin         Origins    `toml:"origin"`
	Deadlines      Deadlines  `toml:"deadlines"`
	Hooks          Hooks      `toml:"hooks"`
	Streams        []Stream   `toml:"stream"`
	Prefetch       []Prefetch `toml:"prefetch"`
	Filling        Filling    `toml:"fill"`
	Install        Install    `toml:"install"`
	Overrides      []Override `toml:"override"`

	dir string // of the configuration file
}

// TLS names the certificate of the server; both or none are set.
type TLS struct {
	Cert string `toml:"cert"`
	Key  string `toml:"key"`
}

// Log says how much is logged, and how.
type Log struct {
	Level  Level  `toml:"level"`
	Format Format `toml:"format"`
	Access *bool  `toml:"access"` // nil is true
}

// Select says what is mirrored. An empty list selects everything.
type Select struct {
	Languages       Languages       `toml:"languages"`
	OS              OSes            `toml:"os"`
	Arch            Arches          `toml:"arch"`
	Classifications Classifications `toml:"classifications"`
	Severities      Severities      `toml:"severities"`
	Products        []string        `toml:"products"`
	Since           Date            `toml:"since"`
	Until           Date            `toml:"until"`
	Include         []string        `toml:"include"`
	Exclude         []string        `toml:"exclude"`
}

// Fetch says how files are fetched from publishers.
type Fetch struct {
	Connections int      `toml:"connections"`
	PerHost     int      `toml:"per_host"`
	Fills       int      `toml:"fills"`
	Rate        Rates    `toml:"rate"`
	Windows     Windows  `toml:"windows"`
	Proxy       string   `toml:"proxy"`
	CA          string   `toml:"ca"`
	Stall       Duration `toml:"stall"`
	Retries     int      `toml:"retries"`
	Extract     *bool    `toml:"extract"` // nil is true
}

// Source is one list of updates, or of bulletins, of one publisher. URLs,
// Signed and Profile are for bulletins, Trust, Fill and Select for updates.
type Source struct {
	Name    string   `toml:"name"`
	Kind    Kind     `toml:"kind"`
	URL     string   `toml:"url"`
	URLs    []string `toml:"urls"`
	Path    string   `toml:"path"`
	Signed  *bool    `toml:"signed"` // nil is true
	Profile Profile  `toml:"profile"`
	Trust   Trust    `toml:"trust"`
	Fill    Fill     `toml:"fill"`
	Hosts   []string `toml:"hosts"`
	Rate    Rates    `toml:"rate"`
	Enabled *bool    `toml:"enabled"`
	Select  Select   `toml:"select"`
}

// IsEnabled reports whether sync visits the source; it does unless the
// operator wrote enabled = false.
func (s *Source) IsEnabled() bool { return s.Enabled == nil || *s.Enabled }

// Serve limits the server.
type Serve struct {
	MaxRequests int      `toml:"max_requests"`
	Drain       Duration `toml:"drain"`
	Cache       string   `toml:"cache"`
	CacheSize   Size     `toml:"cache_size"`
	StreamOver  Size     `toml:"stream_over"`
}

// Prune says what is kept beyond what is needed.
type Prune struct {
	Keep  Duration `toml:"keep"`
	Grace Duration `toml:"grace"`
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Role:     "near",
		Store:    "store",
		Work:     "work",
		Keys:     "keys",
		Listen:   ":8530",
		Stale:    Duration(7 * day),
		Progress: "auto",
		Log:      Log{Level: "info", Format: "auto"},
		Fetch: Fetch{
			Connections: 16,
			PerHost:     8,
			Fills:       64,
			Stall:       Duration(time.Minute),
			Retries:     5,
		},
		Serve:     Serve{MaxRequests: 2048, Drain: Duration(30 * time.Second), StreamOver: 64 << 20},
		Unlisted:  defaultUnlisted(),
		Prune:     Prune{Keep: Duration(90 * day), Grace: Duration(day)},
		Origin:    Origins{Threshold: 1},
		Reports:   defaultReports(),
		Rings:     Rings{Names: []string{"test", "pilot", "production"}},
		Deadlines: defaultDeadlines(),
		Hooks:     Hooks{Timeout: Duration(time.Minute)},
		Filling:   defaultFilling(),
	}
}

// Path returns the absolute form of a path of the configuration; "" stays "".
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, filepath.FromSlash(p))
}

// CachePath returns the absolute path of the folder in which serve keeps copies of
// what it reads from a bucket.
func (c *Config) CachePath() string {
	if c.Serve.Cache == "" {
		return c.WorkFile("cache")
	}
	return c.Path(c.Serve.Cache)
}

// WorkFile returns the path of name in the work directory.
func (c *Config) WorkFile(name string) string { return filepath.Join(c.Path(c.Work), name) }

// KeyFile returns the path of name in the directory of keys and pins.
func (c *Config) KeyFile(name string) string { return filepath.Join(c.Path(c.Keys), name) }

// Source returns the source of that name.
func (c *Config) Source(name string) (*Source, bool) {
	for i := range c.Sources {
		if c.Sources[i].Name == name {
			return &c.Sources[i], true
		}
	}
	return nil, false
}

// Selection returns what of a source is mirrored: each key of its own
// selection that is set stands in place of the one of the whole configuration.
func (c *Config) Selection(s *Source) layout.Selection {
	sel, own := c.Select, s.Select
	replace(&sel.Languages, own.Languages)
	replace(&sel.OS, own.OS)
	replace(&sel.Arch, own.Arch)
	replace(&sel.Classifications, own.Classifications)
	replace(&sel.Severities, own.Severities)
	replace(&sel.Products, own.Products)
	replace(&sel.Include, own.Include)
	replace(&sel.Exclude, own.Exclude)
	if own.Since != "" {
		sel.Since = own.Since
	}
	if own.Until != "" {
		sel.Until = own.Until
	}
	return sel.layout()
}

// replace takes a list that is set, even to nothing.
func replace[S ~[]E, E any](list *S, own S) {
	if own != nil {
		*list = own
	}
}

// envName returns the variable that sets a key: "fetch.per_host" is set by
// PATCHFERRY_FETCH_PER_HOST.
func envName(key string) string {
	return "PATCHFERRY_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}
