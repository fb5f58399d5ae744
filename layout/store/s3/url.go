package s3

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// The parameters of a store's URL.
const (
	paramEndpoint    = "endpoint"
	paramRegion      = "region"
	paramStyle       = "style"
	paramCredentials = "credentials"
	paramProfile     = "profile"
	paramInstance    = "instance"
	paramCA          = "ca"
)

// ParseURL reads where a store is:
//
//	s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=R&style=path|host|auto&
//	    credentials=FILE&profile=NAME&instance=true&ca=FILE
//
// Only the endpoint must be there. Names of files are kept as they are written;
// no file is read. Keys have no place in a URL: it is shown and logged.
func ParseURL(raw string) (Config, error) {
	c, err := parseURL(raw)
	if err != nil {
		return Config{}, fmt.Errorf("store URL: %w", err)
	}
	return c, nil
}

// parseURL never repeats the whole URL in an error: it may hold a secret that
// does not belong there.
func parseURL(raw string) (Config, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Config{}, errors.New("it cannot be read (s3://BUCKET/PREFIX?endpoint=https://HOST:PORT)")
	}
	switch {
	case u.Scheme != "s3":
		return Config{}, errors.New("it does not begin with s3://")
	case u.User != nil:
		return Config{}, errors.New("keys do not belong in it (credentials=FILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return Config{}, errors.New("it has a fragment (#…)")
	case u.Host == "" || u.Opaque != "":
		return Config{}, errors.New("it names no bucket (s3://BUCKET/PREFIX?endpoint=https://HOST:PORT)")
	case u.RawPath != "" || strings.Contains(u.EscapedPath(), "%"):
		return Config{}, errors.New("its prefix has characters that must be escaped")
	}
	c := Config{Bucket: u.Host, Prefix: strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/")}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, errors.New("what follows the question mark cannot be read")
	}
	for name, values := range params {
		if len(values) != 1 {
			return Config{}, fmt.Errorf("%q stands in it more than once", name)
		}
		if err := c.set(name, values[0]); err != nil {
			return Config{}, err
		}
	}
	return c, c.check()
}

// set takes one parameter of a URL.
func (c *Config) set(name, value string) error {
	if value == "" {
		return fmt.Errorf("%q is empty", name)
	}
	switch name {
	case paramEndpoint:
		return c.setEndpoint(value)
	case paramRegion:
		c.Region = value
	case paramCredentials:
		c.Credentials = value
	case paramProfile:
		c.Profile = value
	case paramCA:
		c.CA = value
	case paramInstance:
		if value != "true" && value != "false" {
			return fmt.Errorf("%s is true or false, not %q", name, value)
		}
		c.Instance = value == "true"
	case paramStyle:
		switch value {
		case "auto":
			c.Style = Auto
		case "path":
			c.Style = Path
		case "host":
			c.Style = Host
		default:
			return fmt.Errorf("%s is auto, path or host, not %q", name, value)
		}
	default:
		return fmt.Errorf("%q is no parameter of it (endpoint, region, style, credentials, profile, instance, ca)", name)
	}
	return nil
}

// setEndpoint takes a URL of a scheme, a host and a port; without a scheme it
// is https.
func (c *Config) setEndpoint(value string) error {
	scheme, rest, found := strings.Cut(value, "://")
	if !found {
		scheme, rest = "https", value
	}
	if scheme != "http" && scheme != "https" {
		return fmt.Errorf("endpoint begins with https:// or http://, not %q", scheme+"://")
	}
	if strings.Contains(rest, "@") {
		return errors.New("keys do not belong in the endpoint")
	}
	c.Plain = scheme == "http"
	c.Endpoint = strings.ToLower(strings.TrimSuffix(rest, "/"))
	return nil
}

// String returns the URL that ParseURL reads. It has no secrets in it.
func (c Config) String() string {
	var b strings.Builder
	b.WriteString("s3://" + c.Bucket)
	if c.Prefix != "" {
		b.WriteString("/" + c.Prefix)
	}
	scheme := "https://"
	if c.Plain {
		scheme = "http://"
	}
	b.WriteString("?endpoint=" + scheme + c.Endpoint)
	add := func(name, value string) {
		if value != "" {
			b.WriteString("&" + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "%2F", "/"))
		}
	}
	add(paramRegion, c.Region)
	if c.Style != Auto {
		add(paramStyle, c.Style.String())
	}
	add(paramCredentials, c.Credentials)
	add(paramProfile, c.Profile)
	if c.Instance {
		add(paramInstance, "true")
	}
	add(paramCA, c.CA)
	return b.String()
}
