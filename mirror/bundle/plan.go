package bundle

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"patchferry/layout"
)

// PlanOptions says how large volumes and files may be.
type PlanOptions struct {
	VolumeSize int64 // bytes of a volume with all that is in it; 0 is no limit, hence one volume
	MaxFile    int64 // bytes of the largest file; 0 is DefaultMaxFile
	Cluster    int64 // bytes in which the medium's file system hands out space; 0 is 32 KiB, the most that FAT32 does
	Each       int64 // bytes that every volume carries besides objects, header, lists and README
	First      int64 // bytes that volume 1 carries besides (catalog, bulletins, tools)
}

// Plan says which object goes where. It is the same for the same objects and
// options, in whatever order they came, and takes less than 160 bytes of
// memory for an object. It is not changed once it is made, except that the
// writer of a bundle notes the digests of segments.
type Plan struct {
	placed   []placed // in the order of digests
	segments []placedSegment
	volumes  []PlannedVolume
}

// PlannedVolume is one volume of a plan.
type PlannedVolume struct {
	Index   int   // from 1
	Objects int   // files in objects/ and segments/
	Bytes   int64 // that it takes on the medium at most, lists and catalog included

	overhead int64 // of these, what is no object
}

// kind is the folder in which a shipped object stands.
type kind uint8

const (
	kindObject kind = iota
	kindBulletin
	kindCatalog
	kindNotices
)

// placed is an object and where it goes: to a volume, or, cut up, to the
// segments from first on.
type placed struct {
	sha    layout.Digest
	size   int64
	first  int32  // of Plan.segments
	pieces uint16 // 0: it is whole
	volume uint16 // of a whole one
	kind   kind
}

// placedSegment is one piece; its digest is known when it has been copied.
type placedSegment struct {
	sha    layout.Digest
	offset int64
	size   int64
	volume uint16
}

const (
	maxSegments    = 9999     // their names have four digits
	defaultCluster = 32 << 10 // bytes

	// What files cost besides their bytes: lines in VOLUME.jsonl and
	// SHA256SUMS, and six entries of 32 bytes in a folder of FAT32.
	lineCost = 640
	// A line in entries.jsonl.zst: a digest does not compress.
	entryCost = 128
	// Header, its signatures, README, and the ends of lists: 256 volumes make a
	// header of 40 KiB.
	baseCost = 64 << 10
	// The signatures of a document by sixty people.
	signatureCost = 16 << 10
)

// NewPlan packs objects into volumes, the largest first, each into the first
// volume that has room (first-fit-decreasing). One that is larger than a file
// may be, or than an empty volume, is cut into segments. An object that comes
// twice is shipped once; one digest with two sizes is an error, and so is
// whatever needs more than 256 volumes.
func NewPlan(objects iter.Seq[layout.ObjectRef], opt PlanOptions) (*Plan, error) {
	p := &packer{opt: opt.orDefault()}
	if err := p.collect(objects); err != nil {
		return nil, err
	}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	slices.SortFunc(p.placed, func(a, b placed) int {
		return cmp.Or(cmp.Compare(b.size, a.size), bytes.Compare(a.sha[:], b.sha[:]))
	})
	for i := range p.placed {
		if err := p.place(&p.placed[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.placed, byDigest)
	plan := &Plan{placed: p.placed, segments: p.segments}
	for i, v := range p.volumes {
		plan.volumes = append(plan.volumes, PlannedVolume{Index: i + 1, Objects: v.files, Bytes: v.used, overhead: v.overhead})
	}
	return plan, nil
}

func byDigest(a, b placed) int { return bytes.Compare(a.sha[:], b.sha[:]) }

// Volumes returns the volumes in their order; there is at least one.
func (p *Plan) Volumes() []PlannedVolume { return slices.Clone(p.volumes) }

// Objects returns how many objects are shipped, and their bytes.
func (p *Plan) Objects() (count int, size int64) {
	for _, o := range p.placed {
		size += o.size
	}
	return len(p.placed), size
}

// Entries yields the shipped objects in ascending order of digest. The digests
// of segments are zero until a Writer has copied them.
func (p *Plan) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range p.placed {
			if !yield(p.entry(&p.placed[i])) {
				return
			}
		}
	}
}

func (p *Plan) entry(o *placed) Entry {
	e := Entry{SHA256: o.sha, Size: o.size}
	if o.pieces == 0 {
		e.Volume, e.Path = int(o.volume), o.path()
		return e
	}
	for i, s := range p.pieces(o) {
		e.Segments = append(e.Segments, Segment{
			Volume: int(s.volume), Path: SegmentPath(o.sha, i+1), Offset: s.offset, Size: s.size, SHA256: s.sha,
		})
	}
	return e
}

func (p *Plan) pieces(o *placed) []placedSegment {
	return p.segments[o.first : int(o.first)+int(o.pieces)]
}

func (o *placed) path() string {
	switch o.kind {
	case kindBulletin:
		return BulletinPath(o.sha)
	case kindCatalog:
		return CatalogFile
	case kindNotices:
		return NoticesFile
	}
	return ObjectPath(o.sha)
}

// packer makes a plan.
type packer struct {
	opt      PlanOptions
	placed   []placed
	segments []placedSegment
	volumes  []packing
	first    int64 // taken of volume 1 before objects come
	whole    int64 // bytes of the largest object that is not cut
}

// packing is a volume while it is filled.
type packing struct {
	used     int64
	overhead int64 // of it, before the first object
	files    int
	shards   [2][4]uint64 // folders that are there, of objects and of segments
}

func (o PlanOptions) orDefault() PlanOptions {
	if o.MaxFile <= 0 {
		o.MaxFile = DefaultMaxFile
	}
	if o.Cluster <= 0 {
		o.Cluster = defaultCluster
	}
	if o.VolumeSize <= 0 {
		o.VolumeSize = math.MaxInt64
	}
	return o
}

// onDisk returns what a file of n bytes takes.
func (o PlanOptions) onDisk(n int64) int64 {
	return (n+o.Cluster-1)/o.Cluster*o.Cluster + lineCost
}

// collect takes the objects in, each once.
func (p *packer) collect(objects iter.Seq[layout.ObjectRef]) error {
	for ref := range objects {
		if ref.Size < 0 || ref.IsZero() {
			return fmt.Errorf("plan bundle: object %s of %d bytes is none", ref.SHA256, ref.Size)
		}
		p.placed = append(p.placed, placed{sha: ref.SHA256, size: ref.Size})
	}
	slices.SortFunc(p.placed, func(a, b placed) int { return cmp.Or(byDigest(a, b), cmp.Compare(a.size, b.size)) })
	p.placed = slices.CompactFunc(p.placed, func(a, b placed) bool { return a.sha == b.sha && a.size == b.size })
	for i := 1; i < len(p.placed); i++ {
		if a, b := p.placed[i-1], p.placed[i]; a.sha == b.sha {
			return fmt.Errorf("plan bundle: object %s has two sizes, %d and %d bytes", a.sha, a.size, b.size)
		}
	}
	return nil
}

// prepare works out what volume 1 carries besides objects, and from which size
// on an object is cut.
func (p *packer) prepare() error {
	room := p.opt.VolumeSize - p.base()
	p.whole = p.opt.MaxFile
	if p.opt.onDisk(p.whole)+p.opt.Cluster > room {
		p.whole = (room - lineCost - p.opt.Cluster) / p.opt.Cluster * p.opt.Cluster
	}
	if p.whole < 1 {
		return fmt.Errorf("plan bundle: volumes of %d bytes are too small: an empty one needs %d", p.opt.VolumeSize, p.base())
	}
	p.first = p.opt.First
	for _, o := range p.placed {
		p.first += entryCost
		if o.size > p.whole {
			p.first += entryCost * (2*(o.size/p.whole) + 2)
		}
	}
	if p.first > room {
		return fmt.Errorf("plan bundle: volumes of %d bytes are too small: the catalog and the bulletins in the first one need %d",
			p.opt.VolumeSize, p.base()+p.first)
	}
	_, err := p.volume(0)
	return err
}

// base returns what an empty volume takes.
func (p *packer) base() int64 { return baseCost + 8*p.opt.Cluster + p.opt.Each }

// volume returns volume i, and begins it where it is the next one.
func (p *packer) volume(i int) (*packing, error) {
	if i < len(p.volumes) {
		return &p.volumes[i], nil
	}
	if i == MaxVolumes {
		return nil, fmt.Errorf("plan bundle: volumes of %d bytes are too small: there would be more than %d", p.opt.VolumeSize, MaxVolumes)
	}
	v := packing{used: p.base()}
	if i == 0 {
		v.used += p.first
	}
	v.overhead = v.used
	p.volumes = append(p.volumes, v)
	return &p.volumes[i], nil
}

func (p *packer) place(o *placed) error {
	if o.size > p.whole {
		return p.cut(o)
	}
	for i := 0; ; i++ {
		v, err := p.volume(i)
		if err != nil {
			return err
		}
		cost := p.opt.onDisk(o.size) + v.folders(0, o.sha, p.opt.Cluster)
		if cost > p.opt.VolumeSize-v.used {
			continue
		}
		v.take(0, o.sha, cost)
		o.volume = uint16(i + 1)
		return nil
	}
}

// cut places an object in pieces, each as large as its volume and the largest
// file allow, but none so small that it is not worth its name.
func (p *packer) cut(o *placed) error {
	least := min(1<<20, max(p.whole/4, 1))
	o.first = int32(len(p.segments))
	rest := o.size
	for i := 0; rest > 0; {
		v, err := p.volume(i)
		if err != nil {
			return err
		}
		folders := v.folders(1, o.sha, p.opt.Cluster) + p.opt.Cluster
		room := (p.opt.VolumeSize - v.used - folders - lineCost) / p.opt.Cluster * p.opt.Cluster
		size := min(rest, room, p.opt.MaxFile)
		if size < min(rest, least) {
			i++
			continue
		}
		if o.pieces == maxSegments {
			return fmt.Errorf("plan bundle: object %s would be cut into more than %d segments", o.sha, maxSegments)
		}
		v.take(1, o.sha, p.opt.onDisk(size)+folders)
		p.segments = append(p.segments, placedSegment{offset: o.size - rest, size: size, volume: uint16(i + 1)})
		o.pieces++
		rest -= size
	}
	return nil
}

// folders returns what the shard folder of an object costs where it is not
// there yet.
func (v *packing) folders(tree int, d layout.Digest, cluster int64) int64 {
	if v.shards[tree][d[0]/64]>>(d[0]%64)&1 == 1 {
		return 0
	}
	return cluster
}

func (v *packing) take(tree int, d layout.Digest, cost int64) {
	v.shards[tree][d[0]/64] |= 1 << (d[0] % 64)
	v.used += cost
	v.files++
}
