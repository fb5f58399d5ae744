package sample

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
)

// render writes a list of updates in its form. base is the publisher's URL,
// without a slash at the end.
func (l List) render(updates []*Update, base string) ([]byte, error) {
	switch l.Kind {
	case "updates":
		return renderUpdates(updates, base)
	case "metalink":
		return renderMetalink(updates, base)
	}
	return renderLinks(l, updates, base), nil
}

// renderUpdates writes JSON lines (docs/source-updates.md). The members of an
// update that a publisher may state have the same names in a catalog.
func renderUpdates(updates []*Update, base string) ([]byte, error) {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for _, u := range updates {
		line := u.Update
		line.Files = append(line.Files[:0:0], line.Files...)
		for i := range line.Files {
			line.Files[i].URL = base + line.Files[i].URL
		}
		if err := lines.Encode(line); err != nil {
			return nil, fmt.Errorf("write update %s: %w", u.ID, err)
		}
	}
	return b.Bytes(), nil
}

// metalink is a document of RFC 5854.
type metalink struct {
	XMLName xml.Name   `xml:"urn:ietf:params:xml:ns:metalink metalink"`
	Files   []linkFile `xml:"file"`
}

type linkFile struct {
	Name        string     `xml:"name,attr"`
	Size        int64      `xml:"size"`
	Identity    string     `xml:"identity,omitempty"`
	Description string     `xml:"description,omitempty"`
	Hashes      []linkHash `xml:"hash"`
	URL         string     `xml:"url"`
}

type linkHash struct {
	Type string `xml:"type,attr"`
	Hex  string `xml:",chardata"`
}

func renderMetalink(updates []*Update, base string) ([]byte, error) {
	var doc metalink
	for _, u := range updates {
		for _, f := range u.Files {
			doc.Files = append(doc.Files, linkFile{
				Name: f.Name, Size: f.Size, Identity: u.Title, Description: u.Description,
				Hashes: []linkHash{{"sha-256", f.SHA256.String()}, {"sha-1", f.SHA1.String()}},
				URL:    base + f.URL,
			})
		}
	}
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the metalink: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

// renderLinks writes one address a line, as WSUS Offline Update does. The list
// that an operator keeps has digests too, where somebody has checked the files
// once; no list can have that of a file that changes.
func renderLinks(l List, updates []*Update, base string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s: one address a line\n", l.File)
	for _, u := range updates {
		for _, f := range u.Files {
			b.WriteString(base + f.URL)
			if l.Local {
				fmt.Fprintf(&b, " size=%d sha256=%s", f.Size, f.SHA256)
			}
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
