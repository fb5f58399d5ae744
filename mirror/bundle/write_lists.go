package bundle

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"

	"github.com/klauspost/compress/zstd"

	"patchferry/layout"
)

// lists writes everything that follows from the objects: lists, README, sums,
// VOLUME.jsonl and last the header, into every volume. It returns the header's
// bytes.
func (j *job) lists(ctx context.Context) ([]byte, error) {
	h := j.c.Header
	h.Format, h.Version, h.MinReader = FormatBundle, Version, Version
	h.Generation.SHA256 = layout.DigestOf(j.c.Generation.Document)
	h.Generation.Size = int64(len(j.c.Generation.Document))
	if err := j.c.sum(j.plan, &h); err != nil {
		return nil, err
	}
	first, err := j.catalogFiles(&h)
	if err != nil {
		return nil, err
	}
	h.Volumes = nil
	for i := range j.plan.volumes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := j.volumeFiles(&h, i+1, first)
		if err != nil {
			return nil, err
		}
		h.Volumes = append(h.Volumes, v)
		first = nil
	}
	return j.header(&h)
}

// header writes the header into every volume.
func (j *job) header(h *Header) ([]byte, error) {
	doc, err := encodeJSON(h, "  ")
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	if _, err := ParseHeader(doc); err != nil {
		return nil, fmt.Errorf("no reader would take this header: %w", err)
	}
	if j.c.Recorded != nil && !bytes.Equal(doc, j.c.Recorded) {
		return nil, fmt.Errorf("this content: %w", ErrOtherHeader)
	}
	for i, v := range h.Volumes {
		if most := j.w.Options.VolumeSize; most > 0 && v.Bytes+int64(len(doc))+signatureCost > most {
			return nil, fmt.Errorf("volume %d has %d bytes and its header, more than %d", v.Index, v.Bytes, most)
		}
		if err := writeSmall(j.t, j.volume(i+1)+"/"+HeaderFile, doc); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func encodeJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// catalogFiles writes what is in catalog/ besides the objects, and returns all
// lines of that folder and of tools/.
func (j *job) catalogFiles(h *Header) ([]Line, error) {
	root := j.volume(1)
	if err := j.mkdir(root + "/catalog"); err != nil {
		return nil, err
	}
	generation := j.c.Generation
	if err := writeSmall(j.t, root+"/"+GenerationFile, generation.Document); err != nil {
		return nil, err
	}
	if err := j.generationSignature(root); err != nil {
		return nil, err
	}
	lines := []Line{
		{Path: CatalogFile, Size: j.c.Catalog.Size, SHA256: j.c.Catalog.SHA256},
		{Path: GenerationFile, Size: h.Generation.Size, SHA256: h.Generation.SHA256},
	}
	if !j.c.Notices.IsZero() {
		lines = append(lines, Line{Path: NoticesFile, Size: j.c.Notices.Size, SHA256: j.c.Notices.SHA256})
	}
	var err error
	if h.Entries, err = j.entries(root + "/" + EntriesFile); err != nil {
		return nil, err
	}
	if h.Requires, err = j.requires(root + "/" + RequiresFile); err != nil {
		return nil, err
	}
	lines = append(lines,
		Line{Path: EntriesFile, Size: h.Entries.Size, SHA256: h.Entries.SHA256},
		Line{Path: RequiresFile, Size: h.Requires.Size, SHA256: h.Requires.SHA256})
	for _, t := range j.c.Tools {
		lines = append(lines, Line{Path: "tools/" + t.Name, Size: t.Size, SHA256: t.SHA256})
	}
	return lines, nil
}

// generationSignature writes the signatures that the generation came with,
// beside those that were added to this bundle before.
func (j *job) generationSignature(root string) error {
	there, err := readSignatureFile(j.t, root+"/"+GenerationSigFile)
	if err != nil {
		return err
	}
	if packets, err := readSignatures(there); err != nil || len(packets) == 0 {
		there = nil // damaged
	}
	if len(there) == 0 && len(j.c.Generation.Signature) == 0 {
		return nil
	}
	all, err := joinSignatures(j.c.Generation.Signature, there)
	if err != nil {
		return fmt.Errorf("%s: %w", GenerationSigFile, err)
	}
	return replaceSmall(j.t, root+"/"+GenerationSigFile, all)
}

func (j *job) entries(name string) (CountedRef, error) {
	return j.list(name, func(yield func([]byte, int64) bool) {
		for e := range j.plan.Entries() {
			line, err := encodeJSON(e, "")
			if err != nil || !yield(line, e.Size) {
				return
			}
		}
	})
}

func (j *job) requires(name string) (CountedRef, error) {
	var line []byte
	return j.list(name, func(yield func([]byte, int64) bool) {
		for ref := range j.c.requires() {
			line = fmt.Appendf(line[:0], "%s %d\n", ref.SHA256, ref.Size)
			if !yield(line, ref.Size) {
				return
			}
		}
	})
}

// list writes compressed lines, each with the bytes of the object that it
// names.
func (j *job) list(name string, lines iter.Seq2[[]byte, int64]) (ref CountedRef, err error) {
	err = j.stream(name, func(out *hashWriter) error {
		// One goroutine and a fixed level: the same bytes on every machine.
		enc, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
		if err != nil {
			return err
		}
		for line, size := range lines {
			if _, err := enc.Write(line); err != nil {
				return errors.Join(err, enc.Close())
			}
			ref.Count++
			ref.Bytes += size
		}
		if err := enc.Close(); err != nil {
			return err
		}
		ref.SHA256, ref.Size = out.digest(), out.size
		return nil
	})
	return ref, err
}

// stream writes a file of any length and makes its bytes durable.
func (j *job) stream(name string, fill func(*hashWriter) error) error {
	f, err := j.t.create(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	buffered := bufio.NewWriterSize(f, 64<<10)
	err = fill(newHashWriter(buffered))
	if err = errors.Join(err, buffered.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// volumeFiles writes keys, README, sums and VOLUME.jsonl of one volume. extra
// are the lines of what is not in the plan.
func (j *job) volumeFiles(h *Header, index int, extra []Line) (Volume, error) {
	root := j.volume(index)
	if err := j.mkdir(root); err != nil {
		return Volume{}, err
	}
	var tools []Tool
	if index == 1 {
		tools = j.c.Tools
	}
	small := map[string][]byte{ReadmeFile: readme(h, index, len(j.plan.volumes), tools)}
	for i, r := range j.c.Rotations {
		small[RotationPath(i+1)], small[RotationPath(i+1)+".asc"] = r.Document, r.Signature
		if err := j.mkdir(root + "/keys"); err != nil {
			return Volume{}, err
		}
	}
	for name, doc := range small {
		if err := writeSmall(j.t, root+"/"+name, doc); err != nil {
			return Volume{}, err
		}
		extra = append(extra, Line{Path: name, Size: int64(len(doc)), SHA256: layout.DigestOf(doc)})
	}
	byPath(extra)
	sums := Line{Path: SumsFile}
	err := j.stream(root+"/"+SumsFile, func(out *hashWriter) error {
		for l := range j.lines(index, extra) {
			if _, err := fmt.Fprintf(out, "%s  %s\n", l.SHA256, l.Path); err != nil {
				return err
			}
		}
		sums.Size, sums.SHA256 = out.size, out.digest()
		return nil
	})
	if err != nil {
		return Volume{}, err
	}
	return j.volumeList(index, append(extra, sums))
}

// volumeList writes VOLUME.jsonl.
func (j *job) volumeList(index int, extra []Line) (Volume, error) {
	byPath(extra)
	v := Volume{Index: index}
	err := j.stream(j.volume(index)+"/"+VolumeFile, func(out *hashWriter) error {
		for l := range j.lines(index, extra) {
			line, err := encodeJSON(l, "")
			if err != nil {
				return err
			}
			if _, err := out.Write(line); err != nil {
				return err
			}
			v.Files++
			v.Bytes += l.Size
		}
		v.SHA256 = out.digest()
		return nil
	})
	return v, err
}

func byPath(lines []Line) {
	slices.SortFunc(lines, func(a, b Line) int { return cmp.Compare(a.Path, b.Path) })
}

// lines yields all lines of a volume in the order of their paths: extra, which
// is sorted, and what the plan places there.
func (j *job) lines(index int, extra []Line) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for l := range j.plan.lines(index) {
			for len(extra) > 0 && extra[0].Path < l.Path {
				if !yield(extra[0]) {
					return
				}
				extra = extra[1:]
			}
			if !yield(l) {
				return
			}
		}
		for _, l := range extra {
			if !yield(l) {
				return
			}
		}
	}
}

// lines yields the bulletins, objects and segments of a volume, in the order of
// their paths, which is that of their digests in each folder.
func (p *Plan) lines(index int) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for _, kind := range []kind{kindBulletin, kindObject} {
			for _, o := range p.placed {
				if o.kind != kind || o.pieces > 0 || int(o.volume) != index {
					continue
				}
				if !yield(Line{Path: o.path(), Size: o.size, SHA256: o.sha}) {
					return
				}
			}
		}
		for _, o := range p.placed {
			for i, s := range p.pieces(&o) {
				if int(s.volume) == index && !yield(Line{Path: SegmentPath(o.sha, i+1), Size: s.size, SHA256: s.sha}) {
					return
				}
			}
		}
	}
}

// find returns an object of the plan, nil where there is none.
func (p *Plan) find(d layout.Digest) *placed {
	i, found := slices.BinarySearchFunc(p.placed, placed{sha: d}, byDigest)
	if !found {
		return nil
	}
	return &p.placed[i]
}

// syncFolders makes the names in a folder and in all below it durable.
func (j *job) syncFolders(ctx context.Context, name string) error { return syncFolders(ctx, j.t, name) }

func syncFolders(ctx context.Context, t target, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := t.readDir(name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := syncFolders(ctx, t, path.Join(name, e.Name())); err != nil {
			return err
		}
	}
	return t.syncDir(name)
}
