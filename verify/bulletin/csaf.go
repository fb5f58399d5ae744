package bulletin

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"patchferry/layout"
)

// The members of a CSAF document that are read: OASIS CSAF 2.0, section 3.2,
// and what 2.1 has in other places. All text is the publisher's.
type (
	csafFile struct {
		Document    *csafDocument `json:"document"`
		ProductTree csafTree      `json:"product_tree"`
		// Pointers, so that a list of nothing costs little.
		Vulnerabilities []*csafVulnerability `json:"vulnerabilities"`
	}
	csafDocument struct {
		Category string `json:"category"`
		Version  string `json:"csaf_version"`
		Title    string `json:"title"`
		Severity struct {
			Text string `json:"text"`
		} `json:"aggregate_severity"`
		References []csafReference `json:"references"`
		Tracking   struct {
			ID       string         `json:"id"`
			Status   string         `json:"status"`
			Version  string         `json:"version"`
			Initial  string         `json:"initial_release_date"`
			Current  string         `json:"current_release_date"`
			Revision []csafRevision `json:"revision_history"`
		} `json:"tracking"`
	}
	csafRevision struct {
		Number  string `json:"number"`
		Summary string `json:"summary"`
	}
	csafReference struct {
		Category string `json:"category"`
		URL      string `json:"url"`
	}
	csafVulnerability struct {
		CVE          string            `json:"cve"`
		Threats      []csafThreat      `json:"threats"`
		Scores       []csafScore       `json:"scores"`  // 2.0
		Metrics      []csafMetric      `json:"metrics"` // 2.1
		Remediations []csafRemediation `json:"remediations"`
		References   []csafReference   `json:"references"`
	}
	csafThreat struct {
		Category string `json:"category"`
		Details  string `json:"details"`
	}
	csafScore struct {
		V2 *csafBase `json:"cvss_v2"`
		V3 *csafBase `json:"cvss_v3"`
		V4 *csafBase `json:"cvss_v4"`
	}
	csafMetric struct {
		Content csafScore `json:"content"`
	}
	csafBase struct {
		Severity string `json:"baseSeverity"`
	}
	csafRemediation struct {
		Category string `json:"category"`
		Details  string `json:"details"`
		URL      string `json:"url"`
	}
)

// readCSAF reads a CSAF 2.0 or 2.1 document: one bulletin.
func readCSAF(found *list, text string) error {
	var file csafFile
	if err := decodeStrict(text, &file); err != nil {
		return fmt.Errorf("read csaf: %w", err)
	}
	doc := file.Document
	if doc == nil || doc.Category == "" || !strings.HasPrefix(doc.Version, "2.") {
		return nil // JSON of another kind
	}
	file.Vulnerabilities = slices.DeleteFunc(file.Vulnerabilities, func(v *csafVulnerability) bool { return v == nil })
	b := layout.Bulletin{
		Name:     clean(doc.Tracking.ID, maxName),
		Title:    clean(doc.Title, maxTitle),
		Status:   doc.status(),
		Revision: clean(doc.Tracking.Version, maxRevision),
		Severity: file.severity(),
		Released: instantDay(doc.Tracking.Initial),
		Revised:  instantDay(doc.Tracking.Current),
		URL:      doc.page(),
	}
	if b.Name == "" {
		return errors.New("read csaf: no tracking id")
	}
	if b.Revised < b.Released {
		b.Revised = ""
	}
	b.KBs = referencedArticles(doc.References)
	for _, v := range file.Vulnerabilities {
		b.CVEs = append(b.CVEs, cves(v.CVE)...)
		b.KBs = append(b.KBs, referencedArticles(v.References)...)
		for _, r := range v.Remediations {
			b.KBs = append(b.KBs, r.articles()...)
		}
	}
	var err error
	b.Products, b.Files, err = file.ProductTree.read()
	found.add(b)
	return err
}

// withdrawnPattern is a summary of a revision, or a title, that takes the whole
// document back; CSAF 2.0 has no member for it.
var withdrawnPattern = regexp.MustCompile(`(?i)^\W*(?:(?:this |the )?(?:advisory|document|bulletin|vulnerability|cve)? ?(?:has been |is |was )?)?withdrawn\b(?: ?[.:\]!-]|$)`)

// status returns where the document is in its life. One of the 2.1 category
// csaf_superseded no longer stands either.
func (d *csafDocument) status() layout.Status {
	withdrawn := withdrawnPattern.MatchString(d.Title)
	for _, r := range d.Tracking.Revision {
		if r.Number == d.Tracking.Version {
			withdrawn = withdrawn || withdrawnPattern.MatchString(r.Summary)
		}
	}
	switch {
	case withdrawn, d.Category == "csaf_withdrawn", d.Category == "csaf_superseded":
		return layout.StatusWithdrawn
	case d.Tracking.Status == "draft":
		return layout.StatusAnnounced
	}
	return layout.StatusReleased
}

// page returns where the publisher keeps the document: of those that it says
// are the document itself one for people rather than the JSON.
func (d *csafDocument) page() string {
	var found string
	for _, r := range d.References {
		all := addresses(r.URL)
		if r.Category != "self" || len(all) != 1 || all[0] != r.URL {
			continue
		}
		if !strings.HasSuffix(strings.ToLower(r.URL), ".json") {
			return r.URL
		}
		found = first(found, r.URL)
	}
	return found
}

// severity returns the rating of the document; without one the worst in the
// threats of its vulnerabilities, where MSRC and others write their own; without
// those the worst CVSS rating, whose words are put as MSRC's.
func (f *csafFile) severity() layout.Severity {
	if s := rating(f.Document.Severity.Text); s != "" {
		return s
	}
	var stated, scored layout.Severity
	for _, v := range f.Vulnerabilities {
		for _, t := range v.Threats {
			if t.Category == "impact" {
				stated = worse(stated, rating(t.Details))
			}
		}
		for _, s := range v.Scores {
			scored = worse(scored, s.severity())
		}
		for _, m := range v.Metrics {
			scored = worse(scored, m.Content.severity())
		}
	}
	return first(stated, scored)
}

func (s csafScore) severity() layout.Severity {
	var worst layout.Severity
	for _, base := range [...]*csafBase{s.V2, s.V3, s.V4} {
		if base != nil {
			worst = worse(worst, cvss(base.Severity))
		}
	}
	return worst
}

// cvss puts a CVSS rating in MSRC's words.
func cvss(s string) layout.Severity {
	switch strings.ToLower(s) {
	case "critical":
		return layout.Critical
	case "high":
		return layout.Important
	case "medium":
		return layout.Moderate
	case "low":
		return layout.Low
	}
	return ""
}

var (
	bareArticle  = regexp.MustCompile(`^[0-9]{6,7}$`)
	namedArticle = regexp.MustCompile(`(?i)\bKB ?([0-9]{6,7})\b`)
)

// articles returns the KB articles of a vendor's fix: of its link, and of its
// details, which are the bare number, or name it or link to it.
func (r csafRemediation) articles() []string {
	if r.Category != "vendor_fix" {
		return nil
	}
	all := linkedArticles(r.URL)
	details := strings.TrimSpace(r.Details)
	if bareArticle.MatchString(details) {
		return append(all, details)
	}
	for _, m := range namedArticle.FindAllStringSubmatch(details, maxKBs) {
		all = append(all, m[1])
	}
	for _, a := range addressPattern.FindAllString(details, 100) {
		all = append(all, linkedArticles(a)...)
	}
	return all
}

func referencedArticles(all []csafReference) []string {
	var found []string
	for _, r := range all {
		found = append(found, linkedArticles(r.URL)...)
	}
	return found
}

// linkedArticles returns the KB article that a link of Microsoft's leads to:
// catalog.update.microsoft.com/…?q=KB5034123, support.microsoft.com/help/5034123.
func linkedArticles(link string) []string {
	if len(link) > maxURL {
		return nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case host == "catalog.update.microsoft.com" || host == "www.catalog.update.microsoft.com":
		return digitRuns(strings.ToUpper(u.Query().Get("q")))
	case host != "support.microsoft.com":
		return nil
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if bareArticle.MatchString(segment) {
			return []string{segment}
		}
	}
	return slices.Clip(articles(u.Path))
}
