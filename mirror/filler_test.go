package mirror_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/fill"
)

// parts gets parts from the publisher of a site.
type parts struct {
	mirror.Upstream
	client *http.Client
}

func (p parts) Part(ctx context.Context, r layout.PartRequest) (layout.Part, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return layout.Part{}, err
	}
	end := ""
	if r.End >= 0 {
		end = strconv.FormatInt(r.End-1, 10)
	}
	req.Header.Set("Range", "bytes="+strconv.FormatInt(r.Start, 10)+"-"+end)
	res, err := p.client.Do(req)
	if err != nil {
		return layout.Part{}, err
	}
	part := layout.Part{Start: r.Start, Total: -1, End: -1, Body: res.Body, Validators: layout.Validators{ETag: res.Header.Get("ETag")}}
	switch res.StatusCode {
	case http.StatusOK:
		part.Start, part.End, part.Total, part.Whole = 0, res.ContentLength, res.ContentLength, true
	case http.StatusPartialContent:
		_, total, _ := strings.Cut(res.Header.Get("Content-Range"), "/")
		part.Total, _ = strconv.ParseInt(total, 10, 64)
		part.End = r.Start + res.ContentLength
	default:
		res.Body.Close()
		return layout.Part{}, errors.New(res.Status)
	}
	return part, nil
}

// filler makes a Filler of the site, whose sources hand out parts.
func (s *site) filler() *mirror.Filler {
	s.t.Helper()
	for i := range s.Sources {
		s.Sources[i].Upstream = parts{s.Sources[i].Upstream, s.pub.Server().Client()}
	}
	stage, err := s.Stage()
	if err != nil {
		s.t.Fatal(err)
	}
	pool, err := fill.Open(filepath.Join(stage, "fill"))
	if err != nil {
		s.t.Fatal(err)
	}
	pool.Linger, pool.Patience = time.Millisecond, time.Second
	s.t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return &mirror.Filler{Mirror: s.Mirror, Pool: pool}
}

// whole reads a listed file to its end, and returns it with what hosts are told.
func whole(t *testing.T, f *mirror.Filler, l layout.Listed) (content []byte, told [2]string, err error) {
	t.Helper()
	got, err := f.Fill(t.Context(), l)
	if err != nil {
		return nil, told, err
	}
	defer got.Close()
	r, err := got.Read(0, got.Size())
	if err != nil {
		return nil, told, err
	}
	defer r.Close()
	for at := int64(0); at < got.Size(); {
		end, err := r.Ready(t.Context(), at)
		if err != nil {
			return content, told, err
		}
		piece := make([]byte, end-at)
		if _, err := r.File().ReadAt(piece, at); err != nil && err != io.EOF {
			return content, told, err
		}
		content, at = append(content, piece...), end
	}
	return content, [2]string{got.ETag(), got.Modified().UTC().Format(time.RFC3339)}, nil
}

// until waits for what comes after readers have all of a file.
func (s *site) until(come func() bool) {
	s.t.Helper()
	for !come() {
		select {
		case <-s.t.Context().Done():
			s.t.Fatal("it never came to that")
		case <-time.After(time.Millisecond):
		}
	}
}

// rest waits until all that came was admitted, or refused.
func (s *site) rest(f *mirror.Filler) {
	s.t.Helper()
	s.until(func() bool { return f.Pool.Stats().PartBytes == 0 })
}

func TestFillBringsAFileOnceAndTheSyncFoldsIt(t *testing.T) {
	s, listed, content := onDemand(t)
	f := s.filler()
	l := layout.Listed{Update: "pub:" + name(1), File: listed}
	var wg sync.WaitGroup
	var told [8][2]string
	for i := range told {
		wg.Go(func() {
			got, said, err := whole(t, f, l)
			if err != nil || string(got) != string(content) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			told[i] = said
		})
	}
	wg.Wait()
	s.rest(f)
	requests := s.pub.Requests("")
	_, later, err := whole(t, &mirror.Filler{Mirror: s.Mirror}, l) // one that has only the store
	if err != nil || s.pub.Requests("") != requests {
		t.Errorf("from the store: %v, %d requests", err, s.pub.Requests("")-requests)
	}
	for _, said := range append(told[:], later) {
		if said != told[0] {
			t.Errorf("hosts are told %v and %v", told[0], said)
		}
	}
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 1 {
		t.Errorf("got %+v", r)
	}
	held := s.file(name(1))
	if !held.Held || `"`+held.Tag+`"` != told[0][0] || held.Modified.String() != told[0][1] {
		t.Errorf("hosts were told %v, the catalog has %+v", told[0], held)
	}
	s.clean()
}

func TestFillRefusesWhatNobodyVouchesFor(t *testing.T) {
	s, listed, _ := onDemand(t)
	f := s.filler()
	requests := s.pub.Requests("")
	bare, elsewhere, nowhere := listed, listed, listed
	bare.Evidence, nowhere.URL = nil, ""
	for name, l := range map[string]layout.Listed{
		"no evidence": {Update: "pub:1", File: bare}, "no source": {Update: "gone:1", File: elsewhere}, "no URL": {Update: "pub:1", File: nowhere},
	} {
		if _, err := f.Fill(t.Context(), l); !errors.Is(err, layout.ErrNoFill) {
			t.Errorf("%s: got %v, want ErrNoFill", name, err)
		}
	}
	off := &mirror.Filler{Mirror: s.Mirror}
	if _, err := off.Fill(t.Context(), layout.Listed{Update: "pub:1", File: listed}); !errors.Is(err, layout.ErrNoFill) {
		t.Errorf("off: got %v, want ErrNoFill", err)
	}
	if _, err := f.Unlisted(t.Context(), layout.PathRequest{}); !errors.Is(err, layout.ErrNoFill) {
		t.Errorf("unlisted: got %v, want ErrNoFill", err)
	}
	if got := s.pub.Requests("") - requests; got != 0 {
		t.Errorf("the publisher was asked %d times", got)
	}
}

func TestFillQuarantinesOtherBytes(t *testing.T) {
	s, listed, _ := onDemand(t)
	f := s.filler()
	s.pub.Put("/files/"+name(1), body("evil", 5000))
	_, _, err := whole(t, f, layout.Listed{Update: "pub:" + name(1), File: listed})
	if _, ok := errors.AsType[*layout.MismatchError](err); !ok {
		t.Errorf("got %v, want MismatchError", err)
	}
	if err := f.Pool.Close(); err != nil {
		t.Fatal(err)
	}
	notes, _ := filepath.Glob(filepath.Join(s.dir.StageDir(), "quarantine", "*.json"))
	if len(notes) != 1 || s.bindings() != 0 {
		t.Fatalf("got %d files in quarantine and %d bindings", len(notes), s.bindings())
	}
	var why mirror.Refused
	doc, err := os.ReadFile(notes[0])
	if err != nil || json.Unmarshal(doc, &why) != nil || why.File != name(1) || why.Update != "pub:"+name(1) || !strings.Contains(why.Why, "sha1") {
		t.Errorf("got %s, %v", doc, err)
	}
	if got, err := os.ReadFile(strings.TrimSuffix(notes[0], ".json")); err != nil || string(got) != string(body("evil", 5000)) {
		t.Errorf("the bytes are not in quarantine: %v", err)
	}
}

// firstUse publishes a catalog of one file that nobody vouches for.
func firstUse(t *testing.T) (*site, layout.Listed) {
	s := newSite(t)
	s.list(s.offer(name(1), 5000))
	s.Sources[0].OnDemand, s.Sources[0].Trust = true, mirror.TrustFirstUse
	s.sync(mirror.SyncOptions{})
	return s, layout.Listed{Update: "pub:" + name(1), File: s.file(name(1))}
}

func TestFillPinsWhatCameFirst(t *testing.T) {
	s, l := firstUse(t)
	f := s.filler()
	content, _, err := whole(t, f, l)
	if err != nil {
		t.Fatal(err)
	}
	s.rest(f)
	if err := s.dir.Delete(t.Context(), layout.DigestOf(content)); err != nil {
		t.Fatal(err)
	}
	f.Pool.Close()
	s.pub.Put("/files/"+name(1), body("evil", 5000))
	f = s.filler()
	_, _, err = whole(t, f, l)
	if _, ok := errors.AsType[*layout.MismatchError](err); !ok {
		t.Errorf("another file: got %v, want MismatchError", err)
	}
	f.Pool.Close()
	s.pub.Put("/files/"+name(1), content)
	if err := os.RemoveAll(filepath.Join(s.dir.StageDir(), "fill")); err != nil {
		t.Fatal(err) // else it is not asked for again for a while
	}
	f = s.filler()
	if again, _, err := whole(t, f, l); err != nil || string(again) != string(content) {
		t.Errorf("the same file: got %v", err)
	}
	s.rest(f)
	r := s.sync(mirror.SyncOptions{})
	if held := s.file(name(1)); r.Folded != 1 || held.Best().Grade != layout.GradeFirstUse {
		t.Errorf("got %+v, %+v", r, held)
	}
	s.clean()
}

func TestPinsOfOtherMachinesAreNotFolded(t *testing.T) {
	s, l := firstUse(t)
	f := s.filler()
	if _, _, err := whole(t, f, l); err != nil {
		t.Fatal(err)
	}
	s.rest(f)
	f.Pool.Close()
	key := filepath.Join(s.Work, "binding.key")
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key can be read by others: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(key, body("another machine's", 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 0 || s.file(name(1)).Held {
		t.Errorf("got %+v", r)
	}
	if err := errors.Join(os.WriteFile(key, secret, 0o600), os.Remove(filepath.Join(s.Work, "bindings.json"))); err != nil {
		t.Fatal(err)
	}
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 1 {
		t.Errorf("with the key shared: got %+v", r)
	}
}

func TestFillFindsWhatIsHereAlready(t *testing.T) {
	s := newSite(t)
	here := s.vouched(name(1), 700)
	s.list(here)
	s.sync(mirror.SyncOptions{})
	f := s.filler()
	requests := s.pub.Requests("")
	here.Evidence = []layout.Evidence{{Grade: layout.GradeChannel, Algorithm: "sha256"}}
	got, told, err := whole(t, f, layout.Listed{Update: "pub:other", File: here})
	if err != nil || string(got) != string(body(name(1), 700)) || told[0] != `"`+here.SHA256.String()+`"` || s.pub.Requests("") != requests {
		t.Errorf("got %d bytes as %v, %v, %d requests", len(got), told, err, s.pub.Requests("")-requests)
	}
	if err := s.dir.Delete(t.Context(), here.SHA256); err != nil {
		t.Fatal(err)
	}
	if got, _, err = whole(t, f, layout.Listed{Update: "pub:other", File: here}); err != nil || len(got) != 700 {
		t.Errorf("after it was lost: got %d bytes, %v", len(got), err)
	}
}

func TestFillBelievesAnotherMachineWhatItCanCheck(t *testing.T) {
	for name, lie := range map[string]bool{"right": false, "a lie": true} {
		t.Run(name, func(t *testing.T) {
			s, listed, content := onDemand(t)
			brought := content
			if lie {
				brought = body("evil", 5000)
			}
			key := s.bring("pub:"+listed.Name, listed, brought, func(b *layout.Binding) { b.SHA1 = sha1Of(content) })
			f := s.filler()
			requests := s.pub.Requests("")
			got, _, err := whole(t, f, layout.Listed{Update: "pub:" + listed.Name, File: listed})
			if err != nil || string(got) != string(content) {
				t.Fatalf("got %d bytes, %v", len(got), err)
			}
			if asked := s.pub.Requests("") > requests; asked != lie {
				t.Errorf("the publisher was asked: %t", asked)
			}
			s.rest(f)
			doc, err := s.Store.Bound(t.Context(), key)
			if b, bad := layout.ParseBinding(doc); err != nil || bad != nil || b.SHA256 != layout.DigestOf(content) {
				t.Errorf("the binding is %s, %v", doc, err)
			}
		})
	}
}

// pruned is a store in which a prune runs just before a binding is written.
type pruned struct {
	*store.Dir
	prune func()
}

func (s pruned) Bind(ctx context.Context, key layout.Digest, doc []byte) error {
	s.prune()
	return s.Dir.Bind(ctx, key, doc)
}

func TestFillKeepsItsObjectFromAPrune(t *testing.T) {
	s, listed, content := onDemand(t)
	s.Grace, s.Keep = -1, -1
	key := s.bring("pub:"+name(1), listed, content, nil) // the object, which nothing needs
	if err := s.Store.Unbind(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	plan, err := s.PlanPrune(t.Context())
	if err != nil || plan.Count != 1 {
		t.Fatalf("got %+v, %v", plan, err)
	}
	once := sync.OnceFunc(func() {
		if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.dir.Stat(t.Context(), layout.DigestOf(content)); err == nil {
			t.Error("the prune left it, so that this shows nothing")
		}
	})
	s.use(pruned{s.dir, once}, filepath.Join(t.TempDir(), "mark"))
	f := s.filler()
	if _, _, err := whole(t, f, layout.Listed{Update: "pub:" + name(1), File: listed}); err != nil {
		t.Fatal(err)
	}
	s.rest(f)
	if r := s.sync(mirror.SyncOptions{}); r.Folded != 1 {
		t.Errorf("got %+v", r)
	}
	s.clean()
}
