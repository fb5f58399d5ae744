package config

import (
	"path"
	"slices"
	"strconv"
	"time"

	"patchferry/mirror/unlisted"
	"patchferry/mirror/upstream"
)

// Unlisted says which files serve fetches that no catalog lists (docs/fill.md).
type Unlisted struct {
	Origins    []string `toml:"origins"` // empty: none
	Default    string   `toml:"default"`
	Quota      Size     `toml:"quota"`
	Revalidate Duration `toml:"revalidate"`
	Changing   []string `toml:"changing"`
}

func defaultUnlisted() Unlisted {
	return Unlisted{Quota: unlisted.DefaultQuota, Revalidate: Duration(unlisted.DefaultRevalidate), Changing: unlisted.DefaultChanging()}
}

func (u *Unlisted) fields() []field {
	return []field{
		{"unlisted.origins", &u.Origins, `Publishers' hosts, host:port or *.domain, of whose files serve fetches also those that no catalog lists, for hosts that ask by the publisher's path: ["*.dl.delivery.mp.microsoft.com"]. Nobody vouches for such files; they are never in the catalog and never exported. Empty is none.`},
		{"unlisted.default", &u.Default, "Which of them is meant where a request names no host, as with an alternate download server: download.windowsupdate.com. Empty: no such request is fetched."},
		{"unlisted.quota", &u.Quota, "How large these files may be in all, in part and whole; the longest unused one makes room."},
		{"unlisted.revalidate", &u.Revalidate, "How long such a file that changes in place is handed out before its publisher is asked whether it did."},
		{"unlisted.changing", &u.Changing, "File names, as patterns, that change in place whatever their path looks like."},
	}
}

// unlisted holds the keys of unlisted files to what they can mean.
func (c *checker) unlisted() {
	u := &c.l.Unlisted
	for _, host := range u.Origins {
		if err := upstream.CheckHost(host); err != nil {
			c.fail("unlisted.origins", strconv.Quote(host), "not a host; allowed: host, host:port or *.domain without scheme and path")
		}
	}
	if len(u.Origins) > 0 && c.l.Role == Far {
		c.fail("unlisted.origins", strconv.Quote(u.Origins[0]), "a far side fetches nothing; allowed: none")
	}
	origin, err := upstream.NewOrigin("unlisted", nil, slices.DeleteFunc(slices.Clone(u.Origins), func(h string) bool { return upstream.CheckHost(h) != nil }))
	if err != nil {
		c.fail("unlisted.origins", strconv.Quote(u.Origins[0]), "%v", err)
		return
	}
	if _, at := (upstream.Origins{origin}).For(u.Default); u.Default != "" && at == nil {
		c.fail("unlisted.default", strconv.Quote(u.Default), "allowed: a host of unlisted.origins")
	}
	if u.Quota < 1 {
		c.fail("unlisted.quota", strconv.Quote(u.Quota.String()), "allowed: more than 0")
	}
	if time.Duration(u.Revalidate) <= 0 {
		c.fail("unlisted.revalidate", strconv.Quote(u.Revalidate.String()), "allowed: more than 0")
	}
	for _, pattern := range u.Changing {
		if _, err := path.Match(pattern, ""); err != nil {
			c.fail("unlisted.changing", strconv.Quote(pattern), "it is no pattern")
		}
	}
}
