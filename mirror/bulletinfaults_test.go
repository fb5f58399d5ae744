package mirror_test

import (
	"path/filepath"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
)

// TestEveryWriteOfBulletinsMayFail fails each write of a sync that keeps
// documents in turn, in every way, and kills the sync there or lets it go on.
// What is published then has every original that it names, and the same sync
// finishes.
func TestEveryWriteOfBulletinsMayFail(t *testing.T) {
	build := func(t *testing.T) *publisher {
		p := newPublisher(t, true)
		p.press.print("a", p.clearSigned(line), nil)
		p.sync(mirror.SyncOptions{})
		sig, err := p.signer.Sign([]byte(line+"\n"), p.now)
		if err != nil {
			t.Fatal(err)
		}
		p.press.print("b.json", []byte(line+"\n"), sig)
		p.press.print("c", p.clearSigned("MS08-067 958644 Critical 2008-10-23"), nil)
		return p
	}
	probe := build(t)
	counting := faulty.New(probe.dir, faulty.Fault{})
	probe.use(counting, filepath.Join(t.TempDir(), "mark"))
	probe.sync(mirror.SyncOptions{})
	writes := counting.Writes()
	if writes < 8 {
		t.Fatalf("got %d writes: two documents, a signature, catalog, notices, generation, signature and state are more", writes)
	}
	for at := 1; at <= writes; at++ {
		for _, mode := range []faulty.Mode{faulty.None, faulty.Lost, faulty.Kept, faulty.Torn} {
			for _, dies := range []bool{true, false} {
				if mode == faulty.None && !dies {
					continue
				}
				p := build(t)
				mark := filepath.Join(t.TempDir(), "mark")
				p.use(faulty.New(p.dir, faulty.Fault{At: at, Mode: mode, Dies: dies}), mark)
				_, err := p.Sync(t.Context(), mirror.SyncOptions{})
				if last := at == writes && (mode == faulty.None || mode == faulty.Kept); err == nil && !last && dies {
					t.Errorf("write %d %v: the sync did not notice", at, mode)
				}
				p.use(p.dir, mark)
				if n := len(p.notices()); n < 1 || n < 2 && err == nil {
					t.Errorf("write %d %v: %d notices", at, mode, n)
				}
				p.clean()
				p.sync(mirror.SyncOptions{})
				for _, name := range []string{"a", "b.json", "c"} {
					if n := p.notices()[name]; n == nil || n.Verdict != layout.Valid {
						t.Errorf("write %d %v: %s is %+v", at, mode, name, n)
					}
				}
				p.clean()
			}
		}
	}
}
