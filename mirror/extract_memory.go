package mirror

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// extractionEdition is raised when more packages can be taken apart than before, so
// that those that could not are tried again.
const extractionEdition = 1

// maxPacked is how many packages are remembered; with more, all are tried again.
const maxPacked = 10_000

// packedMemory says which packages could not be taken apart. It is in the work
// directory and may be lost, which costs one more try and one more note of each.
type packedMemory struct {
	path string
	new  bool
	doc  packedDocument
}

type packedDocument struct {
	Edition int                      `json:"edition"`
	Packed  map[layout.Digest]string `json:"packed"` // why
}

// recallPacked reads the memory; a missing, damaged or outdated one is as good as none.
func (m *Mirror) recallPacked() *packedMemory {
	k := &packedMemory{path: filepath.Join(m.Work, "packed.json")}
	text, err := os.ReadFile(k.path)
	if err != nil || json.Unmarshal(text, &k.doc) != nil || k.doc.Edition != extractionEdition || len(k.doc.Packed) > maxPacked {
		k.doc = packedDocument{Edition: extractionEdition}
	}
	if k.doc.Packed == nil {
		k.doc.Packed = map[layout.Digest]string{}
	}
	return k
}

func (k *packedMemory) has(d layout.Digest) bool {
	_, is := k.doc.Packed[d]
	return is
}

func (k *packedMemory) add(d layout.Digest, why string) {
	k.doc.Packed[d], k.new = why, true
}

// save writes the memory where something is new in it.
func (k *packedMemory) save() error {
	if !k.new {
		return nil
	}
	text, err := json.MarshalIndent(k.doc, "", "  ")
	if err == nil {
		err = durable.Rewrite(k.path, 0o640, append(text, '\n'), false)
	}
	if err != nil {
		return fmt.Errorf("remember what cannot be taken apart: %w", err)
	}
	k.new = false
	return nil
}

// settle remembers what could not be taken apart.
func (x *extraction) settle() error {
	if x == nil {
		return nil
	}
	return x.known.save()
}

// extracted fills in what became of service packs.
func (r *SyncReport) extracted(x *extraction) {
	if x != nil {
		r.Extracted, r.Unextracted = x.count, x.left
	}
}
