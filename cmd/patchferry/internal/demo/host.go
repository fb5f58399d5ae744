package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Host is a machine of the LAN: it knows the server's address and nothing else,
// and checks what it gets against what the publisher made.
type Host struct {
	URL string // of the server
}

// Checked is what a host fetched.
type Checked struct {
	Files   int   // right, byte for byte
	Resumed int   // of these fetched in two pieces
	Bytes   int64 // of the files
}

// maxFolder is the largest folder listing in bytes.
const maxFolder = 4 << 20

// FetchAll walks the catalog tree, fetches every file, the first of each
// folder's in two pieces as an interrupted download would, and checks that it
// is one that the publisher made.
func (h Host) FetchAll(ctx context.Context) (Checked, error) {
	known := make(map[string]bool)
	for i := range samples {
		known[sum256(samples[i].content())] = true
	}
	var c Checked
	seen := make(map[string]bool)
	for _, top := range []string{"/Software/", "/Drivers/"} {
		if err := h.folder(ctx, top, known, seen, &c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// listing is what the host reads of a folder.
type listing struct {
	Entries []struct {
		Type   string `json:"type"`
		URL    string `json:"url"`
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"entries"`
}

func (h Host) folder(ctx context.Context, path string, known, seen map[string]bool, c *Checked) error {
	var l listing
	body, err := h.get(ctx, path, "application/json", "")
	if err != nil {
		return err
	}
	err = json.NewDecoder(io.LimitReader(body, maxFolder)).Decode(&l)
	if body.Close(); err != nil {
		return fmt.Errorf("read the folder %s: %w", path, err)
	}
	resume := true
	for _, e := range l.Entries {
		if e.Type == "folder" {
			if err := h.folder(ctx, e.URL, known, seen, c); err != nil {
				return err
			}
			continue
		}
		if seen[e.SHA256] { // the same file under another system
			continue
		}
		seen[e.SHA256] = true
		if err := h.file(ctx, e.URL, e.SHA256, e.Size, resume, known); err != nil {
			return err
		}
		c.Files++
		c.Bytes += e.Size
		if resume {
			c.Resumed++
		}
		resume = false
	}
	return nil
}

// file fetches one file and checks it.
func (h Host) file(ctx context.Context, path, want string, size int64, resume bool, known map[string]bool) error {
	hash := sha256.New()
	pieces := []string{""}
	if resume {
		pieces = []string{fmt.Sprintf("bytes=0-%d", size/2-1), fmt.Sprintf("bytes=%d-", size/2)}
	}
	for _, piece := range pieces {
		body, err := h.get(ctx, path, "*/*", piece)
		if err != nil {
			return err
		}
		_, err = io.Copy(hash, body)
		if body.Close(); err != nil {
			return fmt.Errorf("fetch %s: %w", path, err)
		}
	}
	got := hex.EncodeToString(hash.Sum(nil))
	if got != want || !known[got] {
		return fmt.Errorf("fetch %s: got SHA-256 %s, want %s, as the publisher made it", path, got, want)
	}
	return nil
}

func (h Host) get(ctx context.Context, path, accept, piece string) (io.ReadCloser, error) {
	ref, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(h.URL, "/")+ref.EscapedPath(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", path, err)
	}
	req.Header.Set("Accept", accept)
	want := http.StatusOK
	if piece != "" {
		req.Header.Set("Range", piece)
		want = http.StatusPartialContent
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", path, err)
	}
	if resp.StatusCode != want {
		resp.Body.Close()
		return nil, fmt.Errorf("fetch %s: %s", path, resp.Status)
	}
	return resp.Body, nil
}
