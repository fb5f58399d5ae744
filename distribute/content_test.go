package distribute_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"patchferry/distribute"
	"patchferry/layout"
)

// handlerOver returns a handler over a single file at oneFile, read through
// Source.Open.
func handlerOver(t testing.TB, content []byte) http.Handler {
	t.Helper()
	fx := &fixture{contents: map[string][]byte{}}
	fx.add(oneFile, content)
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t))
	return s.Handler()
}

const oneFile = "/Software/ALL/com_microsoft.other/any/one/file.exe"

func ask(h http.Handler, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestContentAgreesWithTheStandardLibrary sends requests with all mixtures of
// conditions and well-formed ranges to us and to http.ServeContent.
func TestContentAgreesWithTheStandardLibrary(t *testing.T) {
	content := randomBytes(9, 1000)
	etag := `"` + layout.DigestOf(content).String() + `"`
	ours := handlerOver(t, content)
	theirs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", etag)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", fixtureTime.Time(), bytes.NewReader(content))
	})
	date := func(hours int) string {
		return fixtureTime.Time().Add(time.Duration(hours) * time.Hour).Format(http.TimeFormat)
	}
	tags := []string{"", etag, "W/" + etag, `"other"`, `"other", ` + etag, "*", "bad"}
	dates := []string{"", date(0), date(1), date(-1), "yesterday"}
	ranges := []string{"", "bytes=0-0", "bytes=0-", "bytes=999-", "bytes=500-2000", "bytes=-1", "bytes=-5000", "bytes=1000-",
		"bytes=0-9,20-29", "bytes=0-9, 2000-", "bytes=5000-6000,7000-", "bytes=0-999,0-999"}
	rapid.Check(t, func(rt *rapid.T) {
		header := http.Header{}
		for name, values := range map[string][]string{
			"If-Match": tags, "If-None-Match": tags, "If-Modified-Since": dates, "If-Unmodified-Since": dates,
			"If-Range": {"", etag, "W/" + etag, `"other"`, date(0), date(1), date(-1)}, "Range": ranges,
		} {
			if v := rapid.SampledFrom(values).Draw(rt, name); v != "" {
				header.Set(name, v)
			}
		}
		got, want := ask(ours, oneFile, header), ask(theirs, oneFile, header)
		if got.Code != want.Code {
			rt.Fatalf("%v: status %d, http.ServeContent says %d", header, got.Code, want.Code)
		}
		for _, name := range [...]string{"Content-Range", "Content-Length"} {
			if got.Code == http.StatusPartialContent && !multi(got) && got.Header().Get(name) != want.Header().Get(name) {
				rt.Fatalf("%v: %s is %q, http.ServeContent says %q", header, name, got.Header().Get(name), want.Header().Get(name))
			}
		}
		if got.Code < 300 {
			if diff := cmp.Diff(parts(rt, want), parts(rt, got)); diff != "" {
				rt.Fatalf("%v: body (-http.ServeContent +got):\n%s", header, diff)
			}
		}
	})
}

func multi(w *httptest.ResponseRecorder) bool {
	return strings.HasPrefix(w.Header().Get("Content-Type"), "multipart/")
}

// parts returns the body as what it consists of, without the boundary.
func parts(t interface{ Fatal(...any) }, w *httptest.ResponseRecorder) []string {
	if !multi(w) {
		return []string{w.Body.String()}
	}
	_, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r := multipart.NewReader(w.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Header.Get("Content-Range")+"\n"+string(b))
	}
}

// FuzzRange holds the answer to any Range header to what every client may rely
// on: whole, part, or nothing there; lengths announced; bytes from their place.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-1", "bytes=0--1", "bytes=-0", "bytes=,", "bytes=1-0", "bytes=0-0,1-1", "bytes = 0-1",
		"bytes=99999999999999999999-", "bytes=-99999999999999999999", "BYTES=5-", "bytes=0-1;", "bytes=\t1-2 ,, 3-4"} {
		f.Add(seed)
	}
	content := randomBytes(9, 1000)
	h := handlerOver(f, content)
	f.Fuzz(func(t *testing.T, value string) {
		w := ask(h, oneFile, http.Header{"Range": {value}})
		if got, want := w.Header().Get("Content-Length"), fmt.Sprint(w.Body.Len()); got != want {
			t.Fatalf("Range %q: %s bytes announced, %s sent", value, got, want)
		}
		switch w.Code {
		case http.StatusOK:
			if !bytes.Equal(w.Body.Bytes(), content) {
				t.Fatalf("Range %q: 200 without the whole file", value)
			}
		case http.StatusRequestedRangeNotSatisfiable:
			if got := w.Header().Get("Content-Range"); got != "bytes */1000" {
				t.Fatalf("Range %q: 416 with Content-Range %q", value, got)
			}
		case http.StatusPartialContent:
			checkPart(t, w, content)
		default:
			t.Fatalf("Range %q: status %d", value, w.Code)
		}
	})
}

func checkPart(t *testing.T, w *httptest.ResponseRecorder, content []byte) {
	t.Helper()
	all := parts(t, w)
	if !multi(w) {
		all[0] = w.Header().Get("Content-Range") + "\n" + all[0]
	}
	for _, p := range all {
		header, body, _ := strings.Cut(p, "\n")
		var first, last, size int
		if _, err := fmt.Sscanf(header, "bytes %d-%d/%d", &first, &last, &size); err != nil {
			t.Fatalf("Content-Range %q: %v", header, err)
		}
		if size != len(content) || body != string(content[first:last+1]) {
			t.Fatalf("part %q does not hold those bytes", header)
		}
	}
}

// TestMultipartFitsBITS holds a part's header to the 180 bytes that BITS
// accepts.
func TestMultipartFitsBITS(t *testing.T) {
	w := ask(handlerOver(t, randomBytes(9, 1000)), oneFile, http.Header{"Range": {"bytes=0-9,20-29"}})
	head, _, _ := bytes.Cut(w.Body.Bytes(), []byte("\r\n\r\n"))
	if len(head) > 180 {
		t.Errorf("the header of a part has %d bytes", len(head))
	}
	if !bytes.HasPrefix(head, []byte("--")) {
		t.Errorf("the body begins with %q, not with a boundary", head[:4])
	}
}

// TestEveryPathLeadsToTheFile asks for each file of the fixture in all the
// ways in which it can be named.
func TestEveryPathLeadsToTheFile(t *testing.T) {
	fx, srv := serveFixture(t)
	for _, u := range fx.updates {
		for _, f := range u.Files {
			if !f.Held {
				continue
			}
			wantStatus := http.StatusOK
			if f.SHA256 == fx.meta.Revoked[0].SHA256 {
				wantStatus = http.StatusGone
			}
			for _, path := range []string{
				(&url.URL{Path: "/" + f.Path(u)}).EscapedPath(),
				(&url.URL{Path: strings.ToUpper("/" + f.Path(u))}).EscapedPath(),
				"/objects/sha256/" + f.SHA256.String(),
				"/objects/sha256/" + strings.ToUpper(f.SHA256.String()),
				layout.ContentPath(f.SHA1, f.Name[strings.LastIndexByte(f.Name, '.'):]),
			} {
				res, body := srv.do(t, http.MethodGet, path)
				if res.StatusCode != wantStatus {
					t.Errorf("GET %s: status %d, want %d", path, res.StatusCode, wantStatus)
				}
				if wantStatus == http.StatusOK && layout.DigestOf(body) != f.SHA256 {
					t.Errorf("GET %s: other bytes", path)
				}
			}
		}
	}
}
