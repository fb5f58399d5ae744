package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"patchferry/layout"
	"patchferry/verify"
)

// maxWords is how many bytes of a publisher's words are printed on one line.
const maxWords = 300

// rows prints names with values, leaving out those without.
type rows struct{ w *tabwriter.Writer }

func (out rows) add(name, value string) {
	if value = oneLine(value, 0); value != "" {
		fmt.Fprintf(out.w, "%s\t%s\n", name, value)
	}
}

func (a *app) printNotice(r *noticeReport, another bool) error {
	if a.json {
		return a.printJSON(r)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	if another {
		fmt.Fprintln(w)
	}
	out := rows{w}
	out.evidence(r)
	for i := range r.Bulletins {
		fmt.Fprintln(w)
		out.bulletin(&r.Bulletins[i], r)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// evidence prints what the document is, and what its signature is worth.
func (out rows) evidence(r *noticeReport) {
	n := r.Notice
	out.add("document", n.ID)
	out.add("verdict", verdictWords(n))
	out.add("reason", cut(n.Reason, maxWords))
	for _, q := range n.Qualifiers {
		out.add("  qualifier", explainQualifier(q))
	}
	if n.Signer != "" {
		out.add("signer", verify.Fingerprint(n.Signer).Grouped())
	}
	for _, name := range r.Names {
		out.add("  name", cut(name, maxWords)+" (as the key says)")
	}
	if n.SigningKey != "" && n.SigningKey != n.Signer {
		out.add("  signing key", verify.Fingerprint(n.SigningKey).Grouped())
	}
	if !n.SignedAt.IsZero() {
		out.add("signed", n.SignedAt.String()+", as the signer says")
	}
	if r.Pin != nil {
		out.add("pin", cmp.Or(r.Pin.by(), "pinned")+", "+r.Pin.words())
	}
	out.add("judged as", n.Profile)
	out.add("from", n.By)
	if !n.Captured.IsZero() {
		out.add("captured", n.Captured.String())
	}
	if !n.TLSKey.IsZero() {
		out.add("server's key", n.TLSKey.String())
	}
	out.add("original", fmt.Sprintf("%s, %s, sha256 %s", n.File, humanize.Bytes(uint64(n.Original.Size)), n.Original.SHA256))
	out.add("next", r.Next)
}

// bulletin prints one bulletin of the document.
func (out rows) bulletin(d *bulletinDetails, r *noticeReport) {
	b := d.bulletin
	out.add("bulletin", cut(b.Name, maxWords))
	out.add("  title", cut(b.Title, maxWords))
	out.add("  status", string(b.Status))
	out.add("  revision", b.Revision)
	if !d.InForce {
		out.add("  in force", "no, a later revision or another document says more")
	}
	out.add("  replaced by", strings.Join(d.ReplacedBy, " "))
	out.add("  severity", string(b.Severity))
	if b.Severity == "" && d.severity != "" {
		out.add("  severity", string(d.severity)+", as an earlier revision says")
	}
	out.add("  released", string(b.Released))
	out.add("  revised", string(b.Revised))
	out.add("  deploy", dueWords(d.Due))
	out.list("  kb", b.KBs)
	out.list("  cve", b.CVEs)
	out.list("  product", b.Products)
	out.list("  replaces", b.Supersedes)
	out.add("  url", cut(b.URL, maxWords))
	out.files(b.Files, r.Vouches)
	for i, u := range d.Updates {
		if i == maxListed {
			out.add("  update", fmt.Sprintf("… and %d more; --json lists all", len(d.Updates)-i))
			break
		}
		out.add("  update", fmt.Sprintf("%s, %d of %d files held, named by %s: %s", u.ID, u.Held, u.Files, nameOfJoin[u.By], u.Title))
	}
	if len(d.Updates) == 0 {
		out.add("  update", "none in the catalog")
	}
}

var nameOfJoin = map[string]string{byKB: "KB article", byBulletin: "bulletin", byCVE: "CVE"}

// maxListed is how many of one kind are printed for people; --json has all.
const maxListed = 40

func (out rows) list(name string, words []string) {
	more := ""
	if len(words) > maxListed {
		words, more = words[:maxListed], fmt.Sprintf(" … and %d more", len(words)-maxListed)
	}
	short := make([]string, 0, len(words))
	for _, w := range words {
		short = append(short, cut(w, maxWords))
	}
	out.add(name, strings.Join(short, ", ")+more)
}

// files says whether the bulletin vouches for bytes, and for which.
func (out rows) files(stated []layout.Stated, vouches bool) {
	switch {
	case len(stated) == 0:
		out.add("  vouches", "no: it announces updates and states no digests of files")
		return
	case !vouches:
		out.add("  vouches", "no: it states digests, and its signature is not strong enough to believe them")
	default:
		out.add("  vouches", "for files of the digests that it states, and for nothing else")
	}
	for i, f := range stated {
		if i == maxListed {
			out.add("  file", fmt.Sprintf("… and %d more; --json lists all", len(stated)-i))
			return
		}
		out.add("  file", fmt.Sprintf("%s sha256 %s", cut(f.Name, maxWords), f.SHA256))
	}
}
