package sample

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// authority is a certificate authority that lives as long as its publisher.
// Its key never leaves memory, and is forgotten when the server certificate is
// made.
type authority struct {
	cert   *x509.Certificate
	server tls.Certificate
}

// newAuthority makes the authority, and its only certificate, for loopback.
func newAuthority(now time.Time) (*authority, error) {
	ca := template(1, "patchferry sample authority", now)
	ca.IsCA, ca.BasicConstraintsValid = true, true
	ca.KeyUsage = x509.KeyUsageCertSign
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	a := &authority{}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	leaf := template(2, "patchferry sample publisher", now)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames, leaf.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the publisher's key: %w", err)
	}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, a.cert, key.Public(), caKey); err != nil {
		return nil, fmt.Errorf("make the publisher's certificate: %w", err)
	}
	a.server = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return a, nil
}

// template is valid for a week, and from an hour ago for clocks that disagree.
func template(serial int64, name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(7 * 24 * time.Hour),
	}
}
