// Curl stands in for curl.exe, which Windows brings since 2018 and Wine does not: it
// really fetches, and knows the options that scripts of patchferry use. An option
// that it does not know ends it with 2, as the real one.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// The exit codes of curl that scripts may see.
const (
	unknownOption = 2
	noConnection  = 7
	refused       = 22 // an answer of 400 or more, with --fail
	noWrite       = 23
)

// request is what the arguments ask for.
type request struct {
	url, output string
	fail        bool
	resume      bool
	data        string // of a POST; @FILE is a file's content
	post        bool
	header      http.Header
}

func main() {
	r, err := parse(os.Args[1:])
	code := unknownOption
	if err == nil {
		code, err = r.fetch()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
	}
	record(code)
	os.Exit(code)
}

// parse reads the arguments, of which flags of one letter may stand together.
func parse(args []string) (*request, error) {
	r := &request{header: make(http.Header)}
	for i := 0; i < len(args); i++ {
		next := func() string {
			if i++; i < len(args) {
				return args[i]
			}
			return ""
		}
		if err := r.option(args[i], next); err != nil {
			return nil, err
		}
	}
	if r.url == "" {
		return nil, errors.New("no URL specified")
	}
	return r, nil
}

func (r *request) option(a string, next func() string) error {
	switch a {
	case "-f", "--fail":
		r.fail = true
	case "-s", "--silent", "-S", "--show-error", "-q", "-L", "--location", "-k", "-R", "-g", "--globoff":
	case "-o", "--output":
		r.output = next()
	case "-C", "--continue-at":
		r.resume = next() == "-"
	case "--retry", "--retry-delay", "--connect-timeout", "-m", "--max-time", "--noproxy", "--proto", "--max-filesize":
		next()
	case "-X", "--request":
		r.post = next() == http.MethodPost
	case "-d", "--data", "--data-binary":
		r.post, r.data = true, next()
	case "-H", "--header":
		name, value, _ := strings.Cut(next(), ":")
		r.header.Set(name, strings.TrimSpace(value))
	default:
		return r.other(a, next)
	}
	return nil
}

// other takes flags that stand together, and the address.
func (r *request) other(a string, next func() string) error {
	if !strings.HasPrefix(a, "-") {
		r.url = a
		return nil
	}
	if len(a) < 3 || strings.HasPrefix(a, "--") {
		return fmt.Errorf("option %s: is unknown", a)
	}
	for _, letter := range a[1:] {
		if err := r.option("-"+string(letter), next); err != nil {
			return err
		}
	}
	return nil
}

// fetch asks, and writes what it gets.
func (r *request) fetch() (int, error) {
	req, err := r.request()
	if err != nil {
		return noWrite, err
	}
	var have int64
	if s, err := os.Stat(r.output); err == nil && r.resume {
		have = s.Size()
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return noConnection, err
	}
	defer answer.Body.Close()
	if r.fail && answer.StatusCode >= 400 {
		return refused, fmt.Errorf("the requested URL returned error: %d", answer.StatusCode)
	}
	out := os.Stdout
	if r.output != "" {
		how := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
		if have > 0 && answer.StatusCode == http.StatusPartialContent {
			how = os.O_WRONLY | os.O_APPEND
		}
		if out, err = os.OpenFile(r.output, how, 0o644); err != nil {
			return noWrite, err
		}
	}
	if _, err := io.Copy(out, answer.Body); err != nil {
		return noWrite, err
	}
	return 0, out.Close()
}

func (r *request) request() (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if r.post {
		method, body = http.MethodPost, strings.NewReader(r.data)
		if name := strings.TrimPrefix(r.data, "@"); name != r.data {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			body = strings.NewReader(string(data))
		}
	}
	req, err := http.NewRequest(method, r.url, body)
	if err != nil {
		return nil, err
	}
	req.Header = r.header
	return req, nil
}

// record notes the call where the other programs note theirs.
func record(code int) {
	name := os.Getenv("STUB_LOG")
	if name == "" {
		return
	}
	line, err := json.Marshal(map[string]any{"name": "curl", "args": os.Args[1:], "code": code})
	if err != nil {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.Write(append(line, '\n')) // a test that misses the line says so
}
