package inspect_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/cab/cabtest"
)

// TestMemory holds looking to its bound, where files say of themselves what they
// like.
func TestMemory(t *testing.T) {
	names := make([]cabtest.File, 30_000)
	for i := range names {
		names[i] = cabtest.File{Name: strings.Repeat("n", 250), Data: nil}
	}
	names[len(names)-1].Data = []byte("x")
	many := cabtest.Cabinet{Files: names}.Bytes()
	big := cabtest.Cabinet{Method: cabtest.LZX, Window: 21, Files: []cabtest.File{{Name: "big.dll", Data: make([]byte, 3<<20)}, {Name: "update.mum", Data: []byte(mum)}}}.Bytes()
	for name, p := range map[string]pack{
		"names":        {name: "a.msu", bytes: cabinet(cabtest.Stored, "WSUSSCAN.cab", "x", "a.cab", string(many))},
		"names inside": {name: "a.exe", bytes: program{appended: many}.bytes()},
		"bytes":        {name: "a.cab", bytes: big},
		"MSI":          others()["MSI by content"],
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = look(p) // whatever it finds
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 64 {
			t.Errorf("%s: %d MiB, more than 64", name, got)
		}
	}
}

// TestDeepMembers: where update.mum lies behind more than is unpacked, the kind is
// known and nothing else. In a file that is as large itself it is reached, and what
// is stored need not be unpacked.
func TestDeepMembers(t *testing.T) {
	const deep = 65 << 20
	files := []cabtest.File{{Name: "a", Data: make([]byte, deep)}, {Name: "update.mum", Data: []byte(mum)}}
	stored := cabtest.Cabinet{Files: files, Unsummed: true}.Bytes()
	loose := cabtest.Cabinet{Files: files, Unsummed: true, Method: cabtest.MSZIP, Loose: true}.Bytes()
	const identity = "Package_for_KB976932~31bf3856ad364e35~amd64~~6.1.1.17514"
	packed := cabinet(cabtest.MSZIP, "update.mum", mum)
	binary.LittleEndian.PutUint16(packed[36+4:], 0xffff) // blocks of the folder
	binary.LittleEndian.PutUint32(packed[36+8+4:], deep) // where the member begins in it
	for _, tt := range []struct {
		bytes    []byte
		identity string
	}{{packed, ""}, {stored, identity}, {loose, identity}} {
		got, err := look(pack{name: "a.cab", bytes: tt.bytes})
		if err != nil || got.Kind != layout.KindCAB || got.Package.Identity != tt.identity {
			t.Errorf("got %s %+v, %v; want identity %q", got.Kind, got.Package, err, tt.identity)
		}
	}
}

// TestDeepMembersTogether: what each costs is counted, not each by itself.
func TestDeepMembersTogether(t *testing.T) {
	deep := cabtest.File{Name: "a", Data: make([]byte, 40<<20)}
	for _, tt := range []struct {
		infs []string
		kind layout.Kind
	}{{[]string{inf}, layout.KindDriverCAB}, {[]string{browserINF, inf}, ""}} {
		c := cabtest.Cabinet{Files: []cabtest.File{deep}, Unsummed: true, Method: cabtest.MSZIP}
		for i, text := range tt.infs {
			c.Files = append(c.Files, cabtest.File{Name: fmt.Sprint(i, ".inf"), Data: []byte(text)})
		}
		if got, err := look(pack{name: "a.cab", bytes: c.Bytes()}); err != nil || got.Kind != tt.kind {
			t.Errorf("with %d behind 40 MiB: got %q, %v, want %q", len(tt.infs), got.Kind, err, tt.kind)
		}
	}
}

// TestLargeMSI: from 7 MB on the allocation table has more sectors than the head of the
// file names, and from 15 MB on than one more sector does.
func TestLargeMSI(t *testing.T) {
	for _, size := range []int{6 << 20, 8 << 20, 17 << 20} {
		m := compound{"{000C1084-0000-0000-C000-000000000046}", append([]compoundStream{{"payload", make([]byte, size)}}, properties(1252, false, [][2]string{
			{"ProductName", "Large"}, {"ProductCode", product}, {"ProductVersion", "1.2.3"},
		})...)}.bytes()
		got, err := look(pack{name: "a.msi", bytes: m})
		want := &layout.Package{Title: "Large", Version: "1.2.3", Product: product}
		if diff := cmp.Diff(want, got.Package); err != nil || got.Kind != layout.KindMSI || diff != "" {
			t.Errorf("of %d bytes: got %s, %v (-want +got):\n%s", len(m), got.Kind, err, diff)
		}
		if size == 6<<20 {
			continue
		}
		first := m[68:72] // the first sector of the list, and behind it how many there are
		binary.LittleEndian.PutUint32(m[72:], 0xffffffff)
		copy(m[len(m)-4:], first) // after the last comes the first again
		again := slices.Clone(m)
		binary.LittleEndian.PutUint32(first, uint32(len(m)))
		for what, b := range map[string][]byte{"in a circle": again, "that is not there": m} {
			if got, err := look(pack{name: "a.msi", bytes: b}); err == nil || !strings.Contains(err.Error(), "allocation table") {
				t.Errorf("of %d bytes, with a list %s: %+v, %v", len(m), what, got, err)
			}
		}
	}
}
