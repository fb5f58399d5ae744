package cab_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/layout/cab"
	"patchferry/layout/cab/cabtest"
)

// need returns where a program is. Without it the test is skipped, or fails if
// PATCHFERRY_REQUIRE names it.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), program) {
		t.Fatalf("needs %s, which PATCHFERRY_REQUIRE names", program)
	}
	t.Skipf("SKIP: needs %s", program)
	return ""
}

// mixed makes n bytes in which some repeat near, some far, and some not at all,
// with what LZX takes for calls.
func mixed(name string, n int) []byte {
	noise := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(name))))
	b := make([]byte, 0, n)
	for len(b) < n {
		switch noise.IntN(5) {
		case 0:
			b = append(b, byte(noise.Uint32()), byte(noise.Uint32()))
		case 1:
			b = append(b, "The system cannot find the file specified. "...)
		case 2:
			if len(b) > 100 {
				from := noise.IntN(len(b) - 50)
				b = append(b, b[from:from+noise.IntN(50)]...)
			}
		case 3:
			b = append(b, 0xe8, byte(noise.Uint32()), byte(noise.Uint32()), byte(noise.IntN(2)), 0)
		case 4:
			b = append(b, bytes.Repeat([]byte{byte(noise.Uint32())}, noise.IntN(400))...)
		}
	}
	return b[:n]
}

func members() []cabtest.File {
	return []cabtest.File{
		{Name: `update\update.mum`, Data: mixed("mum", 5_000)},
		{Name: "empty.txt"},
		{Name: `..\..\evil name.dll`, Data: mixed("dll", 150_001)},
		{Name: "exactly.bin", Data: mixed("bin", 32<<10)},
		{Name: "last.txt", Data: []byte("end\r\n")},
	}
}

// variants are the cabinets that a reader must cope with.
func variants() map[string]cabtest.Cabinet {
	all := map[string]cabtest.Cabinet{
		"stored":          {Method: cabtest.Stored},
		"stored, reserve": {Method: cabtest.Stored, Reserve: 20, Signature: []byte("a signature")},
		"mszip":           {Method: cabtest.MSZIP},
		"mszip, loose":    {Method: cabtest.MSZIP, Loose: true},
		"mszip, folders":  {Method: cabtest.MSZIP, Each: true, Unsummed: true},
		"lzx 15":          {Method: cabtest.LZX},
		"lzx 16, calls":   {Method: cabtest.LZX, Window: 16, Image: 12_000_000, Reserve: 6144},
		"lzx 18, folders": {Method: cabtest.LZX, Window: 18, Each: true},
		"lzx 20, calls":   {Method: cabtest.LZX, Window: 20, Image: 100_000},
		"lzx 21":          {Method: cabtest.LZX, Window: 21},
	}
	for name, c := range all {
		c.Files = members()
		all[name] = c
	}
	return all
}

func open(t testing.TB, b []byte) *cab.Cabinet {
	t.Helper()
	c, err := cab.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t testing.TB, c *cab.Cabinet, f *cab.File) []byte {
	t.Helper()
	r, err := c.Open(f)
	if err != nil {
		t.Fatalf("open %s: %v", f.Name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", f.Name, err)
	}
	return b
}

func TestReads(t *testing.T) {
	for name, want := range variants() {
		t.Run(name, func(t *testing.T) {
			b := want.Bytes()
			c := open(t, b)
			if c.Size != int64(len(b)-len(want.Signature)) || len(c.Files) != len(want.Files) {
				t.Fatalf("got %d bytes with %d members, want %d with %d", c.Size, len(c.Files), len(b)-len(want.Signature), len(want.Files))
			}
			for i := range c.Files {
				f, w := &c.Files[i], want.Files[i]
				if f.Name != w.Name || f.Size != int64(len(w.Data)) || !f.Modified.Equal(time.Date(2004, 4, 13, 17, 5, 30, 0, time.UTC)) {
					t.Errorf("got %+v, want %s of %d bytes", f, w.Name, len(w.Data))
				}
				if got := read(t, c, f); !bytes.Equal(got, w.Data) {
					t.Errorf("%s: got other bytes than were put in", f.Name)
				}
			}
		})
	}
}

// TestCabextractReadsOurs holds the cabinets of these tests, and so what is
// demanded of the reader, to a reader that is not ours.
func TestCabextractReadsOurs(t *testing.T) {
	program := need(t, "cabextract")
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.cab")
			if err := os.WriteFile(path, c.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, "-q", "-d", filepath.Join(dir, "out"), path).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, i := range []int{0, 3, 4} { // the names that stay as they are
				f := c.Files[i]
				got, err := os.ReadFile(filepath.Join(dir, "out", strings.ReplaceAll(f.Name, `\`, "/")))
				if err != nil || !bytes.Equal(got, f.Data) {
					t.Errorf("%s: got other bytes than were put in (%v)", f.Name, err)
				}
			}
		})
	}
}

func TestReadsThoseOfGcab(t *testing.T) {
	program := need(t, "gcab")
	for _, how := range [][]string{{"-c"}, {"-c", "-z"}} {
		dir := t.TempDir()
		want := mixed("gcab", 200_000)
		if err := os.WriteFile(filepath.Join(dir, "packed.bin"), want, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "other.txt"), []byte("first"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, append(slices.Clone(how), "a.cab", "other.txt", "packed.bin")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(filepath.Join(dir, "a.cab"))
		if err != nil {
			t.Fatal(err)
		}
		c := open(t, b)
		if len(c.Files) != 2 || c.Files[1].Name != "packed.bin" {
			t.Fatalf("gcab %v: got %+v", how, c.Files)
		}
		if !bytes.Equal(read(t, c, &c.Files[1]), want) {
			t.Errorf("gcab %v: got other bytes than were put in", how)
		}
	}
}

func TestFind(t *testing.T) {
	inside := cabtest.Cabinet{Files: members(), Method: cabtest.MSZIP}.Bytes()
	stub := append([]byte("MZ program that looks for MSCF "), mixed("stub", 64<<10)...)
	far := make([]byte, 5<<20)
	for name, tt := range map[string]struct {
		stub []byte
		want bool
	}{"near": {stub, true}, "over the end of a read": {stub[:64<<10-7], true}, "nowhere near": {far, false}, "at once": {nil, true}} {
		t.Run(name, func(t *testing.T) {
			b := append(slices.Clone(tt.stub), inside...)
			b = append(b, "and after it"...)
			at, ok, err := cab.Find(bytes.NewReader(b), int64(len(b)))
			if err != nil || ok != tt.want {
				t.Fatalf("got %d, %v, %v", at, ok, err)
			}
			if ok && at != int64(len(tt.stub)) {
				t.Errorf("found at %d, want %d", at, len(tt.stub))
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	good := cabtest.Cabinet{Files: members(), Method: cabtest.MSZIP}.Bytes()
	change := func(at int, b ...byte) []byte {
		c := slices.Clone(good)
		copy(c[at:], b)
		return c
	}
	set := func(flags, folder int) []byte {
		return cabtest.Cabinet{Files: members(), Flags: flags, Folder: folder}.Bytes()
	}
	tests := []struct {
		name string
		cab  []byte
		want error
		says string
	}{
		{"empty", nil, cab.ErrFormat, "too few"},
		{"something else", bytes.Repeat([]byte("PK"), 100), cab.ErrFormat, "does not begin as one"},
		{"cut short", good[:len(good)-1], cab.ErrFormat, "its header says"},
		{"no members", change(28, 0, 0), cab.ErrFormat, "does not begin as one"},
		{"more members than there are", change(28, 0xff, 0xff), cab.ErrFormat, ""},
		{"directory beyond the end", change(16, 0xff, 0xff, 0xff, 0xff), cab.ErrFormat, ""},
		{"folder that is not there", change(36+8+8, 9, 0), cab.ErrFormat, "folder 9 of 1"},
		{"longer than its folder", change(36+8, 0xff, 0xff, 0xff, 0x7f), cab.ErrFormat, "ends at byte"},
		{"more before it", set(1, 0), cab.ErrUnsupported, "several disks"},
		{"more after it", set(2, 0), cab.ErrUnsupported, "several disks"},
		{"a member that began before it", set(0, 0xfffd), cab.ErrUnsupported, "another cabinet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cab.Open(bytes.NewReader(tt.cab), int64(len(tt.cab)))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}

// TestDamagedMembers changes every byte of what is packed: no member is read to
// its end with other bytes than were put in.
func TestDamagedMembers(t *testing.T) {
	data := mixed("damaged", 2_000)
	for _, method := range []int{cabtest.Stored, cabtest.MSZIP, cabtest.LZX} {
		c := cabtest.Cabinet{Files: []cabtest.File{{Name: "a", Data: data}}, Method: method}
		good := c.Bytes()
		for at := 36 + 8 + 16 + 2; at < len(good); at++ {
			b := slices.Clone(good)
			b[at] ^= 0x5a
			opened := open(t, b)
			r, err := opened.Open(&opened.Files[0])
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(r); err == nil && !bytes.Equal(got, data) {
				t.Errorf("method %d: byte %d was changed, and nobody noticed", method, at)
			}
		}
	}
}

// TestCutBlocks takes bytes away from the end of a block that has no sum: what they stood
// for is not made up. A raw block comes first in windows of 20 bits, an aligned one in those
// of 16.
func TestCutBlocks(t *testing.T) {
	data := mixed("cut", 9_001)
	for name, c := range map[string]cabtest.Cabinet{
		"stored": {Method: cabtest.Stored}, "MSZIP": {Method: cabtest.MSZIP}, "LZX": {Method: cabtest.LZX},
		"LZX, aligned": {Method: cabtest.LZX, Window: 16}, "LZX, raw": {Method: cabtest.LZX, Window: 20},
	} {
		c.Files, c.Unsummed = []cabtest.File{{Name: "a", Data: data}}, true
		good := c.Bytes()
		if o := open(t, good); !bytes.Equal(read(t, o, &o.Files[0]), data) {
			t.Fatalf("%s: the whole of it is read as something else", name)
		}
		block := int(binary.LittleEndian.Uint32(good[36:])) // CFFOLDER: where its data begins
		size := int(binary.LittleEndian.Uint16(good[block+4:]))
		for cut := 2; cut <= size; cut += 1 + cut/20 { // one byte may be the padding of raw ones
			b := slices.Clone(good[:len(good)-cut])
			binary.LittleEndian.PutUint32(b[8:], uint32(len(b)))
			binary.LittleEndian.PutUint16(b[block+4:], uint16(size-cut))
			o := open(t, b)
			r, err := o.Open(&o.Files[0])
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(r); err == nil && !bytes.Equal(got, data) {
				t.Errorf("%s: %d of %d bytes are gone, and %d others were read", name, cut, size, len(got))
			}
		}
	}
}

func TestMethodsThatAreNotRead(t *testing.T) {
	for number, says := range map[int]string{2: "Quantum", 7: "method 7"} {
		c := open(t, cabtest.Cabinet{Files: members(), Method: number}.Bytes())
		_, err := c.Open(&c.Files[0])
		if !errors.Is(err, cab.ErrUnsupported) || !strings.Contains(err.Error(), says) {
			t.Errorf("method %d: got %v, want one that says %q", number, err, says)
		}
		if got := fmt.Sprint(c.Method(&c.Files[0])); got != says {
			t.Errorf("method %d is called %q", number, got)
		}
	}
}

// FuzzCab opens anything as a cabinet, looks for one inside, and reads the first
// members of what it finds.
func FuzzCab(f *testing.F) {
	for _, c := range variants() {
		c.Files = []cabtest.File{{Name: "a.txt", Data: mixed("a", 3_000)}, {Name: "b", Data: []byte("b")}}
		f.Add(c.Bytes())
		c.Unsummed = true
		f.Add(append([]byte("MZ"), c.Bytes()...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		at, ok, err := cab.Find(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			at = 0
		}
		c, err := cab.Open(bytes.NewReader(b[at:]), int64(len(b))-at)
		if err != nil {
			return
		}
		for i := range c.Files[:min(3, len(c.Files))] {
			file := &c.Files[i]
			r, err := c.Open(file)
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			if err == nil && n != min(file.Size, 1<<20) {
				t.Errorf("%q: got %d bytes of %d and no error", file.Name, n, file.Size)
			}
		}
	})
}
