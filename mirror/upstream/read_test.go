package upstream_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

const limit = 1 << 20

func TestReadOverTLS(t *testing.T) {
	body := []byte(`{"document":{}}`)
	p := hostile.NewTLS(map[string][]byte{"/a.json": body})
	defer p.Close()
	c := &upstream.Client{RootCAs: x509.NewCertPool()}
	defer c.Close()
	c.RootCAs.AddCert(p.Server().Certificate())
	from := &upstream.Publisher{Client: c, Origin: origin(t, p.URL("/"))}

	got, doc, err := from.Read(t.Context(), p.URL("/a.json"), layout.Validators{}, limit)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, body) {
		t.Errorf("got %q, want %q", got, body)
	}
	if doc.At.IsZero() || doc.Validators.ETag == "" || doc.Validators.LastModified == "" {
		t.Errorf("got time %v and validators %+v", doc.At, doc.Validators)
	}
	known := doc.Validators
	doc.At, doc.Validators = layout.Time{}, layout.Validators{}
	want := layout.Document{
		SHA256: layout.DigestOf(body), Size: int64(len(body)), URL: p.URL("/a.json"), Fetched: int64(len(body)),
		TLSKey: layout.DigestOf(p.Server().Certificate().RawSubjectPublicKeyInfo),
	}
	if doc != want {
		t.Errorf("got document %+v, want %+v", doc, want)
	}

	again, doc, err := from.Read(t.Context(), p.URL("/a.json"), known, limit)
	if err != nil || again != nil || !doc.NotModified || doc.Validators != known || doc.TLSKey != want.TLSKey {
		t.Errorf("got %d bytes, %+v and %v, want it not modified", len(again), doc, err)
	}
	p.Put("/a.json", []byte("{}"))
	changed, doc, err := from.Read(t.Context(), p.URL("/a.json"), known, limit)
	if err != nil || string(changed) != "{}" || doc.NotModified {
		t.Errorf("got %q, %+v and %v, want the new one", changed, doc, err)
	}
}

func TestReadMeetsFaults(t *testing.T) {
	body := content(21, 300_000)
	missing := func(err error) bool { return is[*upstream.StatusError](err) && errors.Is(err, fs.ErrNotExist) }
	present := func(err error) bool { return is[*upstream.StatusError](err) && !errors.Is(err, fs.ErrNotExist) }
	tests := []struct {
		name     string
		fault    hostile.Fault
		limit    int64            // 0 is the length of body
		is       func(error) bool // nil: no error
		requests int
	}{
		{name: "good", fault: hostile.Good{}, requests: 1},
		{name: "cut once", fault: hostile.Cut{At: 200_000, Times: 1}, requests: 2},
		{name: "cut for ever", fault: hostile.Cut{At: 200_000}, is: is[*upstream.CutError], requests: 3},
		{name: "silent once", fault: hostile.Stall{At: 1000, Times: 1}, requests: 2},
		{name: "503 once", fault: hostile.Status{Code: 503, Times: 1}, requests: 2},
		{name: "chunked", fault: hostile.NoLength{}, requests: 1},
		{name: "chunked and too long", fault: hostile.NoLength{}, limit: 299_999, is: is[*upstream.LimitError], requests: 1},
		{name: "too long", fault: hostile.Good{}, limit: 299_999, is: is[*upstream.LimitError], requests: 1},
		{name: "of unknown length", fault: hostile.NoLength{Close: true}, is: is[*upstream.ContentError], requests: 1},
		{name: "missing", fault: hostile.Status{Code: 404}, is: missing, requests: 1},
		{name: "gone", fault: hostile.Status{Code: 410}, is: missing, requests: 1},
		{name: "forbidden", fault: hostile.Status{Code: 403}, is: present, requests: 1},
		{name: "304 to no question", fault: hostile.Status{Code: 304}, is: present, requests: 1},
		{name: "page", fault: hostile.HTML{}, is: is[*upstream.ContentError], requests: 1},
		{name: "another host", fault: hostile.Redirect{To: "http://a.example/"}, is: is[*upstream.HostError], requests: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string][]byte{"/a": body})
			b.client.Retries = 2
			if strings.HasPrefix(tt.name, "silent") {
				b.client.Stall = short
			}
			b.publisher.Fault("/a", tt.fault)
			from := &upstream.Publisher{Client: b.client, Origin: b.origin}
			most := tt.limit
			if most == 0 {
				most = int64(len(body))
			}
			got, doc, err := from.Read(t.Context(), b.publisher.URL("/a"), layout.Validators{}, most)
			if n := b.publisher.Requests("/a"); n != tt.requests {
				t.Errorf("got %d requests, want %d", n, tt.requests)
			}
			if tt.is != nil {
				wantError(t, err, "read "+b.publisher.URL("/a"), "")
				if !tt.is(err) || got != nil {
					t.Errorf("got %d bytes and %T: %v", len(got), err, err)
				}
				return
			}
			if err != nil || !bytes.Equal(got, body) || doc.SHA256 != layout.DigestOf(body) {
				t.Errorf("got %d bytes, %+v and %v", len(got), doc, err)
			}
		})
	}
}

func TestReadAsksNobodyWhomItMayNot(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a": nil})
	from := &upstream.Publisher{Client: b.client, Origin: origin(t, "https://good.example/")}
	for url, is := range map[string]func(error) bool{
		b.publisher.URL("/a"): is[*upstream.HostError],
		"file:///etc/passwd":  is[*upstream.URLError],
		"https://[":           is[*upstream.URLError],
	} {
		if _, _, err := from.Read(t.Context(), url, layout.Validators{}, limit); !is(err) {
			t.Errorf("%s: got %T: %v", url, err, err)
		}
	}
	if n := b.publisher.Requests(""); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a": content(22, 1000)})
	ctx, cancel := context.WithCancel(t.Context())
	b.publisher.Hook = func(*http.Request) { cancel() }
	b.publisher.Fault("/a", hostile.Stall{At: -1})
	from := &upstream.Publisher{Client: b.client, Origin: b.origin}
	if _, _, err := from.Read(ctx, b.publisher.URL("/a"), layout.Validators{}, limit); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
