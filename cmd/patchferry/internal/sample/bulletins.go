package sample

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/verify"
)

// bulletin is one of the publisher's mails. The ids, dates, ratings and
// articles are those of the bulletins of that name; the words are our own.
type bulletin struct {
	name, title, kb string
	released        layout.Date
	severity        layout.Severity
	products        []string
	replaces        string
}

func mailed() []bulletin {
	return []bulletin{
		{"MS02-017", "Overlong names of network resources", "311967", "2002-04-04", layout.Moderate, []string{"Windows 2000", "Windows XP"}, ""},
		{"MS04-011", "Several faults in the local security authority", "835732", "2004-04-13", layout.Critical, []string{"Windows 2000", "Windows XP"}, ""},
		{"MS08-067", "A fault in the Server service", "958644", "2008-10-23", layout.Critical, []string{"Windows XP", "Windows Server 2003"}, "MS06-040"},
	}
}

// forged is announced by a mail that somebody changed on its way.
func forged() bulletin {
	return bulletin{"MS04-012", "Cumulative fix for remote procedure calls", "828741", "2004-04-13", layout.Critical, []string{"Windows Server 2003"}, "MS03-039"}
}

// Mail is a file in a mailbox.
type Mail struct {
	Name string // of the file
	Raw  []byte
}

// Fingerprint returns the fingerprint of the key that signs the publisher's
// bulletins, as it would print it on paper.
func (p *Publisher) Fingerprint() verify.Fingerprint { return p.signer.Fingerprint() }

// PublicKey returns that key, armored.
func (p *Publisher) PublicKey() ([]byte, error) {
	var b bytes.Buffer
	if err := p.signer.WritePublic(&b); err != nil {
		return nil, fmt.Errorf("write the publisher's key: %w", err)
	}
	return b.Bytes(), nil
}

// Mails returns the signed mails that the publisher has sent.
func (p *Publisher) Mails() ([]Mail, error) {
	var all []Mail
	for _, b := range mailed() {
		m, err := p.mail(b)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// ForgedMail returns a mail whose rating was changed after it was signed.
func (p *Publisher) ForgedMail() (Mail, error) {
	m, err := p.mail(forged())
	m.Raw = bytes.Replace(m.Raw, []byte("Severity Rating: Critical"), []byte("Severity Rating: Low"), 1)
	return m, err
}

// mail signs a bulletin and wraps it as mail programs do.
func (p *Publisher) mail(b bulletin) (Mail, error) {
	m := Mail{Name: strings.ToLower(b.name) + ".eml"}
	signed, err := p.signer.ClearSign([]byte(b.text()), p.signedAt)
	if err != nil {
		return m, fmt.Errorf("sign %s: %w", b.name, err)
	}
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "From: Security notifications <secnotif@publisher.example>\nTo: updates@plant.example\nDate: %s\nSubject: %s\n",
		b.released.Time().Format(time.RFC1123Z), b.name)
	raw.WriteString("MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable\n\n")
	body := quotedprintable.NewWriter(&raw)
	if _, err = body.Write(signed); err == nil {
		err = body.Close()
	}
	if err != nil {
		return m, fmt.Errorf("write the mail of %s: %w", b.name, err)
	}
	// Lists add lines that nobody signs.
	raw.WriteString("\n_______\nYou receive this mail because you subscribed.\n")
	m.Raw = raw.Bytes()
	return m, nil
}

// text is the bulletin in the form of Microsoft's mails of 2002 to 2008.
func (b bulletin) text() string {
	var t strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&t, "%-10s %s\n", label, value)
		}
	}
	line("Title:", fmt.Sprintf("%s (%s)", b.title, b.kb))
	line("Date:", b.released.Time().Format("02 January 2006"))
	line("Software:", strings.Join(b.products, ", "))
	line("Maximum Severity Rating:", string(b.severity))
	line("Bulletin:", b.name)
	line("Replaces:", b.replaces)
	fmt.Fprintf(&t, "\nIssue:\n======\nA sample for demonstrations: its facts are those of %s,\nits words are not. See Microsoft Knowledge Base article %s.\n", b.name, b.kb)
	return t.String()
}

// CSAFPath is the path of the publisher's CSAF metadata.
const CSAFPath = "/csaf/provider-metadata.json"

// putCSAF writes the publisher's advisories in the layout of a CSAF provider
// (CSAF 2.0 section 7.1), with signatures and digests beside them. The
// advisory states the digests of the files of one update.
func (p *Publisher) putCSAF() error {
	var update *Update
	for _, u := range p.updates {
		if u.ID == advisoryOf {
			update = u
		}
	}
	doc, err := json.MarshalIndent(advisory(update), "", "  ")
	if err != nil {
		return fmt.Errorf("write an advisory: %w", err)
	}
	signature, err := p.signer.Sign(doc, p.signedAt)
	if err != nil {
		return fmt.Errorf("sign an advisory: %w", err)
	}
	key, err := p.PublicKey()
	if err != nil {
		return err
	}
	const name = "2025/sample-2025-0001.json"
	sum := sha256.Sum256(doc)
	keyPath := "/csaf/openpgp/" + string(p.Fingerprint()) + ".asc"
	metadata, err := json.MarshalIndent(map[string]any{
		"canonical_url":            p.url + CSAFPath,
		"distributions":            []any{map[string]any{"directory_url": p.url + "/csaf/white/"}},
		"last_updated":             epoch.Format(time.RFC3339),
		"metadata_version":         "2.0",
		"public_openpgp_keys":      []any{map[string]any{"fingerprint": p.Fingerprint(), "url": p.url + keyPath}},
		"publisher":                map[string]any{"category": "vendor", "name": "Sample", "namespace": "https://publisher.example"},
		"role":                     "csaf_provider",
		"list_on_CSAF_aggregators": false, "mirror_on_CSAF_aggregators": false,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the CSAF metadata: %w", err)
	}
	for path, body := range map[string][]byte{
		CSAFPath:                          metadata,
		keyPath:                           key,
		"/csaf/white/index.txt":           []byte(name + "\n"),
		"/csaf/white/changes.csv":         fmt.Appendf(nil, "%q,%q\n", name, epoch.Format(time.RFC3339)),
		"/csaf/white/" + name:             doc,
		"/csaf/white/" + name + ".asc":    signature,
		"/csaf/white/" + name + ".sha256": fmt.Appendf(nil, "%s  %s\n", hex.EncodeToString(sum[:]), "sample-2025-0001.json"),
	} {
		p.put(path, body)
	}
	return nil
}

// advisoryOf is the update that the advisory is about.
const advisoryOf = "w11-24h2-5050009"

// advisory returns a security advisory in CSAF 2.0 about an update.
func advisory(u *Update) map[string]any {
	at := epoch.Format(time.RFC3339)
	var files []any
	for _, f := range u.Files {
		files = append(files, map[string]any{
			"filename": f.Name, "file_hashes": []any{map[string]any{"algorithm": "sha256", "value": f.SHA256.String()}},
		})
	}
	var vulnerabilities []any
	for _, cve := range u.CVEs {
		vulnerabilities = append(vulnerabilities, map[string]any{
			"cve":     cve,
			"threats": []any{map[string]any{"category": "impact", "details": string(u.Severity)}},
			"remediations": []any{map[string]any{
				"category": "vendor_fix", "details": "KB" + u.KB, "product_ids": []any{"P1"},
				"url": "https://catalog.update.microsoft.com/v7/site/Search.aspx?q=KB" + u.KB,
			}},
			"product_status": map[string]any{"known_affected": []any{"P1"}},
		})
	}
	return map[string]any{
		"document": map[string]any{
			"category": "csaf_security_advisory", "csaf_version": "2.0", "title": u.Title,
			"aggregate_severity": map[string]any{"text": string(u.Severity)},
			"distribution":       map[string]any{"tlp": map[string]any{"label": "WHITE"}},
			"publisher":          map[string]any{"category": "vendor", "name": "Sample", "namespace": "https://publisher.example"},
			"tracking": map[string]any{
				"id": "SAMPLE-2025-0001", "status": "final", "version": "1", "initial_release_date": at, "current_release_date": at,
				"revision_history": []any{map[string]any{"date": at, "number": "1", "summary": "First version."}},
			},
		},
		"product_tree": map[string]any{"full_product_names": []any{map[string]any{
			"product_id": "P1", "name": u.Products[0], "product_identification_helper": map[string]any{"hashes": files},
		}}},
		"vulnerabilities": vulnerabilities,
	}
}
