package mirror_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
)

func askedAt(t *testing.T) (string, *mirror.AskedList) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "asked.jsonl")
	l, err := mirror.OpenAsked(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, l
}

func savedAsked(t *testing.T, path string, l *mirror.AskedList, now time.Time) []mirror.Asked {
	t.Helper()
	if err := l.Save(now); err != nil {
		t.Fatal(err)
	}
	all, err := mirror.ReadAsked(path)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAskedHasEachFileOnceAcrossRestarts(t *testing.T) {
	path, l := askedAt(t)
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	one := mirror.Asked{Update: "s:1", File: "a.exe", SHA256: layout.Digest{1}}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { l.Note(one, now) })
	}
	wg.Wait()
	l.Note(mirror.Asked{Update: "s:1", File: "b.exe"}, now.Add(-time.Hour))
	l.Note(mirror.Asked{}, now) // names nothing
	savedAsked(t, path, l, now)
	again, err := mirror.OpenAsked(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Note(one, now.Add(time.Hour))
	all := savedAsked(t, path, again, now)
	if len(all) != 2 || all[0].Count != 51 || all[0].First != layout.At(now) || all[0].Last != layout.At(now.Add(time.Hour)) || all[1].File != "b.exe" {
		t.Errorf("got %+v", all)
	}
	again.Note(one, now.Add(100*24*time.Hour))
	if all = savedAsked(t, path, again, now.Add(100*24*time.Hour)); len(all) != 1 || all[0].Count != 52 {
		t.Errorf("what nobody asks for any more stays: %+v", all)
	}
}

func TestAskedIsBounded(t *testing.T) {
	path, l := askedAt(t)
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	l.Note(mirror.Asked{Update: "s:1", File: "a.exe"}, now)
	for i := range 3000 {
		l.Note(mirror.Asked{SHA1: layout.SHA1{1, byte(i), byte(i >> 8)}, URL: strings.Repeat("x", 5000)}, now.Add(time.Duration(i)*time.Second))
	}
	all := savedAsked(t, path, l, now)
	if len(all) != 1001 || all[1000].Update != "s:1" || len(all[0].URL) != 1024 || all[999].SHA1 != (layout.SHA1{1, byte(2000 & 255), byte(2000 >> 8)}) {
		t.Errorf("got %d entries, the last %+v", len(all), all[len(all)-1])
	}
	for i := range 20_010 {
		l.Note(mirror.Asked{Update: fmt.Sprint("s:", i), File: "a.exe"}, now.Add(time.Duration(i)*time.Second))
	}
	if all = savedAsked(t, path, l, now); len(all) != 21_000 {
		t.Errorf("got %d entries", len(all))
	}
}

func TestAskedReadsWhatADamageLeft(t *testing.T) {
	path, l := askedAt(t)
	now := time.Now()
	l.Note(mirror.Asked{Update: "s:1", File: "a.exe"}, now)
	savedAsked(t, path, l, now)
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("\x00{}\n{\"count\":1}\n"), append(doc, `{"update":"s`...)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := mirror.ReadAsked(path); err != nil || len(all) != 1 || all[0].Update != "s:1" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestPendingLeavesOutWhatIsHere(t *testing.T) {
	asked := []mirror.Asked{
		{Update: "s:1", File: "a.exe", SHA1: layout.SHA1{1}}, {Update: "s:1", File: "as.exe"}, {Update: "s:1", File: "c.exe"}, {SHA256: layout.Digest{9}},
	}
	u := &layout.Update{ID: "s:1", Files: []layout.File{
		{Name: "a.exe", SHA1: layout.SHA1{1}, SHA256: layout.Digest{1}, Held: true},
		{Name: "b.exe", As: "as.exe", SHA1: layout.SHA1{2}, SHA256: layout.Digest{2}, Held: true},
		{Name: "c.exe"},
	}}
	left, err := mirror.Pending(asked, func(yield func(*layout.Update, error) bool) { yield(u, nil) })
	if err != nil || len(left) != 2 || left[0].File != "c.exe" || left[1].SHA256 != (layout.Digest{9}) {
		t.Errorf("got %+v, %v", left, err)
	}
}
