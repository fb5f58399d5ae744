package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// check holds the values against each other and against what no type can say.
func (l *Loaded) check() error {
	c := checker{l: l}
	c.words()
	c.store()
	c.listen()
	c.limits()
	c.deadlines()
	c.hooks()
	c.rings()
	c.reports()
	c.streams()
	c.far()
	c.unlisted()
	c.install()
	if (l.TLS.Cert == "") != (l.TLS.Key == "") {
		c.fail("tls", "", "cert and key go together: set both or none")
	}
	c.selection("select", &l.Select)
	if l.Fetch.Proxy != "" {
		c.url("fetch.proxy", l.Fetch.Proxy, "http", "https")
	}
	names := make(map[string]int)
	for i := range l.Sources {
		c.source(i, names)
	}
	c.prefetch()
	c.filling()
	return errors.Join(c.problems...)
}

type checker struct {
	l        *Loaded
	problems []error
}

// fail notes a problem with a key at the place the key came from.
func (c *checker) fail(key, value, format string, args ...any) *Error {
	e := &Error{Key: key, Value: value, Problem: fmt.Sprintf(format, args...)}
	if o := c.l.origins[key]; o.From == "environment" || o.From == "flag" {
		e.Origin = o.Name
		c.problems = append(c.problems, e)
		return e
	}
	e.File = c.l.File
	e.Line = c.l.places.find(key)
	e.Context = c.l.places.draw(e.Line)
	c.problems = append(c.problems, e)
	return e
}

// words holds the words of the file to their vocabularies.
func (c *checker) words() {
	for _, f := range c.l.all() {
		if c.l.origins[f.key].From != "file" {
			continue
		}
		if err := reread(f.ptr); err != nil {
			c.fail(f.key, "", "%v", err)
		}
	}
}

func (c *checker) listen() {
	host, port, err := net.SplitHostPort(c.l.Listen)
	if err != nil {
		c.fail("listen", strconv.Quote(c.l.Listen), "not host:port; allowed: for example :8530, 192.0.2.7:8530 or [::1]:8530")
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strings.ContainsAny(host, " /") {
		c.fail("listen", strconv.Quote(c.l.Listen), "port %d is not allowed; allowed: 0 to 65535", n)
	}
}

func (c *checker) limits() {
	for _, n := range []struct {
		key              string
		value, low, high int
	}{
		{"fetch.connections", c.l.Fetch.Connections, 1, 256},
		{"fetch.per_host", c.l.Fetch.PerHost, 1, 256},
		{"fetch.fills", c.l.Fetch.Fills, 1, 256},
		{"fetch.retries", c.l.Fetch.Retries, 0, 100},
		{"serve.max_requests", c.l.Serve.MaxRequests, 1, 1_000_000},
	} {
		if n.value < n.low || n.value > n.high {
			c.fail(n.key, strconv.Itoa(n.value), "allowed: %d to %d", n.low, n.high)
		}
	}
	if c.l.Fetch.Stall == 0 {
		c.fail("fetch.stall", `"0s"`, "a stalled connection must be given up some time; allowed: more than 0")
	}
}

func (c *checker) selection(key string, s *Select) {
	if s.Since != "" && s.Until != "" && s.Since > s.Until {
		c.fail(key+".until", strconv.Quote(string(s.Until)), "lies before since = %q: nothing would be selected", s.Since)
	}
	for _, list := range []struct {
		key      string
		patterns []string
	}{{"include", s.Include}, {"exclude", s.Exclude}, {"products", s.Products}} {
		for _, pattern := range list.patterns {
			if err := layout.CheckPattern(pattern); err != nil {
				c.fail(key+"."+list.key, strconv.Quote(pattern), "%v", err)
			}
		}
	}
}

func (c *checker) source(i int, names map[string]int) {
	s := &c.l.Sources[i]
	key := "source[" + strconv.Itoa(i) + "]."
	switch {
	case s.Name == "":
		c.fail(key+"name", "", "is missing: every source has a name")
	case !validName(s.Name):
		c.fail(key+"name", strconv.Quote(s.Name), "allowed: lower-case letters, digits and hyphens, a letter or digit first, at most 32")
	}
	if first, taken := names[s.Name]; taken && s.Name != "" {
		c.fail(key+"name", strconv.Quote(s.Name), "source[%d] has this name already", first)
	} else {
		names[s.Name] = i
	}
	if s.Kind == "" {
		c.fail(key+"kind", "", "is missing; allowed: %s", strings.Join(kindNames(), ", "))
	}
	c.place(key, s)
	c.foreign(key, s)
	for _, h := range s.Hosts {
		if upstream.CheckHost(h) != nil {
			c.fail(key+"hosts", strconv.Quote(h), "not a host; allowed: host or host:port without scheme and path, for example dl.example.net, *.dl.example.net or 10.1.2.3:8080")
		}
	}
	c.selection(key+"select", &s.Select)
}

// url demands an absolute URL with one of the schemes. User and password are
// refused: they would end up in logs and evidence.
func (c *checker) url(key, text string, schemes ...string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "":
		c.fail(key, strconv.Quote(text), "not a URL; allowed: %s://host/path", strings.Join(schemes, "://host/path or "))
	case u.User != nil:
		e := c.fail(key, strconv.Quote(u.Redacted()), "a user name or password does not belong into a URL")
		e.Context = "" // it would show the password
	}
}

// validName reports whether s can name a source: it stands before the colon
// of an update's id and in names of variables.
func validName(s string) bool {
	if s == "" || len(s) > 32 || s[0] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// warn notes what is allowed but does not do what it seems to.
func (l *Loaded) warn(env map[string]string) {
	known := map[string]bool{
		"PATCHFERRY_CONFIG":  true,
		"PATCHFERRY_REQUIRE": true, "PATCHFERRY_CORPORA": true, // read by tests
	}
	var names []string
	for _, f := range l.all() {
		known[envName(f.name)] = true
		names = append(names, envName(f.name))
	}
	var unknown []string
	for name := range env {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		w := name + " is set, but is no variable of patchferry"
		if near := nearest(name, names); near != "" {
			w += "; did you mean " + near + "?"
		}
		l.Warnings = append(l.Warnings, w)
	}
	if len(l.Sources) == 0 && l.Role != Far {
		l.Warnings = append(l.Warnings, "there is no [[source]]: sync has nothing to do")
	}
	for i := range l.Sources {
		if w := l.Sources[i].plain(); w != "" {
			l.Warnings = append(l.Warnings, w)
		}
	}
}
