package s3

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Style is how a bucket is named in a request.
type Style int

// The styles.
const (
	// Auto is Host for the endpoints of clouds that are known to want it, and
	// Path for all others.
	Auto Style = iota
	Path       // https://endpoint/bucket/key
	Host       // https://bucket.endpoint/key
)

func (s Style) String() string {
	switch s {
	case Path:
		return "path"
	case Host:
		return "host"
	default:
		return "auto"
	}
}

// Defaults of the fields of Config.
const (
	DefaultRegion    = "us-east-1"
	DefaultStall     = time.Minute
	DefaultRetries   = 6
	DefaultRetryWait = 200 * time.Millisecond
)

// maxRetryWait bounds the time between two attempts, also where the engine asks
// for more.
const maxRetryWait = 30 * time.Second

// Config says where a bucket is and how it is spoken to. ParseURL reads it from
// a URL and String writes it as one; what a URL cannot say is at the end.
type Config struct {
	Bucket   string
	Prefix   string // of all keys, without slashes at its ends; "" is the whole bucket
	Endpoint string // host or host:port
	Plain    bool   // http in place of https
	Region   string // "" is us-east-1
	Style    Style
	// Credentials is the path of a file in the form of ~/.aws/credentials,
	// and Profile names a section of it, "" the section default. Without it
	// the environment is asked (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
	// AWS_SESSION_TOKEN), and then, with Instance, the machine that this runs on.
	Credentials string
	Profile     string
	Instance    bool
	// CA is the path of a file of certificates (PEM) that the engine's has to
	// lead to, in place of the system's; RootCAs, where set, wins over it.
	CA string

	RootCAs *x509.CertPool
	// Dial opens all connections; nil is the system's dialer. No proxy is
	// ever used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport wraps what carries the requests; nil is nothing. For tests
	// and metrics.
	Transport func(http.RoundTripper) http.RoundTripper
	// Stall is how long no byte may move on a request; 0 is DefaultStall.
	Stall time.Duration
	// Retries is how often a request is made again; 0 is DefaultRetries and
	// less is never.
	Retries int
	// RetryWait is the time before the first retry, a random half of it less.
	// It doubles with each; 0 is DefaultRetryWait.
	RetryWait time.Duration
	// Log hears of what was tried again; nil is nobody.
	Log *slog.Logger
}

// withDefaults returns the configuration with the defaults filled in, or why it
// cannot be one.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	if c.Region == "" {
		c.Region = DefaultRegion
	}
	if c.Stall <= 0 {
		c.Stall = DefaultStall
	}
	if c.Retries == 0 {
		c.Retries = DefaultRetries
	}
	if c.RetryWait <= 0 {
		c.RetryWait = DefaultRetryWait
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// check refuses names that an engine would, or that would make another URL than
// they seem to.
func (c *Config) check() error {
	if err := checkBucket(c.Bucket); err != nil {
		return err
	}
	if err := checkPrefix(c.Prefix); err != nil {
		return err
	}
	if err := checkEndpoint(c.Endpoint); err != nil {
		return err
	}
	if err := checkWord("region", c.Region); err != nil {
		return err
	}
	if c.Style < Auto || c.Style > Host {
		return fmt.Errorf("style %d is none (auto, path or host)", c.Style)
	}
	if c.Profile != "" && c.Credentials == "" {
		return errors.New("a profile names a section of a credentials file, and none is given (credentials=FILE)")
	}
	for _, path := range []string{c.Credentials, c.Profile, c.CA} {
		if strings.ContainsAny(path, "\x00\r\n") {
			return fmt.Errorf("%q is no name", path)
		}
	}
	return nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

// only reports whether s is of the given characters and not empty.
func only(s, chars string) bool { return s != "" && strings.Trim(s, chars) == "" }

// checkBucket holds a bucket's name to the rules of S3 ("General purpose bucket
// naming rules"): 3 to 63 characters of lower case, digits, points and hyphens.
func checkBucket(name string) error {
	const end = lower + digits
	ok := len(name) >= 3 && len(name) <= 63 && only(name, end+".-") &&
		strings.ContainsAny(name[:1], end) && strings.ContainsAny(name[len(name)-1:], end) &&
		!strings.Contains(name, "..") && net.ParseIP(name) == nil
	if !ok {
		return fmt.Errorf("%q is no name of a bucket (3 to 63 of a-z, 0-9, point and hyphen)", name)
	}
	return nil
}

// maxPrefix leaves room for the longest key of ours in the 1,024 bytes that S3
// allows.
const maxPrefix = 512

// checkPrefix allows what every engine takes and no URL has to escape.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if len(prefix) > maxPrefix {
		return fmt.Errorf("prefix is longer than %d bytes", maxPrefix)
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if !only(strings.ToLower(part), lower+digits+".-_") || part == "." || part == ".." {
			return fmt.Errorf("prefix %q: %q is no part of one (a-z, A-Z, 0-9, point, hyphen and underscore)", prefix, part)
		}
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return errors.New("no endpoint is given (endpoint=https://HOST:PORT)")
	}
	host, port := endpoint, ""
	if i := strings.LastIndexByte(endpoint, ':'); i >= 0 && strings.LastIndexByte(endpoint, ']') < i {
		host, port = endpoint[:i], endpoint[i+1:]
		if n := len(port); n == 0 || n > 5 || !only(port, digits) || n == 5 && port > "65535" || strings.Trim(port, "0") == "" {
			return fmt.Errorf("endpoint %q: %q is no port", endpoint, port)
		}
	}
	if ip, ok := strings.CutPrefix(host, "["); ok {
		ip, closed := strings.CutSuffix(ip, "]")
		if parsed := net.ParseIP(ip); !closed || parsed == nil || !strings.Contains(ip, ":") {
			return fmt.Errorf("endpoint %q is no address", endpoint)
		}
		return nil
	}
	if len(host) > 253 || !only(strings.ToLower(host), lower+digits+".-") || strings.ContainsAny(host[:1], ".-") || strings.Contains(host, "..") {
		return fmt.Errorf("endpoint %q: %q is no host", endpoint, host)
	}
	return nil
}

func checkWord(what, s string) error {
	if s != "" && (len(s) > 64 || !only(strings.ToLower(s), lower+digits+"-_")) {
		return fmt.Errorf("%s %q: only a-z, 0-9, hyphen and underscore may stand in it", what, s)
	}
	return nil
}
