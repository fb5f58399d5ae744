package distribute_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"patchferry/distribute"
	"patchferry/distribute/hosttest"
	"patchferry/layout"
)

const mebibyte = 1 << 20

// TestBITSAcrossAFill begins a job while the file comes, goes on with it when the file
// is whole, after the next sync, and at a server that was started since.
func TestBITSAcrossAFill(t *testing.T) {
	content := randomBytes(41, 4<<20+5)
	g := newGrowing(t, content)
	fx := coldFixture(t, content)
	src := fx.folder(t)
	s := &distribute.Server{Source: src, Filler: new(filler).hands(g)}
	s.Swap(fx.view(t))
	srv := start(t, s)
	job := &hosttest.BITS{URL: srv.url(coldPath), Client: srv.client}
	step := func(when string) {
		t.Helper()
		if err := job.Pieces(t.Context(), 1); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	for n := range 16 {
		g.come(t, n)
	}
	step("while it comes")
	g.whole(t)
	g.change(func() { g.sum = layout.DigestOf(content) })
	step("when it is whole")
	fx.fold(content, g)
	src.put(t, content)
	s.Swap(fx.view(t))
	step("after the next sync")
	again := &distribute.Server{Source: src}
	again.Swap(fx.view(t))
	srv = start(t, again)
	job.URL, job.Client = srv.url(coldPath), srv.client
	step("after a restart")
	step("the last bytes")
	if !job.Done() || !bytes.Equal(job.Content(), content) {
		t.Error("the file is another")
	}
	digest := layout.DigestOf(content).String()
	if res, _ := srv.do(t, http.MethodGet, "/objects/sha256/"+digest); res.Header.Get("Etag") != `"`+digest+`"` {
		t.Errorf("the object has the tag %s", res.Header.Get("Etag"))
	}
}

// TestBITSAcrossAFillThatFails never completes with bytes of two attempts: what it has
// is refused, and it begins anew.
func TestBITSAcrossAFillThatFails(t *testing.T) {
	wrong, content := randomBytes(42, 2<<20), randomBytes(43, 2<<20)
	first, second := newGrowing(t, wrong), newGrowing(t, content)
	second.etag, second.modified = `"growing-2"`, first.modified.Add(60e9)
	second.restarted = second.modified
	first.whole(t)
	second.whole(t)
	f := new(filler).hands(first)
	srv := serveCold(t, &distribute.Server{Filler: f}, content, second)
	job := &hosttest.BITS{URL: srv.url(coldPath), Client: srv.client}
	if err := job.Pieces(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.fill = func(context.Context, layout.Listed) (layout.Filling, error) {
		return nil, &layout.LaterError{After: 1, Err: errors.New("it was another file")}
	}
	f.mu.Unlock()
	if err := job.Pieces(t.Context(), 1); !errors.Is(err, hosttest.ErrAgain) {
		t.Fatalf("a piece of a fill that failed: %v", err)
	}
	f.hands(second)
	if err := job.Pieces(t.Context(), 1); !errors.Is(err, hosttest.ErrChanged) {
		t.Fatalf("a piece of the next attempt: %v", err)
	}
	job = &hosttest.BITS{URL: job.URL, Client: job.Client}
	if err := job.Run(t.Context()); err != nil || !bytes.Equal(job.Content(), content) {
		t.Errorf("the file is another, or %v", err)
	}
}

// TestDeliveryOptimizationAcrossAFill fetches a file that no catalog lists, while it
// comes, each piece with a query of its own.
func TestDeliveryOptimizationAcrossAFill(t *testing.T) {
	content := randomBytes(44, 9<<20+77)
	g := newGrowing(t, content)
	f := new(filler).hands(g)
	srv := serveCold(t, &distribute.Server{Filler: f, Origins: func(h string) bool { return h == doHost }}, content, g)
	d := &hosttest.DeliveryOptimization{
		Addr: srv.addr, Host: "ferry.lan", Path: guidURI, Size: int64(len(content)), Pieces: hosttest.PiecesOf(content), Retries: 1,
		Query: func(n int) string { return fmt.Sprintf("P1=%d&P2=404&cacheHostOrigin=%s", n, doHost) },
	}
	var got []byte
	done := make(chan error)
	go func() {
		var err error
		got, err = d.Fetch(t.Context())
		done <- err
	}()
	for range 7 {
		<-g.waiting
	}
	for _, n := range rand.Perm(len(g.here)) {
		g.come(t, n)
	}
	if err := <-done; err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file is another, or %v", err)
	}
	queries := map[string]bool{}
	for _, q := range f.paths {
		if q.Origin != doHost || q.Path != guidURI {
			t.Errorf("asked for %+v", q)
		}
		queries[q.Query] = true
	}
	if len(queries) != 10 || !queries["P1=9&P2=404"] {
		t.Errorf("queries %v", queries)
	}
}
