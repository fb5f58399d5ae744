package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store/s3"
)

// TestStoreDialer: the dialer of a far side reaches the endpoint of its bucket,
// and that address alone.
func TestStoreDialer(t *testing.T) {
	engine, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, port, err := net.SplitHostPort(engine.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far := config.ForSetup(config.Far, t.TempDir())
	bucket := s3.Config{Bucket: "updates", Endpoint: engine.Addr().String()}
	dial, err := storeDialer(far, bucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		address string
		want    bool
	}{
		{engine.Addr().String(), true},
		{other.Addr().String(), false},
		{"localhost:" + port, false},
		{"127.0.0.2:" + port, false},
		{"[::1]:" + port, false},
		{"169.254.169.254:80", false},
	} {
		conn, err := dial(t.Context(), "tcp", tt.address)
		if err == nil {
			conn.Close()
		}
		if got := err == nil; got != tt.want {
			t.Errorf("dial %s: got %v, want that it succeeds: %v", tt.address, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), errAlone.Error()) {
			t.Errorf("dial %s: got %v, want %v", tt.address, err, errAlone)
		}
	}
	bucket.Endpoint = "s3.example.net"
	if _, err := storeDialer(far, bucket); err == nil {
		t.Error("an endpoint with a name has a dialer")
	}
	if dial, err := storeDialer(config.ForSetup("near", t.TempDir()), bucket); dial != nil || err != nil {
		t.Errorf("a near side has a dialer of its own (%v), want the system's", err)
	}
}

// TestFarSideFollowsNobody: an engine that sends a far side elsewhere, by an
// answer or in words, gets it nowhere.
func TestFarSideFollowsNobody(t *testing.T) {
	g := newGap(t)
	var lured atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", elsewhere.URL+r.URL.Path)
			w.Header().Set("X-Amz-Bucket-Region", "elsewhere")
			w.WriteHeader(status)
		}))
		setLine(t, g.far, `(?m)^store = .*$`, `store = "s3://updates?endpoint=`+engine.URL+`&credentials=bucket"`)
		g.write(g.far+"/bucket", []byte("[default]\naws_access_key_id = a\naws_secret_access_key = b\n"))
		if r := runIn(t.Context(), g.far, "status"); r.code == exitDone {
			t.Errorf("%d: status says %s", status, r.stdout)
		}
		engine.Close()
		setLine(t, g.far, `(?m)^store = .*$`, `store = "store"`)
	}
	if lured.Load() != 0 {
		t.Errorf("a far side followed an engine elsewhere %d times", lured.Load())
	}
}
