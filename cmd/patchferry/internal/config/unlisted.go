package config

import (
	"path"
	"strconv"

	"patchferry/mirror/unlisted"
	"patchferry/mirror/upstream"
)

// Unlisted says which files that no catalog lists are fetched for hosts, and how they
// are kept.
type Unlisted struct {
	Origins    []string `toml:"origins"`
	Default    string   `toml:"default"`
	Quota      Size     `toml:"quota"`
	Path       string   `toml:"path"`
	Revalidate Duration `toml:"revalidate"`
	Changing   []string `toml:"changing"`
	Rate       Rates    `toml:"rate"`
}

func defaultUnlisted() Unlisted {
	return Unlisted{
		Quota:      unlisted.DefaultQuota,
		Revalidate: Duration(unlisted.DefaultRevalidate),
		Changing:   unlisted.DefaultChanging(),
	}
}

func (u *Unlisted) fields() []field {
	return []field{
		{"unlisted.origins", &u.Origins, "Publishers' hosts, host:port or *.domain, from which hosts may have files that no catalog lists, for example [\"*.dl.delivery.mp.microsoft.com\"]; none by default. A pattern stands for public addresses alone."},
		{"unlisted.default", &u.Default, "Which of these hosts is meant where a request names none, as with an alternate download server: download.windowsupdate.com. Empty: such requests are not fetched."},
		{"unlisted.quota", &u.Quota, "How large these files may be in all, in part or whole; the longest unused one makes room."},
		{"unlisted.path", &u.Path, "Where they are kept, a folder of its own on a local disk. Empty: unlisted in the work directory."},
		{"unlisted.revalidate", &u.Revalidate, "How long one that may change in place is handed out before its publisher is asked again. What a GUID or a digest in the path names is never asked again."},
		{"unlisted.changing", &u.Changing, "Patterns of file names that change in place whatever is in their path."},
		{"unlisted.rate", &u.Rate, "Bytes a second for these files, as fetch.rate; 0 is no limit of its own."},
	}
}

// UnlistedPath returns the absolute path of the folder of unlisted files.
func (c *Config) UnlistedPath() string {
	if c.Unlisted.Path == "" {
		return c.WorkFile("unlisted")
	}
	return c.Path(c.Unlisted.Path)
}

// allows reports whether the origins name a host.
func (u *Unlisted) allows(host string) bool {
	origin, err := upstream.NewOrigin("unlisted", nil, u.Origins)
	if err != nil {
		return false
	}
	_, at := upstream.Origins{origin}.For(host)
	return at != nil
}

// unlisted holds the section to what can be done.
func (c *checker) unlisted() {
	u := &c.l.Unlisted
	for _, h := range u.Origins {
		if upstream.CheckHost(h) != nil {
			c.fail("unlisted.origins", strconv.Quote(h), "not a host; allowed: host or host:port without scheme and path, for example *.dl.example.net or 10.1.2.3:8080")
		}
	}
	if u.Default != "" && !u.allows(u.Default) {
		c.fail("unlisted.default", strconv.Quote(u.Default), "allowed: a host that unlisted.origins names")
	}
	for _, p := range u.Changing {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			c.fail("unlisted.changing", strconv.Quote(p), "not a pattern; allowed: a file name with * and ?, for example mpam-*.exe")
		}
	}
	if u.Quota == 0 {
		c.fail("unlisted.quota", `"0B"`, "nothing would fit; allowed: more than 0, or no unlisted.origins")
	}
	if u.Revalidate == 0 {
		c.fail("unlisted.revalidate", `"0s"`, "its publisher would be asked by every request; allowed: more than 0")
	}
	if c.l.Role == Far && len(u.Origins) > 0 {
		c.fail("unlisted.origins", strconv.Quote(u.Origins[0]), "a far side asks nobody: all that it has is carried to it in transfer bundles")
	}
}
