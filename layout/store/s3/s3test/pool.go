package s3test

import (
	"crypto/x509"
	"fmt"
	"os"
)

func pool(name string) (*x509.CertPool, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificates", name)
	}
	return p, nil
}
