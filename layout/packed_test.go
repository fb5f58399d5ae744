package layout_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

// pack returns n updates, and the same as they are packed.
func pack(t testing.TB, n int) ([]*layout.Update, *layout.Packed) {
	t.Helper()
	var all []*layout.Update
	var p layout.Packer
	for i := range n {
		u := sample(t)
		u.ID, u.KB = fmt.Sprintf("test:%08d", i), fmt.Sprint(800000+i)
		u.Files[0].SHA256 = layout.DigestOf([]byte(u.ID))
		u.Files[0].SHA1 = layout.SHA1(u.Files[0].SHA256[:20])
		if err := p.Append(u); err != nil {
			t.Fatal(err)
		}
		all = append(all, layout.Trimmed(u))
	}
	packed, err := p.Packed()
	if err != nil {
		t.Fatal(err)
	}
	return all, packed
}

// lines returns updates as a catalog has them.
func lines(t testing.TB, updates []*layout.Update) string {
	t.Helper()
	var all strings.Builder
	for _, u := range updates {
		all.Write(line(t, u))
	}
	return all.String()
}

func TestPackedGivesBackWhatItTook(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		want, packed := pack(t, n)
		again, err := layout.Unpack(packed.Blocks())
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]*layout.Packed{"packed": packed, "unpacked": again} {
			if p.Len() != n {
				t.Errorf("%s: %d updates, want %d", name, p.Len(), n)
			}
			var got []*layout.Update
			for u, err := range p.All() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, u)
			}
			if diff := cmp.Diff(lines(t, want), lines(t, got)); diff != "" {
				t.Errorf("%s: %d updates (-want +got):\n%s", name, n, diff)
			}
			for _, i := range []int{0, n / 2, n - 1} {
				if n == 0 {
					continue
				}
				if got, err := p.At(i); err != nil || got.ID != want[i].ID {
					t.Errorf("%s: update %d is %v, %v", name, i, got, err)
				}
			}
			for _, i := range []int{-1, n} {
				if u, err := p.At(i); err == nil {
					t.Errorf("%s: update %d of %d is %s", name, i, n, u.ID)
				}
			}
		}
	}
}

func TestTrimmedLeavesTheUpdateAlone(t *testing.T) {
	u := sample(t)
	got := layout.Trimmed(u)
	if diff := cmp.Diff(string(line(t, sample(t))), string(line(t, u))); diff != "" {
		t.Errorf("the update was changed (-before +after):\n%s", diff)
	}
	f := got.Files[0]
	if got.Description != "" || f.Evidence != nil || f.URL != "" || got.Driver.HardwareIDs != nil {
		t.Errorf("trimmed: %+v", got)
	}
	if f.SHA256 != u.Files[0].SHA256 || got.Title != u.Title {
		t.Errorf("trimmed too much: %+v", got)
	}
}

func TestPackedIsReadByManyAtOnce(t *testing.T) {
	want, packed := pack(t, 500)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range want {
				if u, err := packed.At(i); err != nil || u.ID != want[i].ID {
					t.Errorf("update %d: %v, %v", i, u, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestPackedFindsDamage(t *testing.T) {
	_, packed := pack(t, 100)
	for name, spoil := range map[string]func(b []layout.PackedBlock){
		"bytes":         func(b []layout.PackedBlock) { b[0].Data = []byte("no frame") },
		"half a frame":  func(b []layout.PackedBlock) { b[0].Data = b[0].Data[:len(b[0].Data)/2] },
		"too few lines": func(b []layout.PackedBlock) { b[0].Lines-- },
		"no lines":      func(b []layout.PackedBlock) { b[0].Lines = 0 },
		"negative":      func(b []layout.PackedBlock) { b[0].Lines = -1 },
		"too many":      func(b []layout.PackedBlock) { b[0].Lines = 1 << 20 },
	} {
		blocks := slices.Clone(packed.Blocks())
		spoil(blocks)
		p, err := layout.Unpack(blocks)
		if err == nil {
			_, err = p.At(0)
		}
		if err == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

func TestPackedRefusesALineThatIsTooLong(t *testing.T) {
	var p layout.Packer
	if err := p.Append(&layout.Update{ID: "a:1", Title: strings.Repeat("long ", 1<<20)}); err == nil {
		t.Error("a line of 5 MiB is packed")
	}
	if err := p.Append(&layout.Update{ID: "no id"}); err == nil {
		t.Error("an update without a proper id is packed")
	}
}

// BenchmarkPacked tells what 250,000 updates cost in memory, and reading one.
func BenchmarkPacked(b *testing.B) {
	for b.Loop() {
		_, packed := pack(b, 20_000)
		b.ReportMetric(float64(packed.Bytes())/20_000, "bytes/update")
		for _, err := range packed.All() {
			if err != nil {
				b.Fatal(err)
			}
		}
		runtime.KeepAlive(packed)
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// FuzzUnpack reads damaged blocks without a panic and within their limits.
func FuzzUnpack(f *testing.F) {
	_, packed := pack(f, 3)
	b := packed.Blocks()[0]
	f.Add(b.Lines, b.Data)
	f.Add(1, b.Data)
	f.Add(2, []byte{})
	f.Fuzz(func(t *testing.T, lines int, data []byte) {
		p, err := layout.Unpack([]layout.PackedBlock{{Lines: lines, Data: data}})
		if err != nil {
			return
		}
		n := 0
		for _, err := range p.All() {
			if err != nil {
				return
			}
			n++
		}
		if n != lines {
			t.Errorf("%d updates of %d", n, lines)
		}
	})
}
