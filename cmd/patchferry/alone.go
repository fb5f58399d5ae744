package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store/s3"
	"patchferry/mirror/upstream"
)

// errAlone is why a far side reaches nothing but its store. What keeps it alone
// (law 4 of docs/house.md): newClient makes none for it, so that nothing is wired
// that could fetch; where its store is a bucket, storeDialer reaches that one
// address; closeOutlets shuts what the standard library holds open for everybody;
// a far side listens on, and its store has, a literal address (config); and a test
// holds the code to the few files that may dial at all.
var errAlone = errors.New("a far side reaches nothing but its store: it dials no host and looks up no name")

// closeOutlets shuts, for the whole process, the resolver and the transport that
// the standard library uses where it is given none. Nothing here uses them on a
// far side; now nothing can, whatever a library may think of.
func closeOutlets() {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: refuseDial}
	http.DefaultTransport = &http.Transport{DialContext: refuseDial}
}

func refuseDial(_ context.Context, network, address string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: %w", address, errAlone)}
}

// storeDialer returns what opens the connections to a bucket: nil, which is the
// system's dialer, on a near side. That of a far side reaches the one address of
// the bucket's endpoint, which must be a literal one, and refuses all others,
// whatever the engine's answers may name.
func storeDialer(c *config.Config, bucket s3.Config) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	if c.Role != config.Far {
		return nil, nil
	}
	only, err := config.FarEndpoint(bucket)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: storeDialTime, Resolver: &net.Resolver{PreferGo: true, Dial: refuseDial}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if asked, err := netip.ParseAddrPort(address); err != nil || asked != only {
			return refuseDial(ctx, network, address)
		}
		return dialer.DialContext(ctx, "tcp", only.String())
	}, nil
}

// storeDialTime is how long a connection to the store may take to open.
const storeDialTime = 10 * time.Second

// needNear refuses, on a far side, a command that only a near side has: why in
// words, and what to type instead.
func needNear(c *config.Config, why, next string) error {
	if c.Role != config.Far {
		return nil
	}
	return withHint(usageError("this is a far side: %s", why), "%s", next)
}

// refill is the command that brings what is new to this side.
func refill(c *config.Config) string {
	if c.Role == config.Far {
		return "patchferry import DIR, with a transfer bundle"
	}
	return "patchferry sync"
}

// initCommand is the command that sets this side up.
func initCommand(c *config.Config) string {
	if c.Role == config.Far {
		return "patchferry init far --dir DIR --name SITE --origin-key FILE --fingerprint FPR"
	}
	return "patchferry init near --dir DIR"
}

// newClient makes the one thing in this program that looks up names and opens
// connections, for whoever asks publishers. A far side has none.
func newClient(c *config.Config, log *slog.Logger) (*upstream.Client, error) {
	if c.Role == config.Far {
		return nil, errAlone
	}
	cl := &upstream.Client{
		Log:         log,
		Connections: c.Fetch.Connections,
		PerHost:     c.Fetch.PerHost,
		Fills:       c.Fetch.Fills,
		Stall:       time.Duration(c.Fetch.Stall),
		Retries:     c.Fetch.Retries,
		UserAgent:   "patchferry/" + currentBuild().Version,
	}
	if cl.Retries == 0 {
		cl.Retries = -1 // 0 would be the default
	}
	cl.Rate, cl.Rates = c.Fetch.Rate.Upstream()
	for _, w := range c.Fetch.Windows {
		cl.Windows = append(cl.Windows, w.Upstream())
	}
	if c.Fetch.Proxy != "" {
		cl.Proxy, _ = url.Parse(c.Fetch.Proxy) // config has checked it
	}
	if c.Fetch.CA == "" {
		return cl, nil
	}
	certificates, err := os.ReadFile(c.Path(c.Fetch.CA))
	if err != nil {
		return nil, fmt.Errorf("read fetch.ca: %w", err)
	}
	if cl.RootCAs, err = x509.SystemCertPool(); err != nil {
		cl.RootCAs = x509.NewCertPool() // a system without any
	}
	if !cl.RootCAs.AppendCertsFromPEM(certificates) {
		return nil, withHint(usageError("read fetch.ca: %s holds no certificate in PEM", c.Path(c.Fetch.CA)), "openssl x509 -in FILE -text")
	}
	return cl, nil
}
