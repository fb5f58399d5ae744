package unlisted_test

import (
	"bytes"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream/hostile"
)

// TestVersions changes a file in place while somebody reads the version before.
func TestVersions(t *testing.T) {
	one, two := content(1, 700_000), content(2, 800_000)
	b := newBench(t, map[string][]byte{scan: one})
	b.cache.Revalidate = time.Nanosecond
	b.want(scan, "", one)
	b.whole(1)
	old, err := b.cache.Get(t.Context(), b.ask(scan, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	b.publisher.Put(scan, two)
	b.want(scan, "", two)
	b.whole(2)
	b.want(scan, "", two)
	if got, err := read(t.Context(), old, 0, old.Size()); err != nil || !bytes.Equal(got, one) {
		t.Errorf("got %d bytes, %v; want the version that was asked for", len(got), err)
	}
	// Four looks of a byte: before each fill, and at each answer from here.
	if n := b.publisher.Bytes(scan); n != int64(len(one)+len(two))+4 {
		t.Errorf("got %d bytes from the origin, want each version once and 4", n)
	}
	if got := len(b.files()); got != 4 {
		t.Errorf("got %d files, want two versions with a record each", got)
	}
	b.end()
	b.open()
	b.want(scan, "", two)
}

// TestRevalidate asks the origin no more often than it is told to.
func TestRevalidate(t *testing.T) {
	one, two := content(1, 5000), content(2, 5000)
	b := newBench(t, map[string][]byte{scan: one, guid: one})
	for _, path := range []string{scan, guid} {
		b.want(path, "", one)
		b.publisher.Put(path, two)
	}
	b.whole(2)
	b.want(scan, "", one) // five minutes have not passed
	b.cache.Revalidate = time.Nanosecond
	b.want(guid, "", one) // nobody asks for what a GUID names
	b.want(scan, "", two)
}

// TestOriginAway serves the last version, and asks again when the origin is back.
func TestOriginAway(t *testing.T) {
	one, two := content(1, 5000), content(2, 6000)
	b := newBench(t, map[string][]byte{scan: one})
	b.cache.Revalidate = time.Nanosecond
	b.want(scan, "", one)
	b.whole(1)
	b.publisher.Put(scan, two)
	b.publisher.Down()
	b.want(scan, "", one)
	b.publisher.Up()
	b.want(scan, "", two)
	b.whole(2)
	b.publisher.Fault(scan, hostile.Status{Code: 503, Times: 1})
	b.want(scan, "", two)
	if s := b.cache.Stats(); s.Stale != 2 {
		t.Errorf("got %+v, want 2 stale answers", s)
	}
	// What the origin says is another matter.
	b.publisher.Fault(scan, hostile.Status{Code: 404, Times: 1})
	if _, err := b.get(scan, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want what the origin says", err)
	}
	b.want(scan, "", two)
}

// TestOriginAwayForANewVersion loses the origin between the look and the fill.
func TestOriginAwayForANewVersion(t *testing.T) {
	one, two := content(1, 5000), content(2, 6000)
	b := newBench(t, map[string][]byte{scan: one})
	b.cache.Revalidate = time.Nanosecond
	b.want(scan, "", one)
	b.whole(1)
	b.publisher.Put(scan, two)
	b.publisher.Fault(scan, hostile.Good{Times: 1}, hostile.Status{Code: 503})
	b.want(scan, "", one)
	b.publisher.Heal(scan)
	b.want(scan, "", two)
}

// TestOriginAwayIsLeftAlone: one that is away is not asked for every request.
func TestOriginAwayIsLeftAlone(t *testing.T) {
	t.Parallel()
	one := content(1, 5000)
	b := newBench(t, map[string][]byte{scan: one})
	b.cache.Revalidate = 2 * time.Second
	b.want(scan, "", one)
	b.whole(1)
	b.publisher.Fault(scan, hostile.Status{Code: 503})
	time.Sleep(b.cache.Revalidate) // it has to be asked again
	before := b.publisher.Requests(scan)
	b.want(scan, "", one)
	asked := b.publisher.Requests(scan)
	for range 5 {
		b.want(scan, "", one)
	}
	if again := b.publisher.Requests(scan); asked == before || again != asked {
		t.Errorf("it was asked %d times when its time had come, and %d times after", asked-before, again-asked)
	}
}

// TestNeverHereAndAway: whoever asks for what nobody has is told to come again.
func TestNeverHereAndAway(t *testing.T) {
	b := newBench(t, map[string][]byte{scan: content(1, 5000), guid: content(1, 5000)})
	b.publisher.Down()
	for _, path := range []string{scan, guid} {
		_, err := b.get(path, "")
		var later *layout.LaterError
		if !errors.As(err, &later) || later.After <= 0 {
			t.Errorf("%s: got %v, want a LaterError", path, err)
		}
	}
	b.publisher.Up()
	for _, path := range []string{scan, guid} {
		b.want(path, "", content(1, 5000))
	}
}

// TestNoVersion refuses what may change and does not tell when it did.
func TestNoVersion(t *testing.T) {
	body := content(1, 5000)
	b := newBench(t, map[string][]byte{plain: body, guid: body})
	b.publisher.Fault(plain, hostile.NoValidators{})
	b.publisher.Fault(guid, hostile.NoValidators{})
	if _, err := b.get(plain, ""); !errors.Is(err, layout.ErrNoFill) {
		t.Errorf("got %v, want layout.ErrNoFill", err)
	}
	b.want(guid, "", body)
}

// TestETagOfEachMachine: a delivery network's machines do not agree on an ETag.
func TestETagOfEachMachine(t *testing.T) {
	body := content(1, 3_000_000)
	b := newBench(t, map[string][]byte{scan: body})
	b.cache.Revalidate = time.Nanosecond
	b.publisher.Fault(scan, hostile.NewETag{})
	b.want(scan, "", body)
	b.whole(1)
	b.want(scan, "", body)
	if n := b.publisher.Bytes(scan); n != int64(len(body))+2 {
		t.Errorf("got %d bytes from the origin, want %d once and 2 looks", n, len(body))
	}
}

// TestLostValidators: parts that say nothing of their version are joined to none.
func TestLostValidators(t *testing.T) {
	one, two := content(1, 3_000_000), content(2, 3_000_000)
	b := newBench(t, map[string][]byte{guid: one})
	b.publisher.Fault(guid, hostile.Good{Times: 1}, hostile.Change{To: two}, hostile.NoValidators{})
	got, err := b.get(guid, "")
	if err == nil && !bytes.Equal(got, one) && !bytes.Equal(got, two) {
		t.Errorf("got %d bytes of two versions", len(got))
	}
	b.publisher.Heal(guid)
	for range 3 {
		if got, err = b.get(guid, ""); err == nil {
			break
		}
	}
	if err != nil || !bytes.Equal(got, two) {
		t.Errorf("got %d bytes, %v; want the version that is there", len(got), err)
	}
}

// TestQueries lets the query by which a fill began expire while others have fresh
// ones, and sends ones that were made up.
func TestQueries(t *testing.T) {
	body := content(1, 8_000_000)
	b := newBench(t, map[string][]byte{guid: body})
	free := make(chan struct{})
	b.publisher.Fault(guid, hostile.Hold{At: 100_000, Until: free})
	var wg sync.WaitGroup
	for _, query := range []string{"first", "second", "forged"} {
		f, err := b.cache.Get(t.Context(), b.ask(guid, query))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer f.Close()
			if got, err := read(t.Context(), f, 0, f.Size()); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%s: got %d bytes, %v", query, len(got), err)
			}
		})
	}
	b.publisher.Heal(guid)
	b.publisher.Fault(guid, hostile.Deny{Query: "first"}, hostile.Deny{Query: "forged"})
	close(free)
	wg.Wait()
	if n := b.publisher.Bytes(guid); n >= int64(len(body))+100 { // two answers say no
		t.Errorf("got %d bytes from the origin, want %d and refusals", n, len(body))
	}
	last := b.publisher.Log()
	if q := last[len(last)-1].Query; q != "second" {
		t.Errorf("the last request had query %q, want the one that works", q)
	}
}

// TestExpired: nobody has a query that works, and then somebody has.
func TestExpired(t *testing.T) {
	body := content(1, 3_000_000)
	b := newBench(t, map[string][]byte{guid: body})
	b.publisher.Fault(guid, hostile.Good{Times: 1}, hostile.Deny{Query: "first"})
	if _, err := b.get(guid, "first"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want fs.ErrPermission", err)
	}
	b.want(guid, "second", body)
	b.whole(1)
}
