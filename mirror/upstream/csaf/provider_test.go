package csaf_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/csaf"
	"patchferry/mirror/upstream/hostile"
)

// It is what the mirror asks of a source of bulletins.
var _ interface {
	List(ctx context.Context, prev json.RawMessage) (*layout.AnnouncedList, error)
	Get(ctx context.Context, item layout.Announced, prev layout.Validators) (*layout.Announcement, error)
} = (*csaf.Provider)(nil)

const when = "2024-01-02T03:04:05Z"

// site is a provider on loopback.
type site struct {
	t *testing.T
	*hostile.Publisher
	csaf *csaf.Provider
	now  time.Time
}

// newSite starts a provider with these files; {} in their text is its URL. The
// source is configured with the path below it.
func newSite(t *testing.T, path string, files map[string]string, hosts ...string) *site {
	t.Helper()
	s := &site{t: t, Publisher: hostile.NewTLS(nil), now: time.Date(2026, 8, 11, 12, 0, 0, 0, time.UTC)}
	t.Cleanup(s.Close)
	s.Server().Config.ErrorLog = quiet
	for name, text := range files {
		s.put(name, text)
	}
	address, err := csaf.Address(s.URL(path))
	if err != nil {
		t.Fatal(err)
	}
	origin, err := upstream.NewOrigin("vendor", address, hosts)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Server().Certificate())
	client := &upstream.Client{RootCAs: roots, Retries: -1, RetryWait: time.Millisecond, Stall: 2 * time.Second}
	t.Cleanup(client.Close)
	s.csaf = &csaf.Provider{
		Publisher: &upstream.Publisher{Client: client, Origin: origin},
		URL:       s.URL(path),
		Clock:     func() time.Time { return s.now },
	}
	return s
}

func (s *site) put(name, text string) {
	s.Put(name, []byte(strings.ReplaceAll(text, "{}", s.URL(""))))
}

// list lists, and fails on problems other than those wanted.
func (s *site) list(prev json.RawMessage, problems ...string) *layout.AnnouncedList {
	s.t.Helper()
	list, err := s.csaf.List(s.t.Context(), prev)
	if err != nil {
		s.t.Fatal(err)
	}
	wantProblems(s.t, list.Problems, problems...)
	return list
}

func wantProblems(t *testing.T, got []error, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d problems %v, want %q", len(got), got, want)
	}
	for i, w := range want {
		if !strings.Contains(got[i].Error(), w) {
			t.Errorf("problem %d is %q, want %q", i, got[i], w)
		}
	}
}

func (s *site) get(item layout.Announced, prev layout.Validators) *layout.Announcement {
	s.t.Helper()
	a, err := s.csaf.Get(s.t.Context(), item, prev)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// asked returns the paths that were asked for since the last call with the
// statuses of the answers.
func (s *site) asked(since *int) []string {
	log := s.Log()
	var all []string
	for _, r := range log[*since:] {
		all = append(all, fmt.Sprintf("%s %d", r.Path, r.Status))
	}
	*since = len(log)
	return all
}

func names(list *layout.AnnouncedList) []string {
	var all []string
	for _, item := range list.Items {
		all = append(all, item.Name+" "+item.Stamp)
	}
	return all
}

func wantList(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// directoryStyle is a trusted provider with one directory.
func directoryStyle() map[string]string {
	return map[string]string{
		"/csaf/provider-metadata.json": `{"canonical_url":"{}/csaf/provider-metadata.json","metadata_version":"2.0","role":"csaf_trusted_provider",` +
			`"distributions":[{"directory_url":"{}/csaf/white/"}],"public_openpgp_keys":[{"fingerprint":"C3C7","url":"{}/csaf/openpgp/C3C7.asc"}]}`,
		"/csaf/openpgp/C3C7.asc":         "key",
		"/csaf/white/index.txt":          "2024/a.json\n2024/b.json\n",
		"/csaf/white/changes.csv":        `"2024/b.json","2024-02-02T03:04:05Z"` + "\n" + `"2024/a.json","` + when + `"` + "\n",
		"/csaf/white/2024/a.json":        `{"a":1}`,
		"/csaf/white/2024/a.json.asc":    "signature of a",
		"/csaf/white/2024/a.json.sha512": "512 of a",
		"/csaf/white/2024/b.json":        `{"b":1}`,
		"/csaf/white/2024/b.json.sha256": "256 of b",
	}
}

func TestDirectory(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	list := s.list(nil)
	wantList(t, names(list), "2024/b.json 2024-02-02T03:04:05Z", "2024/a.json "+when)
	wantKeys := []layout.OfferedKey{{Claimed: "C3C7", URL: s.URL("/csaf/openpgp/C3C7.asc"), Data: []byte("key")}}
	if diff := cmp.Diff(wantKeys, list.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	item := list.Items[1]
	want := layout.Announced{Name: "2024/a.json", File: "a.json", By: s.URL("/csaf/white/2024/a.json"), Stamp: when}
	if item != want {
		t.Errorf("got %+v, want %+v", item, want)
	}

	a := s.get(item, layout.Validators{})
	if again := s.get(item, a.Validators); again.NotModified || again.Signature == nil {
		t.Error("the validators of a document with a stamp hide a new signature")
	}
	if a.TLSKey.IsZero() || a.At.IsZero() || a.Validators.IsZero() {
		t.Errorf("got TLS key %s, time %s, validators %v", a.TLSKey, a.At, a.Validators)
	}
	a.TLSKey, a.At, a.Validators = layout.Digest{}, layout.Time{}, layout.Validators{}
	wantA := &layout.Announcement{
		Original: []byte(`{"a":1}`), Signature: []byte("signature of a"), SigFile: "a.json.asc",
		Sums: []layout.Sum{{Name: "a.json.sha512", Text: []byte("512 of a")}},
	}
	if diff := cmp.Diff(wantA, a, cmp.Comparer(func(a, b layout.Time) bool { return a == b })); diff != "" {
		t.Errorf("a (-want +got):\n%s", diff)
	}
	b := s.get(list.Items[0], layout.Validators{})
	if b.Signature != nil || b.SigFile != "" || len(b.Sums) != 1 || b.Sums[0].Name != "b.json.sha256" {
		t.Errorf("b: got signature %q in %q, sums %v", b.Signature, b.SigFile, b.Sums)
	}
}

// TestIdle counts what an unchanged provider is asked.
func TestIdle(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	first := s.list(nil)
	since := len(s.Log())
	idle := s.list(first.Memory)
	if !idle.NotModified || idle.Items != nil {
		t.Errorf("got %+v", idle)
	}
	wantList(t, s.asked(&since), "/csaf/white/changes.csv 304")

	s.now = s.now.Add(25 * time.Hour)
	day := s.list(idle.Memory)
	if !day.NotModified {
		t.Error("modified after a day")
	}
	wantList(t, s.asked(&since), "/csaf/provider-metadata.json 304", "/csaf/white/changes.csv 304", "/csaf/white/index.txt 304")
	s.list(day.Memory)
	wantList(t, s.asked(&since), "/csaf/white/changes.csv 304")

	s.now = s.now.Add(-72 * time.Hour) // a clock that was wrong
	s.list(day.Memory)
	if n := len(s.asked(&since)); n != 3 {
		t.Errorf("%d requests after the clock was set back, want 3", n)
	}
}

// TestIdleWithoutValidators asks a server that knows neither ETag nor date.
func TestIdleWithoutValidators(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	s.Fault("/csaf/white/changes.csv", hostile.NoValidators{})
	first := s.list(nil)
	if again := s.list(first.Memory); !again.NotModified {
		t.Error("the same bytes count as a change")
	}
}

// TestChange changes one document and looks at what has another stamp.
func TestChange(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	first := s.list(nil)
	s.put("/csaf/white/2024/a.json", `{"a":2}`)
	s.put("/csaf/white/changes.csv", `"2024/a.json","2024-03-03T00:00:00Z"`+"\n"+`"2024/b.json","2024-02-02T03:04:05Z"`+"\n")
	since := len(s.Log())
	second := s.list(first.Memory)
	wantList(t, names(second), "2024/a.json 2024-03-03T00:00:00Z", "2024/b.json 2024-02-02T03:04:05Z")
	wantList(t, s.asked(&since), "/csaf/white/changes.csv 200", "/csaf/white/index.txt 200", "/csaf/openpgp/C3C7.asc 200")
	if a := s.get(second.Items[0], layout.Validators{}); string(a.Original) != `{"a":2}` {
		t.Errorf("got %s", a.Original)
	}
	since = len(s.Log())
	if again := s.list(second.Memory); !again.NotModified {
		t.Error("modified again")
	}
	wantList(t, s.asked(&since), "/csaf/white/changes.csv 304")
}

// TestIndexComesLate loses one of two indexes for once.
func TestIndexComesLate(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	s.put("/csaf/white/index.txt", "2024/a.json\n2024/b.json\n2024/c.json\n")
	s.Fault("/csaf/white/index.txt", hostile.Status{Code: 503, Times: 1})
	first := s.list(nil, "503")
	if second := s.list(first.Memory); len(second.Items) != 3 {
		t.Errorf("got %v", names(second))
	}
}

func TestMemoryMayBeAnything(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	good := s.list(nil)
	var odd map[string]any
	if err := json.Unmarshal(good.Memory, &odd); err != nil {
		t.Fatal(err)
	}
	change := func(key string, v any) json.RawMessage {
		c := map[string]any{}
		for k, old := range odd {
			c[k] = old
		}
		c[key] = v
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, memory := range []string{
		"null", "{", "7", `""`, `{"version":1}`, string(change("version", 99)), string(change("place", "https://other.example/")),
		string(change("pages", nil)), string(change("distributions", nil)), string(change("distributions", 7)), string(change("asked", "never")),
	} {
		list := s.list(json.RawMessage(memory))
		if list.NotModified || len(list.Items) != 2 {
			t.Errorf("memory %.60s: got %d items, not modified %v", memory, len(list.Items), list.NotModified)
		}
	}
}

// TestIndexes covers directories that lack one index, or whose indexes differ.
func TestIndexes(t *testing.T) {
	tests := []struct {
		name           string
		index, changes string // empty: missing
		want           []string
		problems       []string
	}{
		{name: "index alone", index: "2024/a.json\n", want: []string{"2024/a.json "}},
		{name: "changes alone", changes: "2024/a.json," + when, want: []string{"2024/a.json " + when}},
		{name: "in the index only", index: "2024/a.json\n2024/b.json\n", changes: "2024/a.json," + when, want: []string{"2024/a.json " + when, "2024/b.json "}},
		{name: "in the changes only", index: "2024/b.json\n", changes: "2024/a.json," + when, want: []string{"2024/a.json " + when, "2024/b.json "}},
		{name: "hostile", index: "../x.json\n/y.json\nhttps://evil.example/z.json\n2024\\w.json\n2024/a.json\n2024/a.json\n", want: []string{"2024/a.json "},
			problems: []string{"/csaf/index.txt: line 1", "line 2", "line 3", "line 4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{}
			if tt.index != "" {
				files["/csaf/index.txt"] = tt.index
			}
			if tt.changes != "" {
				files["/csaf/changes.csv"] = tt.changes
			}
			s := newSite(t, "/csaf/", files)
			wantList(t, names(s.list(nil, tt.problems...)), tt.want...)
		})
	}
}

// TestPageForPeople asks a site that has a page for everything.
func TestPageForPeople(t *testing.T) {
	s := newSite(t, "/csaf/", map[string]string{"/csaf/index.txt": "a.json\n"})
	s.Fault("/csaf/changes.csv", hostile.HTML{})
	list := s.list(nil)
	wantList(t, names(list), "a.json ")
	since := len(s.Log())
	s.list(list.Memory)
	wantList(t, s.asked(&since), "/csaf/index.txt 304")
	s.Fault("/csaf/index.txt", hostile.HTML{})
	_, err := s.csaf.List(t.Context(), nil)
	wantError(t, err, "file does not exist")
}

// TestUnstamped shows how documents without times are asked for.
func TestUnstamped(t *testing.T) {
	s := newSite(t, "/csaf/", map[string]string{"/csaf/index.txt": "a.json\n", "/csaf/a.json": "{}"})
	first := s.list(nil)
	since := len(s.Log())
	if !s.list(first.Memory).NotModified {
		t.Error("modified at once")
	}
	wantList(t, s.asked(&since), "/csaf/index.txt 304")
	s.now = s.now.Add(25 * time.Hour)
	day := s.list(first.Memory)
	wantList(t, names(day), "a.json ")
	a := s.get(day.Items[0], layout.Validators{})
	since = len(s.Log())
	if again := s.get(day.Items[0], a.Validators); !again.NotModified || again.Original != nil {
		t.Errorf("got %+v", again)
	}
	wantList(t, s.asked(&since), "/csaf/a.json 304")
}

// TestMSRC has the shape of Microsoft's: directories without a slash at their
// end, the same paths in both, nothing beside the documents.
func TestMSRC(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", map[string]string{
		"/csaf/provider-metadata.json":           `{"canonical_url":"{}/csaf/provider-metadata.json","distributions":[{"directory_url":"{}/csaf/vex"},{"directory_url":"{}/csaf/advisories"}]}`,
		"/csaf/advisories/index.txt":             "2025/c.json\n2025/d.json",
		"/csaf/advisories/changes.csv":           "2025/c.json,2024-11-12T08:00:00.0000000\n2025/d.json,2024-11-12T08:00:00.0000000",
		"/csaf/advisories/2025/c.json":           "{}",
		"/csaf/vex/index.txt":                    "2025/c.json\n2025/e.json\n",
		"/csaf/advisories/provider-metadata.txt": "",
	})
	s.csaf.Unsigned = true
	list := s.list(nil, "/csaf/vex/: 1 documents have the names of others")
	wantList(t, names(list), "2025/c.json 2024-11-12T08:00:00Z", "2025/d.json 2024-11-12T08:00:00Z", "2025/e.json ")
	if want := s.URL("/csaf/advisories/2025/c.json"); list.Items[0].By != want {
		t.Errorf("got %s, want %s", list.Items[0].By, want)
	}
	since := len(s.Log())
	if a := s.get(list.Items[0], layout.Validators{}); string(a.Original) == "" || a.TLSKey.IsZero() {
		t.Errorf("got %+v", a)
	}
	wantList(t, s.asked(&since), "/csaf/advisories/2025/c.json 200")

	// While the first directory fails, the second must not take its names.
	s.Fault("/csaf/advisories/changes.csv", hostile.Status{Code: 500})
	s.Fault("/csaf/advisories/index.txt", hostile.Status{Code: 500})
	s.put("/csaf/vex/index.txt", "2025/c.json\n2025/f.json\n")
	_, err := s.csaf.List(t.Context(), list.Memory)
	if err != nil {
		t.Fatal(err)
	}
	partial := s.list(list.Memory, "500", "/csaf/vex/: left out until every distribution can be read")
	if len(partial.Items) != 0 {
		t.Errorf("got %v", names(partial))
	}
}

// TestOneDirectory configures a directory without its metadata.
func TestOneDirectory(t *testing.T) {
	for _, path := range []string{"/csaf/vex", "/csaf/vex/", "/csaf/vex/index.txt", "/csaf/vex/changes.csv"} {
		s := newSite(t, path, map[string]string{"/csaf/vex/index.txt": "2025/e.json\n"})
		wantList(t, names(s.list(nil)), "2025/e.json ")
	}
}

const feed = `{"feed":{"id":"w","entry":[
 {"id":"A","updated":"2024-01-02T03:04:05Z","content":{"src":"{}/csaf/white/2024/a.json"},"link":[
  {"rel":"self","href":"{}/csaf/white/2024/a.json"},{"rel":"hash","href":"{}/sums/a.sha512"},{"rel":"signature","href":"{}/sigs/a.asc"}]},
 {"id":"B","updated":"2024-02-02T03:04:05Z","link":[{"rel":"self","href":"{}/csaf/white/2024/b.json"}]}]}}`

func rolieStyle() map[string]string {
	return map[string]string{
		"/csaf/provider-metadata.json": `{"canonical_url":"{}/csaf/provider-metadata.json","distributions":[{"rolie":{"feeds":[` +
			`{"tlp_label":"WHITE","url":"{}/csaf/white/feed.json"},{"tlp_label":"AMBER","url":"{}/csaf/amber/feed.json"}]}}]}`,
		"/csaf/white/feed.json":       feed,
		"/csaf/amber/feed.json":       `{"feed":{"entry":[{"id":"X","link":[{"rel":"self","href":"{}/csaf/amber/x.json"}]}]}}`,
		"/csaf/white/2024/a.json":     `{"a":1}`,
		"/sigs/a.asc":                 "signature of a",
		"/sums/a.sha512":              "512 of a",
		"/csaf/white/2024/b.json":     `{"b":1}`,
		"/csaf/white/2024/b.json.asc": "signature of b",
	}
}

func TestFeed(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", rolieStyle())
	list := s.list(nil)
	wantList(t, names(list), "2024/a.json "+when, "2024/b.json 2024-02-02T03:04:05Z")
	if s.Requests("/csaf/amber/feed.json") != 0 {
		t.Error("a feed that is not for everybody was asked for")
	}
	since := len(s.Log())
	a := s.get(list.Items[0], layout.Validators{})
	if string(a.Signature) != "signature of a" || a.SigFile != "a.asc" || len(a.Sums) != 1 || a.Sums[0].Name != "a.sha512" {
		t.Errorf("a: got %+v", a)
	}
	wantList(t, s.asked(&since), "/csaf/white/2024/a.json 200", "/sigs/a.asc 200", "/sums/a.sha512 200")
	if b := s.get(list.Items[1], layout.Validators{}); string(b.Signature) != "signature of b" {
		t.Errorf("b: got %+v", b)
	}
	since = len(s.Log())
	if !s.list(list.Memory).NotModified {
		t.Error("modified")
	}
	wantList(t, s.asked(&since), "/csaf/white/feed.json 304")
}

// TestConfiguredFeed names the feed itself, whatever its label.
func TestConfiguredFeed(t *testing.T) {
	s := newSite(t, "/csaf/amber/feed.json", rolieStyle())
	list := s.list(nil)
	wantList(t, names(list), "x.json ")
	if !s.list(list.Memory).NotModified {
		t.Error("modified")
	}
}

// TestFeedAndDirectory lists the same documents twice.
func TestFeedAndDirectory(t *testing.T) {
	for _, folder := range []string{"/csaf/a", "/csaf/z"} { // before and after the directory
		t.Run(folder, func(t *testing.T) { testFeedAndDirectory(t, folder+"/w.json") })
	}
}

func testFeedAndDirectory(t *testing.T, place string) {
	files := rolieStyle()
	files["/csaf/provider-metadata.json"] = `{"canonical_url":"{}/p.json","distributions":[{"directory_url":"{}/csaf/white","rolie":{"feeds":[{"tlp_label":"WHITE","url":"{}` + place + `"}]}}]}`
	files[place] = feed
	files["/csaf/white/index.txt"] = "2024/a.json\n2024/c.json\n"
	s := newSite(t, "/csaf/provider-metadata.json", files)
	list := s.list(nil)
	slices.SortFunc(list.Items, func(a, b layout.Announced) int { return strings.Compare(a.Name, b.Name) })
	wantList(t, names(list), "2024/a.json "+when, "2024/b.json 2024-02-02T03:04:05Z", "2024/c.json ")
	if a := s.get(list.Items[0], layout.Validators{}); a.SigFile != "a.asc" || len(a.Sums) != 1 || a.Sums[0].Name != "a.sha512" {
		t.Errorf("the feed's word on what stands beside the document is lost: %+v", a)
	}
	// The names do not depend on which list answers.
	s.Fault("/csaf/white/index.txt", hostile.Status{Code: 503})
	s.Fault("/csaf/white/changes.csv", hostile.Status{Code: 503})
	wantList(t, names(s.list(nil, "503")), "2024/a.json "+when, "2024/b.json 2024-02-02T03:04:05Z")
}

func TestDomain(t *testing.T) {
	metadata := `{"canonical_url":"{}/x/provider-metadata.json","distributions":[{"directory_url":"{}/csaf/white/"}]}`
	tests := []struct {
		name  string
		files map[string]string
		err   string
	}{
		{name: "well-known", files: map[string]string{"/.well-known/csaf/provider-metadata.json": metadata}},
		{name: "security.txt", files: map[string]string{"/.well-known/security.txt": "Contact: x\nCSAF: {}/none.json\nCSAF: {}/x.json\n", "/x.json": metadata}},
		{name: "old security.txt", files: map[string]string{"/security.txt": "CSAF: {}/x.json\n", "/x.json": metadata}},
		{name: "other host", files: map[string]string{"/security.txt": "CSAF: https://evil.example/x.json\n"}, err: `hosts = ["evil.example"]`},
		{name: "nothing", err: "no provider metadata of 127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := directoryStyle()
			for name, text := range tt.files {
				files[name] = text
			}
			s := newSite(t, "/", files)
			if tt.err != "" {
				_, err := s.csaf.List(t.Context(), nil)
				wantError(t, err, tt.err)
				return
			}
			list := s.list(nil)
			if len(list.Items) != 2 {
				t.Errorf("got %v", names(list))
			}
			since := len(s.Log())
			if !s.list(list.Memory).NotModified {
				t.Error("modified")
			}
			wantList(t, s.asked(&since), "/csaf/white/changes.csv 304")
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %q", err, want)
	}
}

func TestAddress(t *testing.T) {
	tests := []struct{ in, want, err string }{
		{in: "example.net", want: "https://example.net"},
		{in: " example.net:8443/ ", want: "https://example.net:8443/"},
		{in: "example.net/csaf", want: "https://example.net/csaf"},
		{in: "https://Example.net/csaf/index.txt", want: "https://example.net/csaf/"},
		{in: "http://example.net/csaf/changes.csv", want: "http://example.net/csaf/"},
		{in: "https://example.net/csaf/provider-metadata.json", want: "https://example.net/csaf/provider-metadata.json"},
		{in: "", err: "names no host"},
		{in: "ftp://example.net/", err: "not a URL of http or https"},
		{in: "https://u:p@example.net/", err: "user name or password"},
		{in: "https://", err: "names no host"},
	}
	for _, tt := range tests {
		got, err := csaf.Address(tt.in)
		if tt.err != "" {
			wantError(t, err, tt.err)
			continue
		}
		if err != nil || got.String() != tt.want {
			t.Errorf("%q: got %v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

// TestMoved moves the metadata and the directory.
func TestMoved(t *testing.T) {
	gone := hostile.Status{Code: 404}
	t.Run("by redirect", func(t *testing.T) {
		s := newSite(t, "/old.json", directoryStyle())
		s.Fault("/old.json", hostile.Redirect{To: s.URL("/csaf/provider-metadata.json")})
		if list := s.list(nil); len(list.Items) != 2 {
			t.Errorf("got %v", names(list))
		}
	})
	t.Run("without a word", func(t *testing.T) {
		files := directoryStyle()
		files["/old.json"] = files["/csaf/provider-metadata.json"]
		s := newSite(t, "/old.json", files)
		first := s.list(nil)
		s.Fault("/old.json", gone)
		s.now = s.now.Add(25 * time.Hour)
		_, err := s.csaf.List(t.Context(), first.Memory)
		wantError(t, err, "it last said that its place is "+s.URL("/csaf/provider-metadata.json"))
	})
	t.Run("out of order", func(t *testing.T) {
		s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
		first := s.list(nil)
		s.Fault("/csaf/provider-metadata.json", hostile.Status{Code: 500})
		s.now = s.now.Add(25 * time.Hour)
		if idle := s.list(first.Memory, "500"); !idle.NotModified {
			t.Error("modified")
		}
		s.put("/csaf/white/index.txt", "2024/a.json\n")
		s.put("/csaf/white/changes.csv", "2024/a.json,"+when)
		wantList(t, names(s.list(first.Memory, "500")), "2024/a.json "+when)
	})
	t.Run("the directory", func(t *testing.T) {
		s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
		first := s.list(nil)
		s.put("/csaf/provider-metadata.json", `{"canonical_url":"{}/csaf/provider-metadata.json","distributions":[{"directory_url":"{}/new/"}]}`)
		s.put("/new/index.txt", "2024/a.json\n")
		s.Fault("/csaf/white/index.txt", gone)
		s.Fault("/csaf/white/changes.csv", gone)
		list := s.list(first.Memory)
		if len(list.Items) != 1 || list.Items[0].By != s.URL("/new/2024/a.json") {
			t.Errorf("got %+v", list.Items)
		}
	})
}

// TestForeignHosts sends the source elsewhere in every way that a provider can.
func TestForeignHosts(t *testing.T) {
	asked := false
	evil := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer evil.Close()
	evil.Config.ErrorLog = quiet
	host := strings.TrimPrefix(evil.URL, "https://")

	files := rolieStyle()
	files["/csaf/provider-metadata.json"] = `{"canonical_url":"{}/p.json","distributions":[{"directory_url":"` + evil.URL + `/w/"},` +
		`{"rolie":{"feeds":[{"tlp_label":"WHITE","url":"{}/csaf/white/feed.json"}]}}],"public_openpgp_keys":[{"fingerprint":"AB","url":"` + evil.URL + `/k"}]}`
	files["/csaf/white/feed.json"] = `{"feed":{"entry":[{"id":"A","link":[{"rel":"self","href":"` + evil.URL + `/a.json"}]},{"id":"C","link":[{"rel":"self","href":"` + evil.URL + `/c.json"}]},` +
		`{"id":"B","updated":"2024-02-02T03:04:05Z","link":[{"rel":"self","href":"{}/b.json"},{"rel":"signature","href":"` + evil.URL + `/b.asc"}]},` +
		`{"id":"D","updated":"2024-02-02T03:04:05Z","link":[{"rel":"self","href":"{}/d.json"}]}]}}`
	files["/b.json"] = "{}"
	s := newSite(t, "/csaf/provider-metadata.json", files)
	s.Fault("/d.json", hostile.Redirect{To: evil.URL + "/d.json"})
	list := s.list(nil, `hosts = ["`+host+`"]`, "2 documents are not asked for", "key AB: ")
	if len(list.Items) != 2 {
		t.Fatalf("got %v", names(list))
	}
	for _, item := range list.Items {
		_, err := s.csaf.Get(t.Context(), item, layout.Validators{})
		var refused *upstream.HostError
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v", item.Name, err)
		}
	}
	if asked {
		t.Error("the foreign host was asked")
	}
}

func TestBodiesAreBounded(t *testing.T) {
	files := directoryStyle()
	files["/csaf/white/2024/a.json"] = strings.Repeat("a", 4<<20+1)
	files["/csaf/white/2024/b.json.asc"] = strings.Repeat("a", 4<<20+1)
	files["/csaf/white/index.txt"] = strings.Repeat("2024/a.json\n", 16<<20/12+1)
	s := newSite(t, "/csaf/provider-metadata.json", files)
	s.Fault("/csaf/white/2024/a.json", hostile.NoLength{}) // its size is not announced
	list := s.list(nil, "larger than the limit of 16777216 bytes")
	for _, item := range list.Items {
		_, err := s.csaf.Get(t.Context(), item, layout.Validators{})
		var limit *upstream.LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%s: got %v", item.Name, err)
		}
	}
}

// TestSidecars says what counts as not there.
func TestSidecars(t *testing.T) {
	const asc, sum = "/csaf/white/2024/a.json.asc", "/csaf/white/2024/a.json.sha512"
	tests := []struct {
		name  string
		path  string
		fault hostile.Fault
		err   string // empty: none, and the file counts as missing
	}{
		{name: "signature missing", path: asc, fault: hostile.Status{Code: 404}},
		{name: "signature gone", path: asc, fault: hostile.Status{Code: 410}},
		{name: "signature forbidden", path: asc, fault: hostile.Status{Code: 403}, err: "403"},
		{name: "signature in trouble", path: asc, fault: hostile.Status{Code: 503}, err: "503"},
		{name: "signature is a page", path: asc, fault: hostile.HTML{}, err: "HTML"},
		{name: "sum missing", path: sum, fault: hostile.Status{Code: 404}},
		{name: "sum forbidden", path: sum, fault: hostile.Status{Code: 403}},
		{name: "sum is a page", path: sum, fault: hostile.HTML{}},
		{name: "sum in trouble", path: sum, fault: hostile.Status{Code: 500}, err: "500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
			item := s.list(nil).Items[1]
			s.Fault(tt.path, tt.fault)
			a, err := s.csaf.Get(t.Context(), item, layout.Validators{})
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.path == asc && a.Signature != nil || tt.path == sum && a.Sums != nil {
				t.Errorf("got %+v", a)
			}
		})
	}
	t.Run("signature is empty", func(t *testing.T) {
		s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
		s.put(asc, "")
		if a := s.get(s.list(nil).Items[1], layout.Validators{}); a.Signature == nil || a.SigFile == "" {
			t.Errorf("an empty signature counts as none: %+v", a)
		}
	})
}

func TestListFails(t *testing.T) {
	tests := []struct {
		name, path string
		files      map[string]string
		err        string
	}{
		{name: "no metadata", path: "/p.json", err: "404"},
		{name: "no index", path: "/csaf/", err: "file does not exist"},
		{name: "neither metadata nor feed", path: "/p.json", files: map[string]string{"/p.json": `{"document":{"x":1}}`}, err: "canonical_url: there is no URL"},
		{name: "aggregator", path: "/a.json", files: map[string]string{"/a.json": `{"aggregator":{"x":1},"canonical_url":"{}/a.json"}`}, err: "aggregator"},
		{name: "for customers only", path: "/p.json", err: "no directory and no feed that is for everybody",
			files: map[string]string{"/p.json": `{"canonical_url":"{}/p.json","distributions":[{"rolie":{"feeds":[{"tlp_label":"RED","url":"{}/r.json"}]}}]}`}},
		{name: "large metadata", path: "/p.json", files: map[string]string{"/p.json": `{"canonical_url":"{}/p.json"}` + strings.Repeat(" ", 1<<20)}, err: "more than 1048576"},
		{name: "broken feed", path: "/f.json", files: map[string]string{"/f.json": `{"feed":{"entry":7}}`}, err: "entries: are not a JSON array"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newSite(t, tt.path, tt.files).csaf.List(t.Context(), nil)
			wantError(t, err, tt.err)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newSite(t, "/csaf/provider-metadata.json", directoryStyle()).csaf.List(ctx, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("everything in trouble", func(t *testing.T) {
		s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
		first := s.list(nil)
		s.Fault("/csaf/white/changes.csv", hostile.Status{Code: 500})
		_, err := s.csaf.List(t.Context(), first.Memory)
		wantError(t, err, "500")
	})
}

// TestKeyIsOptional loses a key, which loses nothing else.
func TestKeyIsOptional(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", directoryStyle())
	s.Fault("/csaf/openpgp/C3C7.asc", hostile.Status{Code: 404})
	list := s.list(nil, "key C3C7: ")
	if len(list.Keys) != 0 || len(list.Items) != 2 {
		t.Errorf("got %d keys, %d items", len(list.Keys), len(list.Items))
	}
}

// TestGetMayRunConcurrently is for the race detector.
func TestGetMayRunConcurrently(t *testing.T) {
	s := newSite(t, "/csaf/provider-metadata.json", rolieStyle())
	list := s.list(nil)
	done := make(chan error)
	for i := range 8 {
		go func() {
			_, err := s.csaf.Get(t.Context(), list.Items[i%2], layout.Validators{})
			done <- err
		}()
	}
	s.list(nil)
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
