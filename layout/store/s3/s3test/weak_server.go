package s3test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
)

// WeakServer returns the address, host:port, of a server that is the engine made a
// weaker one, for programs that are processes of their own.
func (e *Engine) WeakServer(t testing.TB, w Weakness) string {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", e.Endpoint, e.Endpoint
			if !e.Plain {
				r.Out.URL.Scheme = "https"
			}
		},
		Transport: e.Weak(w)(transport),
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
