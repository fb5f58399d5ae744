package sample_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"testing"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/layout"
	"patchferry/verify"
)

// TestBulletinsAreSigned judges what the publisher sends and offers as a near
// side would that has pinned its key.
func TestBulletinsAreSigned(t *testing.T) {
	p := &sample.Publisher{}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	key, err := p.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := verify.ReadKeyring(bytes.NewReader(key))
	if err != nil || !slices.Contains(ring.Fingerprints(), p.Fingerprint()) {
		t.Fatalf("read the key: %v, %v", ring.Fingerprints(), err)
	}
	judge := &verify.Judge{Keys: ring, Pins: verify.PinAll(ring, false), Profile: verify.ProfileCSAF}
	mails, err := p.Mails()
	if err != nil || len(mails) != 3 {
		t.Fatalf("got %d mails, %v", len(mails), err)
	}
	for _, m := range mails {
		if j := judge.Document(verify.Document{Name: m.Name, Original: m.Raw}); j.Verdict != layout.Valid || len(j.Texts()) != 1 {
			t.Errorf("%s: %s %v", m.Name, j.Verdict, j.Reasons)
		}
	}
	forged, err := p.ForgedMail()
	if err != nil {
		t.Fatal(err)
	}
	if j := judge.Document(verify.Document{Name: forged.Name, Original: forged.Raw}); j.Verdict != layout.Bad || len(j.Texts()) != 0 {
		t.Errorf("the forged mail: %s %v", j.Verdict, j.Reasons)
	}
	const advisory = "/csaf/white/2025/sample-2025-0001.json"
	doc := verify.Document{Name: "sample.json", Original: read(t, p, advisory), Signature: read(t, p, advisory+".asc")}
	if j := judge.Document(doc); j.Verdict != layout.Valid {
		t.Errorf("the advisory: %s %v", j.Verdict, j.Reasons)
	}
}

func read(t *testing.T, p *sample.Publisher, path string) []byte {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.CA())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(p.URL(path))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", path, resp.Status, err)
	}
	return body
}
