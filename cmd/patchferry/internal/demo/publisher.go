// Package demo has what the demonstration needs besides the program itself: a
// publisher on loopback with some twenty updates and drivers, and a host of the
// LAN that fetches and checks everything it is offered.
package demo

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Publisher hands out the samples and their lists over https on 127.0.0.1.
type Publisher struct {
	URL string // with a slash at its end
	CA  []byte // PEM of the certificate to trust

	server *http.Server
	done   chan error
}

// Source is one of the publisher's lists.
type Source struct {
	Name, Kind, URL string
}

// Sources returns the publisher's lists.
func (p *Publisher) Sources() []Source {
	return []Source{
		{"updates", listUpdates, p.URL + "updates.jsonl"},
		{"servicepacks", listMetalink, p.URL + "servicepacks.meta4"},
		{"extras", listLinks, p.URL + "extras.txt"},
	}
}

// Count is how many updates the publisher has, each with one file.
const Count = len(samples)

// published is the day of everything that the publisher has.
var published = time.Date(2026, 3, 10, 18, 0, 0, 0, time.UTC)

// StartPublisher starts a publisher on a free port. Close ends it.
func StartPublisher(ctx context.Context) (*Publisher, error) {
	certificate, ca, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("start the publisher: %w", err)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the publisher: %w", err)
	}
	p := &Publisher{URL: "https://" + l.Addr().String() + "/", CA: ca, done: make(chan error, 1)}
	files, err := p.files()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	p.server = &http.Server{
		Handler:           files,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { p.done <- p.server.ServeTLS(l, "", "") }()
	return p, nil
}

// Close ends the publisher and what it is sending.
func (p *Publisher) Close() error {
	err := p.server.Close()
	if served := <-p.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// files makes the publisher's tree.
func (p *Publisher) files() (fileTree, error) {
	updates, err := updatesList()
	if err != nil {
		return nil, err
	}
	metalink, err := metalinkList(p.URL)
	if err != nil {
		return nil, err
	}
	tree := fileTree{"/updates.jsonl": updates, "/servicepacks.meta4": metalink, "/extras.txt": linksList(p.URL)}
	for i := range samples {
		tree["/files/"+samples[i].published()] = samples[i].content()
	}
	return tree, nil
}

// fileTree serves files from memory, with validators.
type fileTree map[string][]byte

func (t fileTree) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, ok := t[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", published, bytes.NewReader(content))
}

// newCertificate makes a certificate for 127.0.0.1 that signs itself and lives
// as long as a demonstration.
func newCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "patchferry demo publisher"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(7 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
