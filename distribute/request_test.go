package distribute_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestRequests sends the raw requests of testdata/requests and compares the
// answers, but for their date, with what stands below the line in each file.
func TestRequests(t *testing.T) {
	_, srv := serveFixture(t)
	files, err := filepath.Glob("testdata/requests/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no request files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			request, want, _ := strings.Cut(string(raw), "----\n")
			got := exchange(t, srv.addr, unfold(request))
			if *update {
				if err := os.WriteFile(file, []byte(request+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: answer (-want +got):\n%s", file, diff)
			}
		})
	}
}

// unfold makes the bytes of a request: comments are left out, lines end in
// CRLF, and an empty line ends the header.
func unfold(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		b.WriteString(strings.TrimSuffix(line, "\n") + "\r\n")
	}
	return b.String() + "\r\n"
}

// scriptSizes finds the size and the digest of scripts in a listing, which are the
// business of distribute/script.
var scriptSizes = regexp.MustCompile(`(/(?:README\.txt|install\.cmd)"(?:,\s*"size": |>[^<]*</a></td><td class="size"><span title="))` +
	`\d+(?: bytes">[^<]*)?(?s:(.{0,150}?))[0-9a-f]{64}`)

// withoutScripts leaves out of a listing what changes with the scripts in it.
func withoutScripts(answer string) string {
	short := scriptSizes.ReplaceAllString(answer, "${1}SIZE${2}DIGEST")
	if short == answer {
		return answer
	}
	return regexp.MustCompile(`Content-Length: \d+`).ReplaceAllString(short, "Content-Length: N")
}

// exchange sends a request on a connection of its own and renders the answer:
// status, headers in order of name, and the digest of the body as it came.
func exchange(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the body: %v", err)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, res.Proto, res.Status)
	res.Header.Del("Date")
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(res.Header[name], " | "))
	}
	if len(res.TransferEncoding) > 0 {
		fmt.Fprintln(&b, "transfer encoding", res.TransferEncoding)
	}
	if kind := res.Header.Get("Content-Type"); len(body) > 0 && !strings.HasPrefix(kind, "application/octet") && !strings.HasPrefix(kind, "multipart/") {
		fmt.Fprintf(&b, "\n%s", body)
		return withoutScripts(b.String())
	}
	fmt.Fprintf(&b, "\nbody of %d bytes, SHA-256 %x\n", len(body), sha256.Sum256(body))
	return b.String()
}
