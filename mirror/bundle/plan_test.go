package bundle_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// objectsOf makes one made-up object for every size.
func objectsOf(sizes ...int64) []layout.ObjectRef {
	var all []layout.ObjectRef
	for i, size := range sizes {
		all = append(all, layout.ObjectRef{SHA256: layout.DigestOf(fmt.Append(nil, i)), Size: size})
	}
	return all
}

func TestPlanPlaces(t *testing.T) {
	const kib = 1 << 10
	tests := []struct {
		name    string
		sizes   []int64
		opt     bundle.PlanOptions
		volumes []int // objects in each
		pieces  int
	}{
		{"nothing", nil, bundle.PlanOptions{}, []int{0}, 0},
		{"one volume", []int64{1, 2, 3}, bundle.PlanOptions{}, []int{3}, 0},
		{"no limit of a volume, largest file", []int64{4<<30 - 1}, bundle.PlanOptions{}, []int{1}, 0},
		{"more than the largest file", []int64{4 << 30}, bundle.PlanOptions{}, []int{2}, 2},
		{"an empty object", []int64{0}, bundle.PlanOptions{}, []int{1}, 0},
		{"the first that fits", []int64{60 * kib, 50 * kib, 30 * kib, 20 * kib},
			bundle.PlanOptions{VolumeSize: 160 * kib, Cluster: 1}, []int{2, 2}, 0},
		{"larger than a volume", []int64{200 * kib}, bundle.PlanOptions{VolumeSize: 160 * kib, Cluster: 1}, []int{1, 1, 1}, 3},
		{"the first is full of catalog", []int64{60 * kib}, bundle.PlanOptions{VolumeSize: 160 * kib, Cluster: 1, First: 90 * kib}, []int{0, 1}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := bundle.NewPlan(slices.Values(objectsOf(tt.sizes...)), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, v := range plan.Volumes() {
				got = append(got, v.Objects)
			}
			if diff := cmp.Diff(tt.volumes, got); diff != "" {
				t.Errorf("objects in volumes (-want +got):\n%s", diff)
			}
			pieces := 0
			for e := range plan.Entries() {
				pieces += len(e.Segments)
			}
			if pieces != tt.pieces {
				t.Errorf("got %d segments, want %d", pieces, tt.pieces)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	twice := objectsOf(5, 5)
	twice[1].SHA256 = twice[0].SHA256
	twice[1].Size = 6
	many := make([]int64, 2000)
	for i := range many {
		many[i] = 60 << 10
	}
	tests := []struct {
		name    string
		objects []layout.ObjectRef
		opt     bundle.PlanOptions
		want    string
	}{
		{"one digest with two sizes", twice, bundle.PlanOptions{}, "two sizes"},
		{"negative size", objectsOf(-1), bundle.PlanOptions{}, "is none"},
		{"no digest", []layout.ObjectRef{{Size: 3}}, bundle.PlanOptions{}, "is none"},
		{"tiny volumes", objectsOf(1), bundle.PlanOptions{VolumeSize: 1000}, "too small"},
		{"too many volumes", objectsOf(many...), bundle.PlanOptions{VolumeSize: 330 << 10, Cluster: 1}, "more than 256"},
		{"too many segments", objectsOf(1 << 40), bundle.PlanOptions{MaxFile: 1 << 20}, "more than 9999"},
		{"catalog larger than a volume", objectsOf(1), bundle.PlanOptions{VolumeSize: 1 << 20, First: 2 << 20}, "the catalog"},
		{"as large as can be", objectsOf(1<<63 - 1), bundle.PlanOptions{}, "more than 9999"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := bundle.NewPlan(slices.Values(tt.objects), tt.opt)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestPlanKeepsItsPromises makes plans of all kinds: volumes and files within
// their limits, every byte of every object in one place, and the same plan for
// the same objects in another order.
func TestPlanKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := bundle.PlanOptions{
			VolumeSize: rapid.Int64Range(1<<20, 4<<20).Draw(t, "volume"),
			MaxFile:    rapid.Int64Range(40<<10, 2<<20).Draw(t, "file"),
			Cluster:    rapid.SampledFrom([]int64{1, 512, 2048, 4096}).Draw(t, "cluster"),
			First:      rapid.Int64Range(0, 200<<10).Draw(t, "first"),
		}
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 5<<20), 0, 40).Draw(t, "sizes")
		objects := objectsOf(sizes...)
		plan, err := bundle.NewPlan(slices.Values(objects), opt)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, plan, objects, opt)
		rand.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		again, err := bundle.NewPlan(slices.Values(append(objects, objects...)), opt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Collect(plan.Entries()), slices.Collect(again.Entries())); diff != "" {
			t.Fatalf("another order makes another plan:\n%s", diff)
		}
	})
}

func checkPlan(t *rapid.T, plan *bundle.Plan, objects []layout.ObjectRef, opt bundle.PlanOptions) {
	used := make(map[int]int64)
	sizes := make(map[layout.Digest]int64)
	for _, o := range objects {
		sizes[o.SHA256] = o.Size
	}
	put := func(volume int, size int64) {
		if size > opt.MaxFile {
			t.Fatalf("a file of %d bytes, more than %d", size, opt.MaxFile)
		}
		used[volume] += (size + opt.Cluster - 1) / opt.Cluster * opt.Cluster
	}
	for e := range plan.Entries() {
		if want, ok := sizes[e.SHA256]; !ok || want != e.Size {
			t.Fatalf("object %s has %d bytes, want %d", e.SHA256, e.Size, want)
		}
		delete(sizes, e.SHA256)
		if e.Segments == nil {
			put(e.Volume, e.Size)
			continue
		}
		end := int64(0)
		for _, s := range e.Segments {
			if s.Offset != end || s.Size <= 0 {
				t.Fatalf("segment %s begins at %d with %d bytes, want at %d", s.Path, s.Offset, s.Size, end)
			}
			end += s.Size
			put(s.Volume, s.Size)
		}
		if end != e.Size {
			t.Fatalf("segments of %s end at %d, want %d", e.SHA256, end, e.Size)
		}
	}
	if len(sizes) > 0 {
		t.Fatalf("%d objects are nowhere", len(sizes))
	}
	for _, v := range plan.Volumes() {
		if v.Bytes > opt.VolumeSize || used[v.Index] > v.Bytes {
			t.Fatalf("volume %d of %d bytes is planned with %d and gets %d", v.Index, opt.VolumeSize, v.Bytes, used[v.Index])
		}
	}
}

// TestPlanIsSmall holds a plan of many objects to its memory.
func TestPlanIsSmall(t *testing.T) {
	const count = 200_000
	var objects iter.Seq[layout.ObjectRef] = func(yield func(layout.ObjectRef) bool) {
		var d layout.Digest
		for i := range count {
			d[0], d[1], d[2], d[3] = byte(i), byte(i>>8), byte(i>>16), 1
			if !yield(layout.ObjectRef{SHA256: d, Size: int64(i)}) {
				return
			}
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	plan, err := bundle.NewPlan(objects, bundle.PlanOptions{VolumeSize: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / count; got > 160 {
		t.Errorf("a plan takes %d bytes an object, want at most 160", got)
	}
	runtime.KeepAlive(plan)
}

func TestParseVolumeSize(t *testing.T) {
	tests := []struct {
		text string
		want int64
	}{
		{"4.7GB", 4_700_000_000}, {"25GiB", 25 << 30}, {"25 GB", 25_000_000_000}, {"700mb", 700_000_000}, {"1KiB", 1024}, {"2 TiB", 2 << 40},
		{"1000", 1000}, {"1000B", 1000}, {"none", 0}, {"fat32", 0}, {"dvd", 4_690_000_000}, {"DVD-DL", 8_530_000_000}, {"bd", 24_950_000_000}, {"bd-dl", 49_900_000_000},
	}
	for _, tt := range tests {
		got, err := bundle.ParseVolumeSize(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: got %d, %v, want %d", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "GB", "-1GB", "1e9", "0", "0.1", "4,7GB", "4.7G", "cd", "NaN", "Inf", "0x10", "1GBB", "99999999999TB", "1.2.3GB"} {
		if got, err := bundle.ParseVolumeSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func FuzzParseVolumeSize(f *testing.F) {
	for _, seed := range []string{"4.7GB", "25GiB", "dvd", "1e400", ".", "9223372036854775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := bundle.ParseVolumeSize(text); err == nil && (n < 0 || n > 1<<53) {
			t.Errorf("%q is %d bytes", text, n)
		}
	})
}

func TestCheckPayloadName(t *testing.T) {
	for _, name := range []string{"objects/ab/" + strings.Repeat("a", 64), "keys/rotate-0001.json.asc", "tools/read-me.txt", "a/b/c/d"} {
		if err := bundle.CheckPayloadName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "/a", "a/", "a//b", "..", "a/../b", ".", "A", "a/b/c/d/e", strings.Repeat("a", 65), "a:b", `a\b`, "a.", "a ", "nul", "con.txt", "tools/lpt1.x", "ä", "a\x00"} {
		if bundle.CheckPayloadName(name) == nil {
			t.Errorf("%q passes", name)
		}
	}
}
