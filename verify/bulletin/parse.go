package bulletin

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"patchferry/layout"
)

// ErrUnknown says that a text has none of the forms that Parse reads. It says
// nothing against the text.
var ErrUnknown = errors.New("no bulletin of a known form")

// Parse reads the bulletins in a text that was signed, decoded to UTF-8 with
// all escapes undone. The form is told by the content alone: the name of a
// file is signed by nobody, so none is asked for.
//
// The bulletins come in the order of the text, each name once; what it says of
// one bulletin in several places is put together. An error may come beside
// bulletins: it then says what of the text was left out. Without bulletins the
// text is of no known form (ErrUnknown), larger than 4 MiB (as CVRF, than 16), or breaks the
// rules of its form. Strings in the result are one line of valid UTF-8 each, of
// bounded length, without control and format characters; they are still the
// publisher's own words, and no name is safe in a path for that. Parse keeps
// nothing and may be called concurrently.
func Parse(text string) ([]layout.Bulletin, error) {
	body := strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	limit := maxText
	if strings.HasPrefix(body, "<") {
		limit = maxXML
	}
	if len(text) > limit {
		return nil, fmt.Errorf("read bulletin: more than %d bytes", limit)
	}
	var found list
	var err error
	switch {
	case strings.HasPrefix(body, "{"):
		err = readCSAF(&found, body)
	case strings.HasPrefix(body, "<") && utf8.ValidString(body):
		err = readCVRF(&found, body)
	default:
		err = readText(&found, text)
	}
	if len(found.all) == 0 && err == nil {
		return nil, ErrUnknown
	}
	found.finish()
	if found.left > 0 {
		err = errors.Join(err, fmt.Errorf("read bulletin: %d bulletins left out, %d are read", found.left, len(found.all)))
	}
	return found.all, err
}

// readText reads what is neither JSON nor XML.
func readText(found *list, text string) error {
	lines, err := splitLines(text)
	if err != nil {
		return err
	}
	if readMicrosoft(found, lines) {
		return nil
	}
	files, err := readDigests(lines)
	b, ok := readAdvisory(lines)
	if !ok && len(files) == 0 {
		return err
	}
	if !ok {
		b.Name = digestName(text)
	}
	b.Files = files
	found.add(b)
	return err
}

// digestName is the name of a list of digests that has none of its own.
func digestName(text string) string {
	return "sha256-" + layout.DigestOf([]byte(text)).String()[:16]
}

// list collects the bulletins of one document.
type list struct {
	all  []layout.Bulletin
	at   map[string]int // name -> place in all
	left int            // how many were one too many
}

// add puts b into the list, or, where its name is there already, what b adds
// to that.
func (l *list) add(b layout.Bulletin) {
	if b.Name == "" {
		return
	}
	if i, ok := l.at[b.Name]; ok {
		merge(&l.all[i], &b)
		return
	}
	if len(l.all) == maxBulletins {
		l.left++
		return
	}
	if l.at == nil {
		l.at = make(map[string]int)
	}
	l.at[b.Name] = len(l.all)
	l.all = append(l.all, b)
}

// merge adds to b what more says of the same bulletin. Of severities the worse
// counts; what b says already stands.
func merge(b, more *layout.Bulletin) {
	b.Title = first(b.Title, more.Title)
	b.Revision = first(b.Revision, more.Revision)
	b.URL = first(b.URL, more.URL)
	b.Released = first(b.Released, more.Released)
	b.Revised = first(b.Revised, more.Revised)
	b.Severity = worse(b.Severity, more.Severity)
	b.KBs = append(b.KBs, more.KBs...)
	b.CVEs = append(b.CVEs, more.CVEs...)
	b.Products = append(b.Products, more.Products...)
	b.Supersedes = append(b.Supersedes, more.Supersedes...)
	b.Files = append(b.Files, more.Files...)
}

// finish brings the lists of all bulletins into their order and under their
// limits. What is over the limit of the whole is left out: first products, of
// which a document can name all in each of its bulletins, then bulletins.
func (l *list) finish() {
	left := maxResult
	for i := range l.all {
		b := &l.all[i]
		b.KBs = sorted(b.KBs, maxKBs)
		b.CVEs = sorted(b.CVEs, maxCVEs)
		b.Supersedes = sorted(without(b.Supersedes, b.Name), maxSupersedes)
		if b.Revised == b.Released {
			b.Revised = ""
		}
		if left -= size(b); left < 0 {
			l.left += len(l.all) - i
			l.all = l.all[:i]
			left += size(b)
			break
		}
	}
	for i := range l.all {
		l.all[i].Products = distinct(l.all[i].Products, maxProducts, &left)
	}
}

// size returns how many bytes a bulletin without its products has in a line of
// a catalog, or somewhat more.
func size(b *layout.Bulletin) int {
	n := 200 + quoted(b.Name) + quoted(b.Title) + quoted(b.Revision) + quoted(b.URL)
	for _, list := range [...][]string{b.KBs, b.CVEs, b.Supersedes} {
		for _, s := range list {
			n += quoted(s)
		}
	}
	for _, f := range b.Files {
		n += quoted(f.Name) + 100
	}
	return n
}

// quoted returns how many bytes s has as JSON with a comma behind it.
func quoted(s string) int {
	return len(s) + strings.Count(s, `"`) + strings.Count(s, `\`) + 3
}
