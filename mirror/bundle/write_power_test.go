package bundle_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout/store/faulty"
	"patchferry/mirror/bundle"
)

// powered is a bundle that is written to disks that lose their power.
type powered struct {
	t        *testing.T
	s        *sample
	signers  []bundle.Signer
	recorded []byte // by the states, which outlive the medium
}

// write writes the bundle to a disk.
func (p *powered) write(disk *faulty.Disk) error {
	w := &bundle.Writer{Source: p.s.source, Signers: p.signers, Workers: 1, NoReadback: true,
		Options: bundle.PlanOptions{VolumeSize: 110 << 10, MaxFile: 30_000, Cluster: 1},
		Record: func(_ context.Context, header []byte) error {
			if p.recorded != nil {
				p.t.Error("a header was recorded twice")
			}
			p.recorded = header
			return nil
		}}
	w.On(disk)
	p.s.content.Recorded = p.recorded
	_, err := w.Write(p.t.Context(), disk.Path(), p.s.content)
	return err
}

func (p *powered) disk(folder string, operations int) *faulty.Disk {
	p.t.Helper()
	disk, err := faulty.NewDisk(folder, operations)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = disk.Close() })
	return disk
}

// differing names the files that differ.
func differing(want, got map[string]string) string {
	var names []string
	for name := range want {
		if there, ok := got[name]; !ok {
			names = append(names, name+" is missing")
		} else if there != want[name] {
			names = append(names, name+" is another")
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name+" is too many")
		}
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// points returns the operations at which a disk is made to fail, of so many:
// with TEST_FULL=1 each of them; else some, other ones in each run.
func points(total int) iter.Seq[int] {
	step := 5
	if testing.Short() {
		step = 20
	}
	if os.Getenv("TEST_FULL") == "1" {
		step = 1
	}
	return func(yield func(int) bool) {
		for at := rand.IntN(step); at < total && yield(at); at += step {
		}
	}
}

// TestT21MediumLosesPower takes the power from the medium after each operation
// in turn. What then has its final name is whole, and the same call ends with
// the bytes of one that nobody disturbed.
func TestT21MediumLosesPower(t *testing.T) {
	t.Parallel()
	origin, second := testKey(t, "origin"), testKey(t, "second")
	s := newSample(t, origin, sampleOptions{sizes: []int{10, 3000, 60_000}, required: []int{5}, notices: true})
	p := &powered{t: t, s: s, signers: []bundle.Signer{origin, second}}
	whole := p.disk(t.TempDir(), -1)
	if err := p.write(whole); err != nil {
		t.Fatal(err)
	}
	want := filesBelow(t, whole.Path())
	for after := range points(whole.Operations()) {
		rng := rand.New(rand.NewPCG(3, uint64(after)))
		for name, keep := range map[string]func() bool{
			"all of it lost": func() bool { return false },
			"some of it":     func() bool { return rng.IntN(2) == 0 },
		} {
			p.recorded = nil
			disk := p.disk(t.TempDir(), after)
			if err := p.write(disk); !errors.Is(err, faulty.ErrPowerLost) {
				t.Fatalf("operation %d: got %v, want the loss of power", after, err)
			}
			left := p.disk(t.TempDir(), -1)
			if err := disk.Lose(left.Path(), keep); err != nil {
				t.Fatal(err)
			}
			left = p.disk(left.Path(), -1) // all that is left is durable
			if _, err := os.Stat(filepath.Join(left.Path(), "main-e001-s000001")); err == nil {
				got := filesBelow(t, filepath.Join(left.Path(), "main-e001-s000001"))
				if diff := differing(filesBelow(t, filepath.Join(whole.Path(), "main-e001-s000001")), got); diff != "" {
					t.Fatalf("operation %d, %s: what has its final name is not whole:\n%s", after, name, diff)
				}
			}
			if err := p.write(left); err != nil {
				t.Fatalf("operation %d, %s, then again: %v", after, name, err)
			}
			if diff := differing(want, filesBelow(t, left.Path())); diff != "" {
				t.Fatalf("operation %d, %s, then again (-want +got):\n%s", after, name, diff)
			}
		}
	}
}

// TestT21KilledThenMediumLosesPower kills the writer after each operation, runs
// it again to its end, and takes the power away then: what the first one left
// and the second one kept is as durable as what that wrote.
func TestT21KilledThenMediumLosesPower(t *testing.T) {
	t.Parallel()
	origin := testKey(t, "origin")
	s := newSample(t, origin, sampleOptions{sizes: []int{10, 3000, 60_000}, required: []int{5}, notices: true})
	p := &powered{t: t, s: s, signers: []bundle.Signer{origin}}
	whole := p.disk(t.TempDir(), -1)
	if err := p.write(whole); err != nil {
		t.Fatal(err)
	}
	want := filesBelow(t, whole.Path())
	for after := range points(whole.Operations()) {
		p.recorded = nil
		disk := p.disk(t.TempDir(), after)
		if err := p.write(disk); !errors.Is(err, faulty.ErrPowerLost) {
			t.Fatalf("operation %d: got %v, want it killed", after, err)
		}
		disk.StopAfter(-1)
		if err := p.write(disk); err != nil {
			t.Fatalf("killed after operation %d, then again: %v", after, err)
		}
		left := t.TempDir()
		if err := disk.Lose(left, func() bool { return false }); err != nil {
			t.Fatal(err)
		}
		if diff := differing(want, filesBelow(t, left)); diff != "" {
			t.Fatalf("killed after operation %d, then again, then power lost (-want +got):\n%s", after, diff)
		}
	}
}
