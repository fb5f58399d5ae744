package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout/store/s3"
)

// bucketScheme begins the URL of a store in a bucket.
const bucketScheme = "s3://"

// IsBucket reports whether the text of a key store, or of an argument that
// stands for one, names a bucket and not a directory.
func IsBucket(text string) bool { return strings.HasPrefix(text, bucketScheme) }

// Bucket returns where the store's bucket is, with the paths of its files
// absolute; false where the store is a directory.
func (c *Config) Bucket() (s3.Config, bool) {
	if !IsBucket(c.Store) {
		return s3.Config{}, false
	}
	b, err := s3.ParseURL(c.Store)
	if err != nil {
		return s3.Config{}, false // check refuses it
	}
	b.Credentials, b.CA = c.Path(b.Credentials), c.Path(b.CA)
	return b, true
}

// StorePath returns the absolute path of the store's directory, which the key
// store gives as a path or as a file:// URL; "" where the store is a bucket.
func (c *Config) StorePath() string {
	if IsBucket(c.Store) {
		return ""
	}
	if u, err := url.Parse(c.Store); err == nil && u.Scheme == "file" {
		return filepath.FromSlash(u.Path)
	}
	return c.Path(c.Store)
}

// StoreName returns what people and programs are told of where the store is:
// its path, or the URL of its bucket without the names of files on this machine.
func (c *Config) StoreName() string {
	b, ok := c.Bucket()
	if !ok {
		return c.StorePath()
	}
	b.Credentials, b.Profile, b.CA = "", "", ""
	return b.String()
}

// WithStore returns the configuration with another store, given as in the key
// store; relative paths in it are relative to dir. What is wrong with it is an
// error without the text, which may hold a secret.
func (c *Config) WithStore(text, dir string) (*Config, error) {
	if problem := storeProblem(text, c.Role); problem != "" {
		return nil, errors.New(problem)
	}
	other := *c
	other.Store = text
	at := Config{dir: dir, Store: text}
	b, ok := at.Bucket()
	if ok {
		other.Store = b.String()
	} else {
		other.Store = at.StorePath()
	}
	return &other, nil
}

// ForSetup returns the configuration of a mirror that is being set up in dir.
func ForSetup(role Role, dir string) *Config {
	c := Default()
	c.Role, c.dir = role, dir
	return &c
}

// store checks where the store is.
func (c *checker) store() {
	for _, p := range []struct{ key, value string }{{"store", c.l.Store}, {"work", c.l.Work}, {"keys", c.l.Keys}} {
		if p.value == "" {
			c.fail(p.key, `""`, "must name a directory")
		}
	}
	problem := storeProblem(c.l.Store, c.l.Role)
	if problem == "" {
		return
	}
	shown := c.l.Store
	if maySecret(shown) {
		shown = bucketScheme + "…"
	}
	e := c.fail("store", strconv.Quote(shown), "%s", problem)
	if shown != c.l.Store {
		e.Context = "" // it would show the secret
	}
}

// storeProblem returns what is wrong with the value of the key store, "" for
// nothing. It repeats no part that may be secret.
func storeProblem(text string, role Role) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return ""
	}
	switch {
	case scheme == "s3":
		return bucketProblem(text, role)
	case scheme != "file":
		return fmt.Sprintf("no store has the scheme %q; allowed: a path, file:///path, or s3://bucket/prefix?endpoint=https://host:port", scheme)
	case !strings.HasPrefix(rest, "/") || strings.ContainsAny(rest, "?#"):
		return "a file URL has three slashes and a path: file:///var/lib/patchferry"
	}
	return ""
}

func bucketProblem(text string, role Role) string {
	b, err := s3.ParseURL(text)
	if err != nil {
		return err.Error()
	}
	if role != Far {
		return ""
	}
	switch {
	case b.Instance:
		return "a far side asks nobody for credentials; allowed: credentials=FILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
	case b.Style == s3.Host:
		return "style=host makes a name of the endpoint, and a far side looks up no names; allowed: style=path"
	}
	if _, err := FarEndpoint(b); err != nil {
		return err.Error()
	}
	return ""
}

// FarEndpoint returns the one address that a far side with this bucket dials. A
// far side looks up no names, and what it stands on is near it: an endpoint that
// is no literal loopback or private address is an error.
func FarEndpoint(b s3.Config) (netip.AddrPort, error) {
	wrong := fmt.Errorf("endpoint %q: a far side reaches its store alone, and looks up no names; allowed: a loopback or private address, for example endpoint=https://10.1.2.3:9000", b.Endpoint)
	at, err := netip.ParseAddrPort(b.Endpoint)
	if err != nil {
		bare, err := netip.ParseAddr(strings.Trim(b.Endpoint, "[]"))
		if err != nil {
			return at, wrong
		}
		port := uint16(443)
		if b.Plain {
			port = 80
		}
		at = netip.AddrPortFrom(bare, port)
	}
	if a := at.Addr(); !a.IsLoopback() && !a.IsPrivate() {
		return at, wrong
	}
	return at, nil
}

// maySecret reports whether the URL of a bucket holds what does not belong
// there, and so may be a secret.
func maySecret(text string) bool {
	if !IsBucket(text) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Fragment != "" || strings.Contains(text, "@") {
		return true
	}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return true
	}
	for name := range params {
		if !slices.Contains([]string{"endpoint", "region", "style", "credentials", "profile", "instance", "ca"}, name) {
			return true
		}
	}
	return false
}
