package cab_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"patchferry/layout/cab"
	"patchferry/layout/cab/cabtest"
)

// walked opens a cabinet and reads all its members by Walk, by their place.
func walked(b []byte) (map[int][]byte, *cab.Cabinet, error) {
	c, err := cab.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	got := map[int][]byte{}
	err = c.Walk(func(i int, r io.Reader) error {
		content, err := io.ReadAll(r)
		got[i] = content
		return err
	})
	return got, c, err
}

func TestWalk(t *testing.T) {
	text := bytes.Repeat([]byte("what is in a cabinet "), 9_000)
	files := []cabtest.File{{Name: "a", Data: text[:70_000]}, {Name: "none"}, {Name: "b", Data: text[3:40_000]}, {Name: "c", Data: text}}
	for name, c := range map[string]cabtest.Cabinet{
		"stored": {Method: cabtest.Stored}, "MSZIP": {Method: cabtest.MSZIP}, "LZX": {Method: cabtest.LZX, Window: 16},
		"a folder each": {Method: cabtest.MSZIP, Each: true},
	} {
		t.Run(name, func(t *testing.T) {
			c.Files = files
			if c.Each {
				c.Files = []cabtest.File{files[0], files[2], files[3]}
			}
			got, _, err := walked(c.Bytes())
			if err != nil || len(got) != len(c.Files) {
				t.Fatalf("%d members: %v", len(got), err)
			}
			for i, f := range c.Files {
				if !bytes.Equal(got[i], f.Data) {
					t.Errorf("%s: got %d bytes, want %d", f.Name, len(got[i]), len(f.Data))
				}
			}
		})
	}
}

// TestWalkPassesOver stops reading in the middle of members, and in the middle of all.
func TestWalkPassesOver(t *testing.T) {
	b := cabtest.Cabinet{Method: cabtest.MSZIP, Files: []cabtest.File{{Name: "a", Data: bytes.Repeat([]byte("a"), 50_000)}, {Name: "b", Data: []byte("bb")}, {Name: "c", Data: []byte("c")}}}.Bytes()
	c, err := cab.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	var seen string
	err = c.Walk(func(i int, r io.Reader) error {
		var one [1]byte
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return err
		}
		seen += string(one[:])
		if i == 1 {
			return enough
		}
		return nil
	})
	if seen != "ab" || err != enough {
		t.Errorf("got %q and %v", seen, err)
	}
}

// TestWalkRefusesOverlaps holds that work is bounded by what members say of their sizes.
func TestWalkRefusesOverlaps(t *testing.T) {
	b := cabtest.Cabinet{Method: cabtest.Stored, Files: []cabtest.File{{Name: "a", Data: []byte("aaaa")}, {Name: "b", Data: []byte("bbbb")}}}.Bytes()
	second := bytes.Index(b, []byte("b\x00")) - 16
	for _, offset := range []byte{0, 3, 5} {
		b[second+4] = offset
		if _, _, err := walked(b); !errors.Is(err, cab.ErrFormat) {
			t.Errorf("b at %d: got %v", offset, err)
		}
	}
}

// FuzzWalk holds that Walk and Open agree on every member, whatever the bytes are.
func FuzzWalk(f *testing.F) {
	files := []cabtest.File{{Name: "a", Data: bytes.Repeat([]byte("abc"), 300)}, {Name: "b", Data: []byte("b")}}
	for _, c := range []cabtest.Cabinet{{Files: files, Method: cabtest.Stored, Unsummed: true}, {Files: files, Method: cabtest.MSZIP}, {Files: files, Method: cabtest.LZX, Each: true}} {
		f.Add(c.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cab.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var sum int64
		for i := range c.Files {
			sum += c.Files[i].Size
		}
		if sum > 1<<20 || len(c.Files) > 100 {
			t.Skip("large")
		}
		got, c, err := walked(b)
		if err != nil {
			return
		}
		for i := range c.Files {
			r, err := c.Open(&c.Files[i])
			if err != nil {
				t.Fatal(err)
			}
			want, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got[i], want) {
				t.Errorf("member %d: Walk has %d bytes, Open %d, %v", i, len(got[i]), len(want), err)
			}
		}
	})
}
