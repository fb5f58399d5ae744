package upstream_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/mirror/upstream/hostile"
)

// fault is a publisher's fault and how a fetch of 900,000 bytes ends.
type fault struct {
	name     string
	faults   []hostile.Fault
	blind    bool   // nothing is stated
	want     []byte // what comes in spite of it
	err      string // or why it does not
	requests int    // 0: not looked at
	leaves   []string
}

var (
	body   = content(2, 900_000)
	other  = content(3, 900_000)
	longer = content(4, 950_000)
)

// TestFaultsOfTransport cuts, stalls and refuses.
func TestFaultsOfTransport(t *testing.T) {
	meet(t, []fault{
		{name: "cut once", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "cut at once", faults: []hostile.Fault{hostile.Cut{At: 0, Times: 3}}, want: body, requests: 4},
		{name: "cut often, each time with progress", faults: []hostile.Fault{hostile.Cut{At: 50_000, Times: 17}}, want: body, requests: 18},
		{name: "cut for ever without progress", faults: []hostile.Fault{hostile.NoRange{}, hostile.Cut{At: 300_000}},
			err: "only 300000 of 900000 bytes came in 7 attempts: unexpected EOF", requests: 7, leaves: []string{"file.json", "file.part"}},
		{name: "cut, nothing stated", blind: true, faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "cut, no validators, nothing stated", blind: true,
			faults: []hostile.Fault{hostile.NoValidators{}, hostile.Cut{At: 300_000, Times: 2}}, want: body, requests: 3},
		{name: "no ranges", faults: []hostile.Fault{hostile.NoRange{}, hostile.Cut{At: 300_000, Times: 2}}, want: body, requests: 3},
		{name: "weak ETag", faults: []hostile.Fault{hostile.WeakETag{}, hostile.Cut{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "stall once", faults: []hostile.Fault{hostile.Stall{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "stall before the headers", faults: []hostile.Fault{hostile.Stall{At: -1, Times: 1}}, want: body, requests: 2},
		{name: "stall for ever", faults: []hostile.Fault{hostile.Stall{At: 0}}, err: "only 0 of 900000 bytes came in 6 attempts: "},
		{name: "503 twice", faults: []hostile.Fault{hostile.Status{Code: 503, Times: 2}}, want: body, requests: 3},
		{name: "503 for ever", faults: []hostile.Fault{hostile.Status{Code: 503}}, err: "the server answered 503 Service Unavailable", requests: 6},
		{name: "503 for a day", faults: []hostile.Fault{hostile.Status{Code: 503, RetryAfter: "86400"}},
			err: "the server answered 503 Service Unavailable and asks to wait 24h0m0s, longer than 5m0s; try again later", requests: 1},
		{name: "429 for a day", faults: []hostile.Fault{hostile.Status{Code: 429, RetryAfter: "86400"}}, err: "429 Too Many Requests and asks to wait 24h0m0s", requests: 1},
		{name: "408", faults: []hostile.Fault{hostile.Status{Code: 408, Times: 1}}, want: body},
		{name: "425", faults: []hostile.Fault{hostile.Status{Code: 425, Times: 1}}, want: body},
		{name: "404", faults: []hostile.Fault{hostile.Status{Code: 404}}, err: "the server answered 404 Not Found", requests: 1},
		{name: "403", faults: []hostile.Fault{hostile.Status{Code: 403}}, err: "403 Forbidden", requests: 1},
		{name: "410", faults: []hostile.Fault{hostile.Status{Code: 410}}, err: "410 Gone", requests: 1},
		{name: "501", faults: []hostile.Fault{hostile.Status{Code: 501}}, err: "501 Not Implemented", requests: 1},
	})
}

// TestFaultsOfContent gives something else than the file.
func TestFaultsOfContent(t *testing.T) {
	meet(t, []fault{
		{name: "length too long", faults: []hostile.Fault{hostile.Length{By: 1000}}, err: "size is 901000, want 900000"},
		{name: "length too short", faults: []hostile.Fault{hostile.Length{By: -1000}}, err: "size is 899000, want 900000"},
		{name: "length too long once", faults: []hostile.Fault{hostile.Length{By: 1000, Times: 1}}, want: body},
		{name: "length too long, nothing stated", blind: true, faults: []hostile.Fault{hostile.Length{By: 1000, Times: 1}}, want: body},
		{name: "length too long for ever, nothing stated", blind: true, faults: []hostile.Fault{hostile.Length{By: 1000}}, err: "901000"},
		{name: "changed between two ranges", blind: true,
			faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: other}}, want: other},
		{name: "changed between two ranges, other length", blind: true,
			faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: longer, SameValidators: true}}, want: longer},
		{name: "changed unseen", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: other, SameValidators: true}},
			err: "sha256 is ", leaves: []string{"file.bad"}},
		{name: "changed unseen and back", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1},
			hostile.Change{To: other, SameValidators: true}, hostile.Good{Times: 1}, hostile.Change{To: body}}, want: body, requests: 3},
		{name: "weak ETag, changed", blind: true,
			faults: []hostile.Fault{hostile.WeakETag{}, hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: other}}, want: other},
		{name: "HTML", faults: []hostile.Fault{hostile.HTML{}}, err: "the answer is an HTML page and not the file"},
		{name: "HTML, nothing stated", blind: true, faults: []hostile.Fault{hostile.HTML{}}, err: "is an HTML page"},
		{name: "HTML without a type", blind: true, faults: []hostile.Fault{hostile.HTML{Type: "-"}}, err: "is an HTML page"},
		{name: "HTML called a file", blind: true, faults: []hostile.Fault{hostile.HTML{Type: "application/octet-stream"}}, err: "is an HTML page"},
		{name: "wrong bytes", faults: []hostile.Fault{hostile.WrongBytes{At: 450_000}}, err: "sha256 is ", leaves: []string{"file.bad"}},
		{name: "wrong bytes once", faults: []hostile.Fault{hostile.WrongBytes{At: 450_000, Times: 1}}, want: body},
		{name: "range from elsewhere", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.WrongRange{By: 10, Times: 1}}, want: body},
		{name: "range from elsewhere for ever", faults: []hostile.Fault{hostile.WrongRange{By: 10}, hostile.Cut{At: 300_000}}, err: "begins at byte 300010 and not at 300000"},
		{name: "no length", faults: []hostile.Fault{hostile.NoLength{}}, want: body},
		{name: "no length, nothing stated", blind: true, faults: []hostile.Fault{hostile.NoLength{}}, want: body},
		{name: "no length, to the end of the connection", faults: []hostile.Fault{hostile.NoLength{Close: true}}, want: body},
		{name: "no length, cut", faults: []hostile.Fault{hostile.NoLength{Close: true}, hostile.Cut{At: 300_000, Times: 1}}, want: body},
		{name: "no length, to the end of the connection, nothing stated", blind: true, faults: []hostile.Fault{hostile.NoLength{Close: true}},
			err: "does not say how long it is"},
	})
}

// TestFaultsOfRedirects leads astray.
func TestFaultsOfRedirects(t *testing.T) {
	meet(t, []fault{
		{name: "redirect away", faults: []hostile.Fault{hostile.Redirect{To: "http://elsewhere.example/a.exe"}},
			err: `source "xp" may not use host "elsewhere.example"; if it belongs to the publisher, add hosts = ["elsewhere.example"]`, requests: 1},
		{name: "redirect to a private address", faults: []hostile.Fault{hostile.Redirect{To: "http://10.0.0.1/a.exe"}},
			err: `may not use host "10.0.0.1"`, requests: 1},
		{name: "redirect to another port", faults: []hostile.Fault{hostile.Redirect{To: "http://127.0.0.1:9/a.exe"}},
			err: `may not use host "127.0.0.1:9"`, requests: 1},
		{name: "redirect to a file", faults: []hostile.Fault{hostile.Redirect{To: "file:///etc/passwd"}}, err: "it is neither http nor https", requests: 1},
		{name: "redirect for ever", faults: []hostile.Fault{hostile.Redirect{To: "/a.exe"}}, err: "more than 5 in a row", requests: 6},
		{name: "redirect with a password", faults: []hostile.Fault{hostile.Redirect{To: "http://u:p@127.0.0.1/a.exe"}},
			err: "it holds a user name or password", requests: 1},
	})
}

func meet(t *testing.T, tests []fault) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string][]byte{"/a.exe": body})
			if strings.HasPrefix(tt.name, "stall") {
				b.client.Stall = short
			}
			b.publisher.Fault("/a.exe", tt.faults...)
			w := b.want("/a.exe", body)
			if tt.blind {
				w = b.want("/a.exe", nil)
			}
			_, err := b.client.Fetch(t.Context(), b.origin, w)
			if tt.requests > 0 && b.publisher.Requests("/a.exe") != tt.requests {
				t.Errorf("got %d requests, want %d", b.publisher.Requests("/a.exe"), tt.requests)
			}
			if tt.err != "" {
				wantError(t, err, "fetch "+w.URL, tt.err)
				if diff := cmp.Diff(append([]string{}, tt.leaves...), b.names(t)); diff != "" {
					t.Errorf("files (-want +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if read, err := os.ReadFile(w.Path); err != nil || !bytes.Equal(read, tt.want) {
				t.Errorf("the file has other bytes (%v)", err)
			}
			if diff := cmp.Diff([]string{}, b.discarded(t, w)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}
