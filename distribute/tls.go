package distribute

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Certificate serves TLS with a certificate from two PEM files. When they
// change, connections from then on get the new one; while they do not fit
// together, as in the middle of being replaced, the one before stays.
type Certificate struct {
	CertFile string       // the certificate, then its chain
	KeyFile  string       // its private key
	Log      *slog.Logger // says when new files cannot be used; nil: nothing is logged

	mu      sync.Mutex
	current *tls.Certificate
	stamps  [2]stamp
}

// stamp tells one version of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

// Listen returns a listener that speaks TLS 1.2 or later on the connections of
// l, and HTTP/1.1 alone: HTTP/2 costs three times the processor time for the
// same file. It fails when the certificate cannot be read.
func (c *Certificate) Listen(l net.Listener) (net.Listener, error) {
	if _, err := c.get(); err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get() },
	}), nil
}

// get returns the certificate, read anew when a file has changed. Two calls of
// stat are nothing beside a handshake.
func (c *Certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps := [2]stamp{stampOf(c.CertFile), stampOf(c.KeyFile)}
	if c.current != nil && stamps == c.stamps {
		return c.current, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err == nil {
		c.current, c.stamps = &pair, stamps
		return c.current, nil
	}
	if c.current == nil {
		return nil, fmt.Errorf("read the certificate %s: %w", c.CertFile, err)
	}
	if c.Log != nil && stamps != c.stamps {
		c.Log.Error("new certificate cannot be used", "path", c.CertFile, "err", err)
	}
	c.stamps = stamps // not tried again until a file changes
	return c.current, nil
}

// stampOf returns the stamp of a file, zero where there is none to read.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{modified: info.ModTime(), size: info.Size()}
}
