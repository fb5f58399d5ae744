package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// WantOptions says what a far side asks for.
type WantOptions struct {
	// Updates are ids or KB numbers of updates of the catalog: all of their files
	// that are not here are asked for.
	Updates []string
	// Absent asks for every file that the near side held and that is not here, as
	// bundles of the catalog alone leave them out.
	Absent bool
	// Asked is what hosts asked for (ReadAsked): of it everything is asked for that a
	// catalog names and that is not here.
	Asked []Asked
	// To is the directory for the want files.
	To string
	// Destination is the name of this far side.
	Destination string
}

// WantReport is one want file: what is asked of one stream.
type WantReport struct {
	Stream  string `json:"stream"`  // its name
	Seq     uint64 `json:"seq"`     // of the bundle that was imported last
	Missing int    `json:"missing"` // objects that the near side held
	Files   int    `json:"files"`   // that are only listed
	Bytes   int64  `json:"bytes"`   // of all of these, as far as is known
	File    string `json:"file"`    // to carry back, with its .asc
}

// WantError is the error of a want that makes no sense. Nothing was written.
type WantError struct {
	Problem string
	Next    string // what to type; may be empty
}

func (e *WantError) Error() string { return e.Problem }

// Want writes a signed want file for every stream whose catalog names something
// that is asked for and not here. Where all of it is here, it writes none. It
// changes nothing in the store.
func (m *Mirror) Want(ctx context.Context, opt WantOptions) ([]WantReport, error) {
	if len(opt.Updates) == 0 && !opt.Absent && opt.Asked == nil {
		return nil, &WantError{"nothing is asked for", "patchferry want UPDATE… --to DIR, or patchferry want --asked --to DIR for what hosts asked for, or --absent"}
	}
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if state == nil || len(state.Streams) == 0 {
		return nil, &WantError{"nothing was imported yet, so there is no catalog to ask from", "patchferry import DIR"}
	}
	unknown := make(map[string]bool)
	for _, name := range opt.Updates {
		unknown[name] = true
	}
	hosts := newAskedIndex(opt.Asked)
	var asked []*asking
	for _, id := range slices.Sorted(maps.Keys(state.Streams)) {
		s := state.Streams[id]
		a := &asking{m: m, opt: &opt, hosts: hosts, unknown: unknown, missing: closure{all: make(map[layout.Digest]int64)}, files: make(map[bundle.WantedFile]bool)}
		if err := a.read(ctx, s.Position); err != nil {
			return nil, fmt.Errorf("stream %s: %w", s.Name, err)
		}
		if a.any() {
			a.write(&s, opt.Destination, m.today())
			asked = append(asked, a)
		}
	}
	for _, name := range opt.Updates {
		if unknown[name] {
			return nil, &WantError{fmt.Sprintf("no catalog that was imported has an update %s", clipped(name)), "patchferry show " + clipped(name) + " looks for it in every ring"}
		}
	}
	reports := []WantReport{}
	for _, a := range asked {
		if a.report.File, err = m.putReceipt(opt.To, a.want); err != nil {
			return reports, err
		}
		reports = append(reports, a.report)
	}
	return reports, nil
}

// asking is the want file of one stream while it is made.
type asking struct {
	m       *Mirror
	opt     *WantOptions
	hosts   askedIndex      // what hosts asked for
	unknown map[string]bool // names that no catalog had yet
	missing closure         // objects that the near side held
	files   map[bundle.WantedFile]bool
	listed  []bundle.WantedFile // of files, in the order of the catalog
	bytes   int64
	want    bundle.Receipt
	report  WantReport
}

func (a *asking) any() bool { return len(a.missing.all)+len(a.listed) > 0 }

// read goes through the catalog of a generation.
func (a *asking) read(ctx context.Context, at layout.Position) error {
	gen, err := a.m.Trusted.Generation(ctx, at.Generation)
	if err != nil {
		return err
	}
	for u, err := range a.m.updates(ctx, gen) {
		if err != nil {
			return err
		}
		named := a.names(u)
		for i := range u.Files {
			if err := a.file(ctx, u, &u.Files[i], named); err != nil {
				return err
			}
		}
	}
	return nil
}

// names reports whether somebody typed a name of the update.
func (a *asking) names(u *layout.Update) (named bool) {
	for _, name := range a.opt.Updates {
		if u.Is(name) {
			named = true
			delete(a.unknown, name)
		}
	}
	return named
}

// file asks for a file that is not here: one that the near side held as an
// object, one that it only lists as well as its digests are known.
func (a *asking) file(ctx context.Context, u *layout.Update, f *layout.File, named bool) error {
	if _, asked := a.hosts.find(u, f); !named && !asked && !(a.opt.Absent && f.Held) {
		return nil
	}
	if !f.Held {
		one := bundle.Want(u, f)
		if a.files[one] {
			return nil
		}
		a.files[one] = true
		a.listed = append(a.listed, one)
		a.bytes += f.Size
		return nil
	}
	size, err := a.m.Store.Stat(ctx, f.SHA256)
	if err == nil && size == f.Size {
		return nil
	}
	if err != nil && !isMissing(err) {
		return err
	}
	if _, again := a.missing.all[f.SHA256]; !again {
		a.bytes += f.Size
	}
	return a.missing.add(layout.ObjectRef{SHA256: f.SHA256, Size: f.Size})
}

// write makes the want file, which acknowledges what was imported last.
func (a *asking) write(s *layout.Stream, destination string, day layout.Date) {
	mark := bundle.Before{Epoch: s.Epoch, Seq: s.Seq, Header: s.Header}
	a.want = bundle.Receipt{
		Format: bundle.FormatWant, Version: bundle.Version, Destination: destination, Origin: s.Origin, Stream: s.ID,
		Epoch: s.Epoch, Seq: s.Seq, Header: s.Header, Files: a.listed, Missing: slices.Collect(a.missing.sorted()), Mark: &mark, Day: day,
	}
	a.report = WantReport{Stream: s.Name, Seq: s.Seq, Missing: len(a.want.Missing), Files: len(a.listed), Bytes: a.bytes}
}
