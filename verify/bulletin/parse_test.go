package bulletin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/verify/bulletin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenSuffix = ".golden"

// result is what a golden file holds.
type result struct {
	Error     string            `json:"error,omitempty"`
	Bulletins []layout.Bulletin `json:"bulletins,omitempty"`
}

// samples returns the texts of testdata by name.
func samples(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	all := make(map[string]string)
	for _, path := range paths {
		if filepath.Ext(path) == goldenSuffix {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	return all
}

// TestParseGolden reads a sample of each form. The same text with line ends of
// Windows must say the same.
func TestParseGolden(t *testing.T) {
	for path, text := range samples(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := encode(t, text)
			if *update {
				if err := os.WriteFile(path+goldenSuffix, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path + goldenSuffix)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.HasPrefix(filepath.Base(path), "digests") {
				return // named by the digest of the text
			}
			if diff := cmp.Diff(string(got), string(encode(t, strings.ReplaceAll(text, "\n", "\r\n")))); diff != "" {
				t.Errorf("with CRLF (-LF +CRLF):\n%s", diff)
			}
		})
	}
}

func encode(t *testing.T, text string) []byte {
	t.Helper()
	var r result
	var err error
	if r.Bulletins, err = bulletin.Parse(text); err != nil {
		r.Error = err.Error()
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParseUnknown(t *testing.T) {
	for _, text := range []string{"", "\n\n", "hello", "{}", `{"document":{}}`, "<html><body>MS08-067</body></html>", "<!DOCTYPE html><p>x", "<a/>", "< b", "MS08-067"} {
		if got, err := bulletin.Parse(text); !errors.Is(err, bulletin.ErrUnknown) || len(got) > 0 {
			t.Errorf("Parse(%q) = %v, %v, want nothing and ErrUnknown", text, got, err)
		}
	}
}
