package distribute_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"patchferry/distribute"
	"patchferry/layout"
)

// TestRings serves two rings: a path, a digest and a WSUS path answer for their
// own ring alone, and links stay in it.
func TestRings(t *testing.T) {
	fx := &fixture{contents: map[string][]byte{}}
	both := fx.add("/Software/EN/x/both.exe", []byte("in both"))
	tested := fx.add("/Software/EN/y/tested.exe", []byte("in test alone"))
	gone := fx.add("/Software/EN/z/gone.exe", []byte("taken back"))
	fx.updates[1].Files[0].SHA1 = layout.SHA1{1, 2, 3}
	meta := distribute.ViewMeta{State: 1, Revoked: []layout.Revoked{{SHA256: gone, Reason: "bad"}}}
	test, err := distribute.BuildView(meta, each(fx.updates))
	if err != nil {
		t.Fatal(err)
	}
	production, err := distribute.BuildView(meta, each(fx.updates[:1]))
	if err != nil {
		t.Fatal(err)
	}
	wsus := "/Content/00/" + strings.ToUpper(layout.SHA1{1, 2, 3}.String()) + ".exe"
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(production, distribute.Ring{Name: "test", View: test}, distribute.Ring{Name: "production", View: production})
	for _, tt := range []struct {
		path, location string
		want           int
	}{
		{path: "/Software/EN/x/both.exe", want: http.StatusOK},
		{path: "/Software/EN/y/tested.exe", want: http.StatusNotFound},
		{path: "/rings/test/Software/EN/y/tested.exe", want: http.StatusOK},
		{path: "/Rings/TEST/software/en/y/TESTED.exe", want: http.StatusOK},
		{path: "/rings/production/Software/EN/y/tested.exe", want: http.StatusNotFound},
		{path: "/objects/sha256/" + both.String(), want: http.StatusOK},
		{path: "/objects/sha256/" + tested.String(), want: http.StatusNotFound},
		{path: "/rings/test/objects/sha256/" + tested.String(), want: http.StatusOK},
		{path: wsus, want: http.StatusNotFound},
		{path: "/rings/test" + wsus, want: http.StatusOK},
		{path: "/objects/sha256/" + gone.String(), want: http.StatusGone},
		{path: "/rings/test/Software/EN/z/gone.exe", want: http.StatusGone},
		{path: "/rings", want: http.StatusMovedPermanently, location: "/rings/"},
		{path: "/rings/", want: http.StatusOK},
		{path: "/rings/test", want: http.StatusMovedPermanently, location: "/rings/test/"},
		{path: "/rings/test/", want: http.StatusOK},
		{path: "/rings/test/Software", want: http.StatusMovedPermanently, location: "/rings/test/Software/"},
		{path: "/rings/test/rings/test/", want: http.StatusNotFound},
		{path: "/rings/test/metrics", want: http.StatusNotFound},
		{path: "/rings/test//Software/", want: http.StatusNotFound},
		{path: "/rings/nowhere", want: http.StatusNotFound},
		{path: "/rings/nowhere/Software/", want: http.StatusNotFound},
		{path: "/rings//", want: http.StatusNotFound},
		{path: "/rings/../rings/test/Software/EN/y/tested.exe", want: http.StatusNotFound},
	} {
		w := ask(s.Handler(), tt.path, nil)
		if w.Code != tt.want || w.Header().Get("Location") != tt.location {
			t.Errorf("GET %s: status %d, location %q, want %d, %q", tt.path, w.Code, w.Header().Get("Location"), tt.want, tt.location)
		}
	}
	for _, tt := range []struct{ path, url string }{
		{"/rings/", "/rings/test/"},
		{"/rings/test/", "/rings/test/Software/"},
		{"/rings/test/Software/EN/y/", "/rings/test/Software/EN/y/tested.exe"},
	} {
		var list distribute.Listing
		w := ask(s.Handler(), tt.path+"?format=json", nil)
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatalf("GET %s: %v", tt.path, err)
		}
		if list.Path != tt.path || len(list.Entries) == 0 || list.Entries[0].URL != tt.url {
			t.Errorf("GET %s: got %+v, want %s first", tt.path, list, tt.url)
		}
	}
}

// TestNoRings: a server that was given none has no such folder. One that was
// given nothing at all does not know, and its hosts come again.
func TestNoRings(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: fx.memory()}
	for _, path := range []string{"/rings/", "/rings/test/"} {
		if w := ask(s.Handler(), path, nil); w.Code != http.StatusServiceUnavailable {
			t.Errorf("GET %s before a catalog is loaded: status %d", path, w.Code)
		}
	}
	s.Swap(fx.view(t))
	for _, path := range []string{"/rings/", "/rings/test/"} {
		if w := ask(s.Handler(), path, nil); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, w.Code)
		}
	}
}
