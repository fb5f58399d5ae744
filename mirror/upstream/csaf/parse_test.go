package csaf

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"patchferry/layout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseIndex(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
		bad      string // in the first problem; empty: none
	}{
		{name: "plain", in: "2024/a.json\n2025/b.json\n", want: []string{"2024/a.json", "2025/b.json"}},
		{name: "no newline at the end", in: "2025/a.json\n2025/b.json", want: []string{"2025/a.json", "2025/b.json"}},
		{name: "CRLF, mark, blanks, blank lines", in: "\ufeff2024/a.json \r\n\r\n\t2025/b.json\r\n", want: []string{"2024/a.json", "2025/b.json"}},
		{name: "UTF-16", in: "\xff\xfe2\x00/\x00a\x00.\x00j\x00s\x00o\x00n\x00\n\x00", want: []string{"2/a.json"}},
		{name: "dot before", in: "./2024/a.json\n", want: []string{"2024/a.json"}},
		{name: "not in a year", in: "a.json\n", want: []string{"a.json"}},
		{name: "twice", in: "2024/a.json\n./2024/a.json\n2024/a.json\n", want: []string{"2024/a.json"}},
		{name: "files beside", in: "2024/a.json\n2024/a.json.asc\n2024/a.json.sha256\n2024/a.json.sha512\nprovider-metadata.json\nindex.txt\nchanges.csv\n", want: []string{"2024/a.json"}},
		{name: "escape is a name", in: "2024/%2e%2e.json\n", want: []string{"2024/%2e%2e.json"}},
		{name: "upwards", in: "../a.json\n2024/b.json\n", want: []string{"2024/b.json"}, bad: "line 1: path"},
		{name: "upwards inside", in: "2024/../../a.json\n", bad: "line 1: path"},
		{name: "absolute", in: "/etc/a.json\n", bad: "not relative"},
		{name: "URL", in: "https://evil.example/a.json\n", bad: "is a URL"},
		{name: "other host", in: "//evil.example/a.json\n", bad: "not relative"},
		{name: "backslash", in: `2024\a.json` + "\n", bad: "2024"},
		{name: "drive", in: "C:/a.json\n", bad: "C:"},
		{name: "NUL", in: "2024/a\x00.json\n", bad: "path"},
		{name: "query", in: "2024/a.json?x=.json\n", bad: "path"},
		{name: "empty component", in: "2024//a.json\n", bad: "component"},
		{name: "device", in: "2024/con.json\n", bad: "component"},
		{name: "code page", in: "2024/\xe4.json\n", bad: "not UTF-8"},
		{name: "other file", in: "2024/setup.exe\n", bad: "not the name of a JSON document"},
		{name: "long line", in: strings.Repeat("a", maxLine+1) + ".json\n2024/b.json\n", want: []string{"2024/b.json"}, bad: "longer than"},
		{name: "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, bad := parseIndex([]byte(tt.in))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantProblem(t, bad, tt.bad)
		})
	}
}

func wantProblem(t *testing.T, bad *problems, want string) {
	t.Helper()
	if want == "" && len(bad.errs) == 0 {
		return
	}
	if want == "" || len(bad.errs) == 0 || !strings.Contains(bad.errs[0].Error(), want) {
		t.Errorf("got problems %v, want %q", bad.errs, want)
	}
}

func TestParseChanges(t *testing.T) {
	const at = "2024-01-02T03:04:05Z"
	tests := []struct {
		name, in string
		want     []change
		bad      string
	}{
		{name: "quoted", in: `"2024/a.json","2024-01-02T03:04:05Z"`, want: []change{{"2024/a.json", at}}},
		{name: "half quoted", in: `2024/a.json,"2024-01-02T03:04:05Z"`, want: []change{{"2024/a.json", at}}},
		{name: "bare", in: `2024/a.json,2024-01-02T03:04:05Z`, want: []change{{"2024/a.json", at}}},
		{name: "blanks", in: ` "2024/a.json" , "2024-01-02T03:04:05Z" `, want: []change{{"2024/a.json", at}}},
		{name: "swapped", in: `2024-01-02T03:04:05Z,2024/a.json`, want: []change{{"2024/a.json", at}}},
		{name: "third column", in: `"2024/a.json","2024-01-02T03:04:05Z","x"`, want: []change{{"2024/a.json", at}}},
		{name: "zone", in: `2024/a.json,2024-01-02T05:04:05+02:00`, want: []change{{"2024/a.json", at}}},
		{name: "microseconds", in: `2024/a.json,2024-01-02T03:04:05.000000Z`, want: []change{{"2024/a.json", at}}},
		{name: "no zone", in: `2024/a.json,2024-01-02T03:04:05.0000000`, want: []change{{"2024/a.json", at}}},
		{name: "no seconds", in: `2024/a.json,2024-01-02T03:04Z`, want: []change{{"2024/a.json", "2024-01-02T03:04:00Z"}}},
		{name: "blank for T", in: `2024/a.json,2024-01-02 03:04:05`, want: []change{{"2024/a.json", at}}},
		{name: "day", in: `2024/a.json,2024-01-02`, want: []change{{"2024/a.json", "2024-01-02T00:00:00Z"}}},
		{name: "heading", in: "filename,date\n2024/a.json," + at, want: []change{{"2024/a.json", at}}},
		{name: "heading later", in: "2024/a.json," + at + "\nfilename,date", want: []change{{"2024/a.json", at}}, bad: "line 2"},
		{name: "the latest of two counts", in: "2024/a.json,2024-01-01\n2024/a.json," + at + "\n2024/a.json,2023-01-01", want: []change{{"2024/a.json", at}}},
		{name: "no time", in: `2024/a.json,yesterday`, want: []change{{"2024/a.json", ""}}, bad: `line 1: "yesterday" is not a time`},
		{name: "one column", in: `2024/a.json`, want: []change{{"2024/a.json", ""}}, bad: "is not a time"},
		{name: "files beside", in: "2024/a.json,2024-01-02T03:04:05Z\n2024/a.json.asc,2024-01-02T03:04:05Z", want: []change{{"2024/a.json", at}}},
		{name: "upwards", in: `"../a.json","2024-01-02T03:04:05Z"`, bad: "line 1: path"},
		{name: "quotes", in: `"2024/a.json,"2024-01-02T03:04:05Z"`, bad: "quotes"},
		{name: "open quote", in: `"2024/a.json`, bad: "quotes"},
		{name: "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, bad := parseChanges([]byte(tt.in))
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(change{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantProblem(t, bad, tt.bad)
		})
	}
}

// TestListsAreBounded gives each parser more than it may take.
func TestListsAreBounded(t *testing.T) {
	var index, changes strings.Builder
	feed := `{"feed":{"entry":[` + strings.Repeat("{},", maxItems) + `{}]}}`
	links := `{"feed":{"entry":[{"link":[` + strings.Repeat("{},", maxLinks) + `{}]}]}}`
	for i := range maxItems + 1 {
		fmt.Fprintf(&index, "2024/%d.json\n", i)
		fmt.Fprintf(&changes, "2024/%d.json,2024-01-02\n", i)
	}
	paths, bad := parseIndex([]byte(index.String()))
	if len(paths) != maxItems {
		t.Errorf("index: got %d paths", len(paths))
	}
	wantProblem(t, bad, "more than 200000 lines")
	lines, bad := parseChanges([]byte(changes.String()))
	if len(lines) != maxItems {
		t.Errorf("changes: got %d lines", len(lines))
	}
	wantProblem(t, bad, "more than 200000 lines")
	if _, _, err := parseFeed([]byte(feed), parse(t, "https://a.example/f.json")); err == nil || !strings.Contains(err.Error(), "more than 200000") {
		t.Errorf("feed: got %v", err)
	}
	_, bad, err := parseFeed([]byte(links), parse(t, "https://a.example/f.json"))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, bad, "links: are more than 64")
	_, bad = parseIndex([]byte(strings.Repeat("../x.json\n", 1000)))
	if got := bad.of("x"); len(got) != maxProblems+1 || !strings.Contains(got[maxProblems].Error(), "980 more") {
		t.Errorf("got %d problems, the last %v", len(got), got[len(got)-1])
	}
}

func TestParseMetadata(t *testing.T) {
	const canonical = `"canonical_url":"https://a.example/csaf/provider-metadata.json"`
	tests := []struct {
		name, in string
		want     []distribution
		keys     []keyPlace
		bad, err string
	}{
		{name: "directory", in: `{` + canonical + `,"distributions":[{"directory_url":"https://a.example/csaf/white/"}]}`,
			want: []distribution{{URL: "https://a.example/csaf/white/"}}},
		{name: "no slash at the end", in: `{` + canonical + `,"metadata_version":"2.0","distributions":[{"directory_url":"https://a.example/csaf/vex"},{"directory_url":"https://a.example/csaf/advisories"}]}`,
			want: []distribution{{URL: "https://a.example/csaf/advisories/"}, {URL: "https://a.example/csaf/vex/"}}},
		{name: "feeds for everybody", in: `{` + canonical + `,"distributions":[{"rolie":{"feeds":[` +
			`{"tlp_label":"WHITE","url":"https://a.example/w.json"},{"tlp_label":"clear","url":"https://a.example/c.json"},{"tlp_label":"TLP:WHITE","url":"https://a.example/t.json"},` +
			`{"tlp_label":"GREEN","url":"https://a.example/g.json"},{"tlp_label":"UNLABELED","url":"https://a.example/u.json"},{"tlp_label":"","url":"https://a.example/n.json"}]}}]}`,
			want: []distribution{{"https://a.example/c.json", true}, {"https://a.example/t.json", true}, {"https://a.example/w.json", true}}},
		{name: "folders of other labels", in: `{` + canonical + `,"distributions":[{"directory_url":"https://a.example/white"},{"directory_url":"https://a.example/AMBER/"},{"directory_url":"https://a.example/green"}]}`,
			want: []distribution{{URL: "https://a.example/white/"}}},
		{name: "directory and feed", in: `{` + canonical + `,"distributions":[{"directory_url":"https://a.example/w/","rolie":{"feeds":[{"tlp_label":"WHITE","url":"https://a.example/w/f.json"}]}}]}`,
			want: []distribution{{URL: "https://a.example/w/"}, {URL: "https://a.example/w/f.json", Feed: true}}},
		{name: "twice", in: `{` + canonical + `,"distributions":[{"directory_url":"https://a.example/w"},{"directory_url":"https://A.example/w/"}]}`,
			want: []distribution{{URL: "https://a.example/w/"}}},
		{name: "none named", in: `{` + canonical + `}`, want: []distribution{{URL: "https://a.example/csaf/"}}},
		{name: "keys", in: `{` + canonical + `,"public_openpgp_keys":[{"fingerprint":"ABCD","url":"https://a.example/k.asc"},{"fingerprint":"EF","url":"file:///etc/passwd"}]}`,
			want: []distribution{{URL: "https://a.example/csaf/"}}, keys: []keyPlace{{"ABCD", "https://a.example/k.asc"}}, bad: `key "EF"`},
		{name: "leaves https", in: `{` + canonical + `,"distributions":[{"directory_url":"http://a.example/w"},{"directory_url":"https://a.example/x"}]}`,
			want: []distribution{{URL: "https://a.example/x/"}}, bad: "leaves https"},
		{name: "password", in: `{` + canonical + `,"distributions":[{"directory_url":"https://u:p@a.example/w"}]}`, bad: "user name or password"},
		{name: "query", in: `{` + canonical + `,"distributions":[{"directory_url":"https://a.example/w?x"}]}`, bad: "query"},
		{name: "unused members of wrong type", in: `{` + canonical + `,"role":7,"publisher":[],"last_updated":{}}`, want: []distribution{{URL: "https://a.example/csaf/"}}},
		{name: "byte order mark", in: "\ufeff{" + canonical + `}`, want: []distribution{{URL: "https://a.example/csaf/"}}},
		{name: "no canonical_url", in: `{"distributions":[]}`, err: "canonical_url: there is no URL"},
		{name: "canonical_url of no web", in: `{"canonical_url":"javascript:x"}`, err: "canonical_url"},
		{name: "version 3", in: `{` + canonical + `,"metadata_version":"3.0"}`, err: `version "3.0"`},
		{name: "aggregator", in: `{"aggregator":{},"canonical_url":"https://a.example/aggregator.json"}`, err: "aggregator's list"},
		{name: "too many", in: `{` + canonical + `,"distributions":[` + strings.Repeat(`{},`, maxDistributions) + `{}]}`, err: "has 65 distributions"},
		{name: "too many feeds", in: `{` + canonical + `,"distributions":[{"rolie":{"feeds":[` + manyFeeds(maxDistributions+1) + `]}}]}`, err: "has 65 directories and feeds"},
		{name: "HTML", in: "<html>", err: "is not the JSON"},
		{name: "empty", err: "is not the JSON"},
		{name: "two values", in: `{} {}`, err: "is not the JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, bad, err := parseMetadata([]byte(tt.in), parse(t, "https://a.example/csaf/provider-metadata.json"))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, m.distributions); diff != "" {
				t.Errorf("distributions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.keys, m.keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			wantProblem(t, bad, tt.bad)
		})
	}
}

func manyFeeds(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"tlp_label":"WHITE","url":"https://a.example/%d.json"}`, i))
	}
	return strings.Join(all, ",")
}

func TestParseFeed(t *testing.T) {
	const self = `{"rel":"self","href":"https://a.example/csaf/2024/a.json"}`
	one := func(entry string) string { return `{"feed":{"id":"x","entry":[` + entry + `]}}` }
	const at = "2024-01-02T03:04:05Z"
	tests := []struct {
		name, in string
		want     []entry
		bad, err string
	}{
		{name: "as CSAF asks", in: one(`{"id":"A","updated":"2024-01-02T03:04:05Z","content":{"src":"https://a.example/csaf/2024/a.json"},"link":[` + self +
			`,{"rel":"hash","href":"https://a.example/csaf/2024/a.json.sha256"},{"rel":"hash","href":"https://a.example/csaf/2024/a.json.sha512"},{"rel":"signature","href":"https://a.example/csaf/2024/a.json.asc"}]}`),
			want: []entry{{url: "https://a.example/csaf/2024/a.json", stamp: at}}},
		{name: "elsewhere", in: one(`{"id":"A","updated":"2024-01-02T03:04:05Z","link":[` + self +
			`,{"rel":"hash","href":"https://a.example/h/a.SHA512"},{"rel":"hash","href":"https://a.example/h/a.md5"},{"rel":"signature","href":"../sig/a.asc"}]}`),
			want: []entry{{url: "https://a.example/csaf/2024/a.json", stamp: at, files: files{signature: "https://a.example/sig/a.asc", sums: []string{"https://a.example/h/a.SHA512"}}}}},
		{name: "content alone", in: one(`{"content":{"src":"2024/a.json"}}`), want: []entry{{url: "https://a.example/csaf/2024/a.json"}}},
		{name: "no seconds", in: one(`{"updated":"2020-09-08T00:00Z","link":[` + self + `]}`), want: []entry{{url: "https://a.example/csaf/2024/a.json", stamp: "2020-09-08T00:00:00Z"}}},
		{name: "twice", in: one(`{"link":[` + self + `]},{"link":[` + self + `]}`), want: []entry{{url: "https://a.example/csaf/2024/a.json"}}},
		{name: "twice, the later counts", in: one(`{"updated":"2024-01-01","link":[` + self + `]},{"updated":"2024-01-02T03:04:05Z","link":[` + self + `]},{"updated":"2023-01-01","link":[` + self + `]}`),
			want: []entry{{url: "https://a.example/csaf/2024/a.json", stamp: at}}},
		{name: "members of wrong type", in: one(`{"id":7,"updated":[],"content":"x","link":[{"rel":1,"href":2},` + self + `,7]},8`),
			want: []entry{{url: "https://a.example/csaf/2024/a.json"}}, bad: `entry "": there is no URL`},
		{name: "no place", in: one(`{"id":"A"},{"link":[` + self + `]}`), want: []entry{{url: "https://a.example/csaf/2024/a.json"}}, bad: `entry "A": there is no URL`},
		{name: "no document", in: one(`{"id":"A","link":[{"rel":"self","href":"https://a.example/a.html"}]}`), bad: "names no JSON document"},
		{name: "leaves https", in: one(`{"id":"A","link":[{"rel":"self","href":"http://a.example/a.json"}]}`), bad: "leaves https"},
		{name: "local file", in: one(`{"id":"A","link":[{"rel":"self","href":"file:///a.json"}]}`), bad: "not a URL of http"},
		{name: "signature in a local file", in: one(`{"id":"A","link":[` + self + `,{"rel":"signature","href":"file:///a.asc"}]}`), bad: "signature: "},
		{name: "no entries", in: `{"feed":{}}`},
		{name: "null", in: `{"feed":{"entry":null}}`},
		{name: "no signature", in: one(`{"link":[` + self + `,{"rel":"signature"}]}`), bad: "signature: there is no URL"},
		{name: "entries of wrong type", in: `{"feed":{"entry":{}}}`, err: "entries: are not a JSON array"},
		{name: "no feed", in: `{"canonical_url":"x"}`, err: "is not a ROLIE feed"},
		{name: "XML", in: `<feed/>`, err: "is not the JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, bad, err := parseFeed([]byte(tt.in), parse(t, "https://a.example/csaf/feed.json"))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(entry{}, files{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantProblem(t, bad, tt.bad)
		})
	}
}

func TestParseSecurity(t *testing.T) {
	in := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# a comment: CSAF: https://x.example/\nContact: mailto:a@a.example\r\n" +
		"CSAF: https://a.example/csaf/provider-metadata.json\ncsaf:https://b.example/p.json\nCSAF: http://c.example/p.json\nCSAF: ftp://d.example/p.json\nCSAF:\n"
	var got []string
	for _, u := range parseSecurity([]byte(in)) {
		got = append(got, u.String())
	}
	want := []string{"https://a.example/csaf/provider-metadata.json", "https://b.example/p.json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := parseSecurity([]byte(strings.Repeat("CSAF: https://a.example/p.json\n", 100))); len(got) != maxSecurityCSAF {
		t.Errorf("got %d places, want %d", len(got), maxSecurityCSAF)
	}
}

func parse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// wantBelow holds paths from an index to what no index may name.
func wantBelow(t *testing.T, p string) {
	t.Helper()
	base := parse(t, "https://a.example/csaf/white/")
	u := parse(t, below(base, p))
	if u.Host != base.Host || u.Scheme != "https" || u.Path != base.Path+p || u.RawQuery != "" || u.Fragment != "" {
		t.Fatalf("%q leads to %s", p, u)
	}
	if err := layout.CheckPath(p); err != nil {
		t.Fatal(err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("2024/a.json\r\n../b.json\n/c.json\nd%2e%2e/e.json\n2024/f.json.asc\n"))
	f.Add([]byte("\xff\xfe2\x00/\x00a\x00.\x00j\x00s\x00o\x00n\x00\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		paths, _ := parseIndex(b)
		seen := map[string]bool{}
		for _, p := range paths {
			wantBelow(t, p)
			if seen[p] {
				t.Fatalf("%q came twice", p)
			}
			seen[p] = true
		}
	})
}

func FuzzChanges(f *testing.F) {
	f.Add([]byte("\"2024/a.json\",\"2024-01-02T03:04:05Z\"\n2024-01-02T03:04:05Z,b.json\n\"x.json\n"))
	f.Add([]byte("filename,date\nc.json,2024-11-12T08:00:00.0000000\nd.json,never\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		changes, _ := parseChanges(b)
		seen := map[string]bool{}
		for _, c := range changes {
			wantBelow(t, c.path)
			if seen[c.path] {
				t.Fatalf("%q came twice", c.path)
			}
			seen[c.path] = true
			if again := stamp(c.stamp); again != c.stamp {
				t.Fatalf("stamp %q is read as %q", c.stamp, again)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"canonical_url":"https://a.example/p.json","distributions":[{"directory_url":"https://a.example/w"},{"rolie":{"feeds":[{"tlp_label":"WHITE","url":"https://a.example/f.json"}]}}],"public_openpgp_keys":[{"fingerprint":"AB","url":"k.asc"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := parseMetadata(b, parse(t, "https://a.example/csaf/provider-metadata.json"))
		if err != nil {
			return
		}
		if len(m.distributions) > maxDistributions || len(m.keys) > maxKeys {
			t.Fatalf("got %d distributions and %d keys", len(m.distributions), len(m.keys))
		}
		for _, d := range m.distributions {
			wantHTTPS(t, d.URL)
			if !d.Feed && !strings.HasSuffix(d.URL, "/") {
				t.Fatalf("directory %s", d.URL)
			}
		}
		for _, k := range m.keys {
			wantHTTPS(t, k.URL)
		}
	})
}

func FuzzRolie(f *testing.F) {
	f.Add([]byte(`{"feed":{"entry":[{"id":"A","updated":"2024-01-02T03:04:05Z","content":{"src":"a.json"},"link":[{"rel":"self","href":"https://b.example/a.json"},{"rel":"hash","href":"a.json.sha512"},{"rel":"signature","href":"//c.example/a.json.asc"}]}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, _, err := parseFeed(b, parse(t, "https://a.example/csaf/feed.json"))
		if err != nil {
			return
		}
		for _, e := range entries {
			wantHTTPS(t, e.url)
			if e.files.signature != "" {
				wantHTTPS(t, e.files.signature)
			}
			for _, s := range e.files.sums {
				wantHTTPS(t, s)
			}
		}
	})
}

func wantHTTPS(t *testing.T, s string) {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		t.Fatalf("%q: %v", s, err)
	}
}
