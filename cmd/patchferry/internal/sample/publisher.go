package sample

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/verify"
)

// Publisher hands out the sample over https on a free port of loopback, as a
// good publisher does: with lengths, ranges and validators. Its zero value is
// ready to be started, once. All methods but Start may be called concurrently
// while it runs.
type Publisher struct {
	Listen string // host:port; a free port of loopback where it is empty
	Plain  bool   // http in place of https, for who has no use for a certificate

	authority *authority
	signer    *verify.SecretKey // of its bulletins
	signedAt  time.Time
	server    *http.Server
	url       string
	done      chan error

	mu       sync.Mutex
	updates  []*Update
	files    map[string]*content // by path
	requests int
}

// content is what stands under one path.
type content struct {
	body     []byte
	etag     string
	modified time.Time
}

// File is one file as the publisher's list states it.
type File struct {
	List   string // that states it
	Update string // native id
	Path   string // at the publisher
	layout.File
}

// epoch is when all files were last modified, until they change.
var epoch = time.Date(2025, 1, 14, 18, 0, 0, 0, time.UTC)

// Start makes the files and lists, and begins to serve. Close ends it; ctx
// bounds only the start.
func (p *Publisher) Start(ctx context.Context) error {
	var err error
	if p.authority, err = newAuthority(time.Now()); err != nil {
		return fmt.Errorf("start the publisher: %w", err)
	}
	p.signedAt = time.Now().Add(-time.Hour) // clocks differ, also in demonstrations
	if p.signer, err = verify.GenerateKey("Sample publisher", p.signedAt.Add(-time.Hour)); err != nil {
		return fmt.Errorf("start the publisher: %w", err)
	}
	listener, err := p.listen(ctx)
	if err != nil {
		return fmt.Errorf("start the publisher: %w", err)
	}
	p.files, p.updates = make(map[string]*content), Updates()
	for _, u := range p.updates {
		for i, f := range u.Files {
			p.put(f.URL, u.Content(i))
		}
	}
	if err := errors.Join(p.putLists(), p.putCSAF()); err != nil {
		return errors.Join(fmt.Errorf("start the publisher: %w", err), listener.Close())
	}
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // who connects and trusts nobody says so itself
	}
	p.done = make(chan error, 1)
	go func() { p.done <- p.server.Serve(listener) }()
	return nil
}

// listen opens the socket, and says in url what stands behind it.
func (p *Publisher) listen(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(p.Listen, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	if p.Plain {
		p.url = "http://" + listener.Addr().String()
		return listener, nil
	}
	p.url = "https://" + listener.Addr().String()
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{p.authority.server}, MinVersion: tls.VersionTLS12}), nil
}

// Close ends the server and waits for it. A publisher that never started is
// closed already.
func (p *Publisher) Close() error {
	if p.server == nil {
		return nil
	}
	err := p.server.Close()
	if ended := <-p.done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// URL returns the address of a path: "/lists/office.meta4".
func (p *Publisher) URL(path string) string { return p.url + path }

// Host returns host:port, as a source's hosts have it.
func (p *Publisher) Host() string {
	_, host, _ := strings.Cut(p.url, "://")
	return host
}

// CA returns the authority that vouches for the publisher's certificate.
func (p *Publisher) CA() *x509.Certificate { return p.authority.cert }

// CAPEM returns CA as a file.
func (p *Publisher) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.authority.cert.Raw})
}

// ListPath returns the path of a list that is not local.
func ListPath(l List) string { return "/lists/" + l.File }

// Document returns the present text of a list.
func (p *Publisher) Document(l List) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return l.render(of(p.updates, l.Name), p.url)
}

// Files returns the files that the lists state now, in the order of Updates.
func (p *Publisher) Files() []File {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.filesOf(p.updates)
}

// filesOf returns the files of updates. The caller holds mu.
func (p *Publisher) filesOf(updates []*Update) []File {
	var all []File
	for _, u := range updates {
		for _, f := range u.Files {
			file := File{List: u.List, Update: u.ID, Path: f.URL, File: f}
			file.URL = p.url + f.URL
			all = append(all, file)
		}
	}
	return all
}

// Requests returns how many requests were answered so far.
func (p *Publisher) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// ServeHTTP answers one request.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests++
	c := p.files[r.URL.Path]
	p.mu.Unlock()
	if c == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", c.etag)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", c.modified, bytes.NewReader(c.body))
}

// put adds or replaces what stands under a path; each replacement is an hour
// younger. The caller holds mu, or nobody else knows the publisher yet.
func (p *Publisher) put(path string, body []byte) {
	modified := epoch
	if old := p.files[path]; old != nil {
		if bytes.Equal(old.body, body) {
			return
		}
		modified = old.modified.Add(time.Hour)
	}
	p.files[path] = &content{body: body, modified: modified, etag: strconv.Quote(layout.DigestOf(body).String()[:16])}
}

// putLists writes the lists that the publisher hands out.
func (p *Publisher) putLists() error {
	for _, l := range Lists() {
		if l.Local {
			continue
		}
		text, err := l.render(of(p.updates, l.Name), p.url)
		if err != nil {
			return fmt.Errorf("write list %s: %w", l.Name, err)
		}
		p.put(ListPath(l), text)
	}
	return nil
}

// ReplaceInPlace puts other bytes under the address of every file that
// changes in place, and returns these files as they are now.
func (p *Publisher) ReplaceInPlace() []File {
	p.mu.Lock()
	defer p.mu.Unlock()
	replaced := changing(p.updates)
	for _, u := range replaced {
		for i, f := range u.Files {
			u.seeds[i] += "+"
			u.measure(i)
			p.put(f.URL, u.Content(i))
		}
	}
	return p.filesOf(replaced)
}

// AddWrong adds to the list "office" a file whose bytes are not those that the
// list states, and returns it as the list has it. It is called once.
func (p *Publisher) AddWrong() (File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := &Update{List: "office", Update: layout.Update{
		ID: "office2003-2878303-en", KB: "2878303", Title: "Update for Office 2003 (KB2878303)",
		Classification: layout.SecurityUpdate, Severity: layout.Critical, Products: []string{"Office 2003"},
		Language: "EN", Released: "2013-10-08", Files: one("office2003-KB2878303-FullFile-ENU.exe", 314_368),
	}}
	complete(u)
	p.updates = append(p.updates, u)
	p.put(u.Files[0].URL, noise("something else", u.Files[0].Size))
	return p.filesOf([]*Update{u})[0], p.putLists()
}
