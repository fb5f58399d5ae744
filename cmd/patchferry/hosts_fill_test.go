package main

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"patchferry/distribute/hosttest"
	"patchferry/mirror/upstream/hostile"
)

const filledName = "/WindowsXP-KB835732-x86-ENU.EXE"

// coldMirror is a mirror of one file that nobody asked for yet.
func coldMirror(t *testing.T) (dir string, p *hostile.Publisher, content []byte) {
	t.Helper()
	content = make([]byte, 5<<20+17)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content) // it cannot fail
	dir, p = onDemandMirror(t, map[string][]byte{filledName: content})
	return dir, p, content
}

// TestBITSAcrossFillAndSync begins a job while the file comes, goes on when it is
// here, behind another server, and days later, when a sync has taken the file into
// the catalog: the file has the same validators all the time.
func TestBITSAcrossFillAndSync(t *testing.T) {
	tests := []struct {
		name  string
		vouch func(content []byte) string
	}{
		{name: "the list has its SHA-256"},
		{name: "the list has its SHA-1", vouch: func(content []byte) string { return fmt.Sprintf("sha1=%x", sha1.Sum(content)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, p, content := coldMirror(t)
			if tt.vouch != nil {
				list := fmt.Sprintf("%s %s\n", p.URL(filledName), tt.vouch(content))
				if err := os.WriteFile(filepath.Join(dir, "list.txt"), []byte(list), 0o600); err != nil {
					t.Fatal(err)
				}
				syncAll(t, dir)
			}
			rest := make(chan struct{})
			p.Fault(filledName, hostile.Hold{At: 2 << 20, Until: rest})
			url, stop := serveUntil(t, dir)
			job := &hosttest.BITS{}
			take := func(n int) {
				t.Helper()
				job.URL = url + filledName[1:]
				if err := job.Pieces(t.Context(), n); err != nil {
					t.Fatal(err)
				}
			}
			take(1) // while it comes
			close(rest)
			wholeFrom(t, url+filledName[1:], content)
			take(1)
			stop()
			url, stop = serveUntil(t, dir)
			take(1)
			stop()
			syncAll(t, dir)
			url, _ = serveUntil(t, dir)
			take(-1)
			if !bytes.Equal(job.Content(), content) {
				t.Error("the file is another")
			}
			if got := p.Bytes(filledName); got != int64(len(content)) {
				t.Errorf("%d bytes came from outside, want %d", got, len(content))
			}
		})
	}
}

// wholeFrom fetches a file whole.
func wholeFrom(t *testing.T, url string, want []byte) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %s, %d bytes, %v; want all %d", url, res.Status, len(got), err, len(want))
	}
}

// wrongMirror is a mirror of one file in whose place the publisher has another.
func wrongMirror(t *testing.T) (dir string, p *hostile.Publisher, right, wrong []byte) {
	t.Helper()
	dir, p, right = coldMirror(t)
	wrong = bytes.Clone(right)
	wrong[4<<20]++
	p.Put(filledName, wrong)
	return dir, p, right, wrong
}

// TestHostsGetNoWrongFile asks for a file that turns out to be another, from its first
// byte on: the connection ends before the last.
func TestHostsGetNoWrongFile(t *testing.T) {
	dir, _, _, wrong := wrongMirror(t)
	res, err := http.Get(serveMirror(t, dir) + filledName[1:])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err == nil || len(got) == len(wrong) {
		t.Errorf("%s, %d bytes and %v, want the connection to end before the last", res.Status, len(got), err)
	}
}

// TestBITSMixesNoFiles begins a job with bytes that turn out to be another file's: it
// does not go on with the right ones when the publisher has them, not even at once.
func TestBITSMixesNoFiles(t *testing.T) {
	dir, p, right, wrong := wrongMirror(t)
	rest := make(chan struct{})
	p.Fault(filledName, hostile.Hold{At: 2 << 20, Until: rest})
	url := serveMirror(t, dir)
	job := &hosttest.BITS{URL: url + filledName[1:]}
	if err := job.Pieces(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	close(rest)
	if err := job.Run(t.Context()); err == nil {
		t.Fatalf("BITS has all %d bytes of the wrong file", len(wrong))
	}
	p.Put(filledName, right)
	for range 3 {
		if err := job.Run(t.Context()); err == nil {
			t.Fatal("BITS is done with bytes of two files")
		}
	}
}

// TestDeliveryOptimizationWhilePublisherIsAway loses the publisher in the middle.
func TestDeliveryOptimizationWhilePublisherIsAway(t *testing.T) {
	dir, p, content := coldMirror(t)
	p.Fault(filledName, hostile.Hold{At: 1 << 20, Until: t.Context().Done(), Times: 3})
	url := serveMirror(t, dir)
	addr := url[len("http://") : len(url)-1]
	d := &hosttest.DeliveryOptimization{
		Addr: addr, Path: filledName, Size: int64(len(content)), Pieces: hosttest.PiecesOf(content),
		Query: func(n int) string { return fmt.Sprint("P1=", n) },
	}
	type fetched struct {
		content []byte
		err     error
	}
	ended := make(chan fetched, 1)
	go func() {
		got, err := d.Fetch(t.Context())
		ended <- fetched{got, err}
	}()
	for p.Bytes(filledName) < 1<<20 {
		select {
		case f := <-ended:
			t.Fatalf("it ended before the publisher vanished: %v", f.err)
		default:
		}
	}
	p.Down()
	p.Heal(filledName)
	p.Up()
	f := <-ended
	if f.err != nil || !bytes.Equal(f.content, content) {
		t.Errorf("the file is another, or %v", f.err)
	}
	if twice := p.Twice(filledName); twice > 256<<10 {
		t.Errorf("%d bytes came twice, want no more than what was on its way", twice)
	}
	if errors.Is(f.err, hosttest.ErrAgain) {
		t.Error("it was told to come again")
	}
}
