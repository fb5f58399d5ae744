package bulletin

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"patchferry/layout"
)

// Limits of an XML document, far above those of a real one of 4 MiB. An equals
// sign stands in every attribute, and attributes are what the decoder holds in
// memory.
const (
	maxXMLDepth  = 100
	maxXMLEquals = 400_000
	maxXMLText   = 8 << 10 // of one element, as far as it is read
)

// cvrf reads a document of the Common Vulnerability Reporting Framework 1.1 or
// 1.2 as it comes, element by element. MSRC writes one a month, with a
// vulnerability for each CVE, a rating and a fix for each product, and in each
// vulnerability a history of revisions of its own.
type cvrf struct {
	found    list
	path     []string // the elements that are open, without their namespaces
	text     strings.Builder
	kind     string            // the Type of the threat, remediation or status that is open
	product  string            // the ProductID of the product that is open
	products map[string]string // names by ProductID
	doc      layout.Bulletin   // the document as a whole
	vuln     *layout.Bulletin  // the vulnerability that is open
	last     layout.Bulletin   // the revision that is open: its number and day
}

// errOther ends the reading of XML of another kind.
var errOther = errors.New("not a CVRF document")

// readCVRF reads a CVRF document: one bulletin for each vulnerability that has
// a CVE (or one of MSRC's own numbers), and where none has, one for the
// document.
func readCVRF(found *list, text string) error {
	if strings.Count(text, "=") > maxXMLEquals {
		return fmt.Errorf("read cvrf: more than %d attributes", maxXMLEquals)
	}
	c := cvrf{products: make(map[string]string)}
	err := c.read(xml.NewDecoder(strings.NewReader(text)))
	switch {
	case errors.Is(err, errOther):
		return nil
	case err != nil:
		return fmt.Errorf("read cvrf: %w", err)
	}
	if len(c.found.all) == 0 {
		c.found.add(c.doc)
	}
	if len(c.found.all) == 0 {
		return errors.New("read cvrf: no CVE and no document id")
	}
	*found = c.found
	return nil
}

// read reads to the end of the document. The decoder, which knows only the five
// entities of XML itself, sees to it that elements end where they must.
func (c *cvrf) read(dec *xml.Decoder) error {
	begun := false
	for {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && begun:
			return nil
		case err != nil && !begun:
			return errOther
		case err != nil:
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			if !begun {
				return errOther // CVRF has no document type; HTML begins with one
			}
			return errors.New("a document type or entities")
		case xml.StartElement:
			if !begun && t.Name.Local != "cvrfdoc" {
				return errOther
			}
			begun = true
			if err := c.start(t); err != nil {
				return err
			}
		case xml.CharData:
			c.text.Write(t[:min(len(t), maxXMLText-min(maxXMLText, c.text.Len()))])
		case xml.EndElement:
			c.end(strings.TrimSpace(c.text.String()))
			c.text.Reset()
			c.path = c.path[:len(c.path)-1]
		}
	}
}

func (c *cvrf) start(t xml.StartElement) error {
	if len(c.path) == maxXMLDepth {
		return fmt.Errorf("more than %d levels", maxXMLDepth)
	}
	c.path = append(c.path, t.Name.Local)
	c.text.Reset()
	switch t.Name.Local {
	case "Vulnerability":
		c.vuln = &layout.Bulletin{Status: c.doc.Status}
	case "Threat", "Remediation", "Status":
		c.kind = attribute(t, "Type")
	case "FullProductName":
		c.product = attribute(t, "ProductID")
	case "Revision":
		c.last = layout.Bulletin{}
	}
	return nil
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// end takes the text of the element that ends.
func (c *cvrf) end(text string) {
	parent := ""
	if n := len(c.path); n > 1 {
		parent = c.path[n-2]
	}
	element := c.path[len(c.path)-1]
	if element == "FullProductName" && c.product != "" {
		c.products[c.product] = clean(text, maxProduct)
		return
	}
	if c.vuln != nil {
		c.vulnerability(parent, element, text)
		return
	}
	switch parent + "/" + element {
	case "cvrfdoc/DocumentTitle":
		c.doc.Title = clean(text, maxTitle)
	case "Identification/ID":
		c.doc.Name = clean(text, maxName)
	case "DocumentTracking/Status":
		if strings.EqualFold(text, "Draft") {
			c.doc.Status = layout.StatusAnnounced
		}
	case "DocumentTracking/Version":
		c.doc.Revision = clean(text, maxRevision)
	case "DocumentTracking/InitialReleaseDate":
		c.doc.Released = instantDay(text)
	case "DocumentTracking/CurrentReleaseDate":
		c.doc.Revised = instantDay(text)
	}
}

// ownNumber is a number of MSRC's for what has no CVE; its documents have it in
// the same place.
var ownNumber = regexp.MustCompile(`^ADV[0-9]{6}$`)

// vulnerability takes the text of an element inside of a vulnerability.
func (c *cvrf) vulnerability(parent, element, text string) {
	v := c.vuln
	switch parent + "/" + element {
	case "Vulnerability/Title":
		v.Title = clean(text, maxTitle)
	case "Vulnerability/CVE":
		v.CVEs = cves(text)
		if len(v.CVEs) == 1 {
			v.Name = v.CVEs[0]
		} else if ownNumber.MatchString(text) {
			v.Name = text
		}
	case "Threat/Description":
		if c.kind == "Severity" || c.kind == "Impact" {
			v.Severity = worse(v.Severity, rating(text))
		}
	case "Remediation/Description":
		if c.kind == "Vendor Fix" && bareArticle.MatchString(text) {
			v.KBs = append(v.KBs, text)
		}
	case "Remediation/URL":
		if c.kind == "Vendor Fix" {
			v.KBs = append(v.KBs, linkedArticles(text)...)
		}
	case "Remediation/Supercedence":
		v.Supersedes = append(v.Supersedes, bulletinIDs(text)...)
	case "Status/ProductID":
		if c.kind == "Known Affected" && len(v.Products) < 2*maxProducts {
			v.Products = append(v.Products, c.products[text])
		}
	case "Revision/Number":
		c.last.Revision = clean(text, maxRevision)
	case "Revision/Date":
		c.last.Revised = instantDay(text)
	case "RevisionHistory/Revision":
		c.revise()
	}
	if element == "Vulnerability" {
		c.close()
	}
}

// revise counts a revision of a vulnerability: the first one is its release,
// the last one what stands here. They come in either order.
func (c *cvrf) revise() {
	v, day := c.vuln, c.last.Revised
	if day == "" {
		return
	}
	if v.Released == "" || day < v.Released {
		v.Released = day
	}
	if day > v.Revised || day == v.Revised && later(c.last.Revision, v.Revision) {
		v.Revised, v.Revision = day, c.last.Revision
	}
}

// later reports whether revision a comes after b: 1.10 after 1.9.
func later(a, b string) bool {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		n, _ := strconv.Atoi(x)
		m, _ := strconv.Atoi(y)
		if n != m {
			return n > m
		}
	}
	return false
}

// close ends a vulnerability; what it does not say, the document says.
func (c *cvrf) close() {
	v := c.vuln
	c.vuln = nil
	if v.Released == "" {
		v.Released = c.doc.Released
	}
	c.found.add(*v)
}
