package mirror

import (
	"context"
	"strings"

	"patchferry/layout"
)

// topics is what the documents of publishers speak of, held against what a
// stream carries.
//
// A document goes with a stream unless it is known to speak of nothing but
// updates that are left out: every article that its bulletins name, or where
// they name none the bulletins by name, is of such updates. One too many warns
// of what a site does not have; one too few hides a hole. So vulnerabilities,
// which several publishers share, speak for a document and never against it,
// and one that announces nothing goes: a far side may have pinned its signer.
// All revisions of a bulletin count together, since a later one may name only
// what changed; and a document that vouches for a file goes with the file.
type topics struct {
	of      map[string]*topic // by the bulletin's name, in capitals
	seen    map[string]bool   // words of updates of the catalog
	carried map[string]bool   // of these, words of updates that are carried
	vouches map[layout.Digest]bool
}

// topic is what all revisions of one bulletin name.
type topic struct {
	articles []string
	cves     []string
}

// The words by which a bulletin and an update find each other.
func articleWord(kb string) string    { return "kb " + kb }
func bulletinWord(name string) string { return "name " + strings.ToUpper(name) }
func cveWord(cve string) string       { return "cve " + strings.ToUpper(cve) }

// readTopics reads what the documents of a generation speak of.
func (m *Mirror) readTopics(ctx context.Context, gen *layout.Generation) (*topics, error) {
	t := &topics{of: make(map[string]*topic), seen: make(map[string]bool), carried: make(map[string]bool), vouches: make(map[layout.Digest]bool)}
	for n, err := range m.Trusted.Notices(ctx, gen) {
		if err != nil {
			return nil, err
		}
		for i := range n.Bulletins {
			t.read(&n.Bulletins[i])
		}
	}
	return t, nil
}

func (t *topics) read(b *layout.Bulletin) {
	name := strings.ToUpper(b.Name)
	at := t.of[name]
	if at == nil {
		at = new(topic)
		t.of[name] = at
	}
	t.seen[bulletinWord(name)] = false
	t.seen[cveWord(name)] = false
	for _, kb := range b.KBs {
		at.articles = append(at.articles, kb)
		t.seen[articleWord(kb)] = false
	}
	for _, cve := range b.CVEs {
		at.cves = append(at.cves, cve)
		t.seen[cveWord(cve)] = false
	}
}

// meets notes the words of an update that documents use.
func (t *topics) meets(u *layout.Update, carries bool) {
	if len(t.seen) == 0 {
		return
	}
	note := func(word string) {
		if _, used := t.seen[word]; used {
			t.seen[word] = true
			t.carried[word] = t.carried[word] || carries
		}
	}
	if u.KB != "" {
		note(articleWord(u.KB))
	}
	for _, name := range u.Bulletins {
		note(bulletinWord(name))
	}
	for _, cve := range u.CVEs {
		note(cveWord(cve))
	}
	for i := range u.Files {
		for _, e := range u.Files[i].Evidence {
			if carries && !e.Document.IsZero() {
				t.vouches[e.Document] = true
			}
		}
	}
}

// concern reports whether a document goes with the stream, when the whole
// catalog has been met.
func (t *topics) concern(n *layout.Notice) bool {
	if t.vouches[n.Original.SHA256] || len(n.Bulletins) == 0 {
		return true
	}
	for i := range n.Bulletins {
		if !t.leftOut(n.Bulletins[i].Name) {
			return true
		}
	}
	return false
}

func (t *topics) leftOut(name string) bool {
	at := t.of[strings.ToUpper(name)]
	if t.carried[bulletinWord(name)] || t.carried[cveWord(name)] {
		return false
	}
	for _, cve := range at.cves {
		if t.carried[cveWord(cve)] {
			return false
		}
	}
	for _, kb := range at.articles {
		if word := articleWord(kb); t.carried[word] || !t.seen[word] {
			return false
		}
	}
	return len(at.articles) > 0 || t.seen[bulletinWord(name)]
}
