package layout

import (
	"cmp"
	"fmt"
	"slices"
)

// maxNotice is the longest line of a list of notices in bytes, half of what a
// reader takes (Limits). The month of a large publisher has 400,000.
const maxNotice = 2 << 20

// AppendNotice appends n as one line of a list of notices, in the form of
// AppendLine: equal notices make equal bytes.
func AppendNotice(dst []byte, n *Notice) ([]byte, error) {
	if err := n.check(); err != nil {
		return dst, err
	}
	line, err := appendJSON(dst, n, "")
	if err != nil {
		return dst, fmt.Errorf("encode notice %s: %w", n.ID, err)
	}
	if len(line)-len(dst) > maxNotice {
		return dst, fmt.Errorf("notice %s has %d bytes, more than %d: it announces too much", clip(n.ID), len(line)-len(dst), maxNotice)
	}
	return line, nil
}

// ParseNotice reads one line of a list of notices, as strictly as ParseLine.
func ParseNotice(line []byte) (*Notice, error) {
	if _, err := LineID(line); err != nil {
		return nil, err
	}
	n := new(Notice)
	if err := decodeJSON(line, n, false); err != nil {
		return nil, fmt.Errorf("parse notice: %w", err)
	}
	return n, n.check()
}

// check holds the invariants that a list can show.
func (n *Notice) check() error {
	if err := checkID(n.ID); err != nil {
		return err
	}
	switch {
	case n.Verdict == "":
		return fmt.Errorf("notice %s has no verdict", clip(n.ID))
	case n.Original.IsZero():
		return fmt.Errorf("notice %s has no original", clip(n.ID))
	case len(n.Bulletins) > 0 && n.Verdict != Valid && n.Verdict != Unsigned:
		return fmt.Errorf("notice %s is %s and announces something all the same", clip(n.ID), n.Verdict)
	}
	return nil
}

// Said is one bulletin in force, and the notice that says so. What its latest
// revision leaves out stands as in those before it.
type Said struct {
	*Bulletin
	Notice *Notice
	Latest *Bulletin // the revision itself, as Notice has it
}

// Current returns, for every name, the bulletin in force among the notices, in
// the order of names. Of several with one name a signed one comes before an
// unsigned one, a released one before one that was only announced, then the
// later revision counts, last the later signature.
//
// Revisions of bulletins in mails name only what changed. So articles, CVEs,
// products, severity and the like that the bulletin in force leaves out are
// those of the one before, as long as that is as well signed and was released.
func Current(notices []*Notice) []Said {
	revisions := make(map[string][]Said)
	for _, n := range notices {
		for i := range n.Bulletins {
			b := &n.Bulletins[i]
			revisions[b.Name] = append(revisions[b.Name], Said{b, n, b})
		}
	}
	all := make([]Said, 0, len(revisions))
	for _, of := range revisions {
		slices.SortFunc(of, func(a, b Said) int { return b.compare(a) })
		all = append(all, of[0].completed(of[1:]))
	}
	slices.SortFunc(all, func(a, b Said) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// completed returns s with what it leaves out as earlier revisions have it.
func (s Said) completed(earlier []Said) Said {
	whole := *s.Bulletin
	for _, e := range earlier {
		if e.Notice.Verdict.Rank() > s.Notice.Verdict.Rank() || e.Status != s.Status {
			continue
		}
		whole.Title = cmp.Or(whole.Title, e.Title)
		whole.Severity = cmp.Or(whole.Severity, e.Severity)
		whole.Released = cmp.Or(whole.Released, e.Released)
		whole.URL = cmp.Or(whole.URL, e.URL)
		for _, list := range [...]struct{ into, from *[]string }{
			{&whole.KBs, &e.KBs}, {&whole.CVEs, &e.CVEs}, {&whole.Products, &e.Products}, {&whole.Supersedes, &e.Supersedes},
		} {
			if len(*list.into) == 0 {
				*list.into = *list.from
			}
		}
	}
	s.Bulletin = &whole
	return s
}

// compare orders bulletins of one name: that which takes the place of another
// comes after it.
func (s Said) compare(old Said) int {
	return cmp.Or(
		-cmp.Compare(s.Notice.Verdict.Rank(), old.Notice.Verdict.Rank()),
		cmp.Compare(s.stage(), old.stage()),
		cmp.Compare(s.changed(), old.changed()),
		compareRevisions(s.Revision, old.Revision),
		s.Notice.SignedAt.Time().Compare(old.Notice.SignedAt.Time()),
		cmp.Compare(s.Notice.ID, old.Notice.ID),
	)
}

func (s Said) stage() int {
	if s.Status == StatusAnnounced {
		return 0
	}
	return 1
}

// changed returns the day of the revision.
func (s Said) changed() Date { return max(s.Released, s.Revised) }

// compareRevisions compares "1.10" with "1.9" number by number.
func compareRevisions(a, b string) int {
	number := func(s *string) (n int, ok bool) {
		i := 0
		for i < len(*s) && (*s)[i] >= '0' && (*s)[i] <= '9' && i < 9 {
			n = n*10 + int((*s)[i]-'0')
			i++
		}
		ok = i > 0
		*s = (*s)[i:]
		if len(*s) > 0 {
			*s = (*s)[1:]
		}
		return n, ok
	}
	for a != "" || b != "" {
		x, _ := number(&a)
		y, _ := number(&b)
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return 0
}
