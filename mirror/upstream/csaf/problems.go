package csaf

import "fmt"

// maxProblems is how many problems of one document are told one by one.
const maxProblems = 20

// problems are the parts of one document that cannot be used. A hostile index
// has as many as it has lines, so only the first are kept.
type problems struct {
	errs []error
	more int
}

func (p *problems) add(err error) {
	if len(p.errs) >= maxProblems {
		p.more++
		return
	}
	p.errs = append(p.errs, err)
}

// of returns the problems with the document's place before each.
func (p *problems) of(place string) []error {
	var all []error
	for _, err := range p.errs {
		all = append(all, fmt.Errorf("%s: %w", place, err))
	}
	if p.more > 0 {
		all = append(all, fmt.Errorf("%s: %d more parts cannot be used", place, p.more))
	}
	return all
}
