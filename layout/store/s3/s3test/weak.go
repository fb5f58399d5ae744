package s3test

import (
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// Weakness is what an engine does not honour.
type Weakness struct {
	CreateOnly   bool // it ignores If-None-Match on single writes
	CompleteOnly bool // it ignores If-None-Match when an upload is completed, as Ceph 16 does
	Digests      bool // it does not compare bytes with their signed digest, as rclone does
	Codes        bool // its errors have no document, as behind some proxies
}

// Weak returns a carrier (Config.Transport) that makes the engine a weaker one:
// what it ignores is taken out of requests, which are signed again.
func (e *Engine) Weak(w Weakness) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper { return &weak{e, w, next} }
}

type weak struct {
	engine *Engine
	Weakness
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w *weak) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	complete := req.Method == http.MethodPost && strings.Contains(req.URL.RawQuery, "uploadId=")
	if w.CreateOnly && req.Method == http.MethodPut || w.CompleteOnly && complete {
		req.Header.Del("If-None-Match")
	}
	if w.Digests && req.Method == http.MethodPut {
		req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	}
	req.Header.Del("Authorization")
	signed := signer.SignV4(*req, w.engine.AccessKey, w.engine.SecretKey, "", w.engine.Region)
	resp, err := w.next.RoundTrip(signed)
	if err == nil && w.Codes && resp.StatusCode >= 400 {
		resp = Body(resp, []byte("<html>not found</html>"))
	}
	return resp, err
}
