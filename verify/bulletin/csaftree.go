package bulletin

import (
	"strings"

	"patchferry/layout"
)

// The product tree of a CSAF document (section 3.2.2).
type (
	csafTree struct {
		Branches      []csafBranch       `json:"branches"`
		Products      []csafProduct      `json:"full_product_names"`
		Relationships []csafRelationship `json:"relationships"`
	}
	csafBranch struct {
		Branches []csafBranch `json:"branches"`
		Product  *csafProduct `json:"product"`
	}
	csafRelationship struct {
		Product *csafProduct `json:"full_product_name"`
	}
	csafProduct struct {
		Name   string      `json:"name"`
		Helper *csafHelper `json:"product_identification_helper"`
	}
	csafHelper struct {
		Hashes []csafHashes `json:"hashes"`
	}
	csafHashes struct {
		File string     `json:"filename"`
		Sums []csafHash `json:"file_hashes"`
	}
	csafHash struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"value"`
	}
)

// read returns the names of all products and the files whose SHA-256 the tree
// states, with the errors of statements.files.
func (t *csafTree) read() (products []string, files []layout.Stated, err error) {
	s := newStatements()
	add := func(p *csafProduct) {
		if p == nil {
			return
		}
		products = append(products, clean(p.Name, maxProduct))
		if p.Helper != nil {
			p.Helper.state(s)
		}
	}
	for i := range t.Branches {
		t.Branches[i].walk(add)
	}
	for i := range t.Products {
		add(&t.Products[i])
	}
	for i := range t.Relationships {
		add(t.Relationships[i].Product)
	}
	files, err = s.files()
	return products, files, err
}

// walk visits the products of a branch. checkJSON has bounded the depth.
func (b *csafBranch) walk(visit func(*csafProduct)) {
	visit(b.Product)
	for i := range b.Branches {
		b.Branches[i].walk(visit)
	}
}

func (h *csafHelper) state(s *statements) {
	for _, file := range h.Hashes {
		for _, sum := range file.Sums {
			if !strings.EqualFold(strings.ReplaceAll(sum.Algorithm, "-", ""), "sha256") {
				continue
			}
			if d, err := layout.ParseDigest(sum.Value); err == nil && isFileName(file.File) {
				s.add(file.File, d)
			}
		}
	}
}
