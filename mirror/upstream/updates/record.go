package updates

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// record is one line. Its members are those of docs/source-updates.md.
type record struct {
	ID             string     `json:"id"`
	Revision       int        `json:"revision"`
	Type           string     `json:"type"`
	KB             string     `json:"kb"`
	Title          string     `json:"title"`
	Description    string     `json:"description"`
	Classification string     `json:"classification"`
	Severity       string     `json:"severity"`
	Products       []string   `json:"products"`
	OS             []string   `json:"os"`
	Arch           []string   `json:"arch"`
	Language       string     `json:"language"`
	IncludedIn     string     `json:"included_in"`
	Released       string     `json:"released"`
	Bulletins      []string   `json:"bulletins"`
	CVEs           []string   `json:"cves"`
	Supersedes     []string   `json:"supersedes"`
	Prerequisites  [][]string `json:"prerequisites"`
	Reboot         string     `json:"reboot"`
	SupportURL     string     `json:"support_url"`
	Driver         *driver    `json:"driver"`
	Files          []file     `json:"files"`

	Install *layout.Install `json:"install"`
}

type driver struct {
	Maker       string   `json:"maker"`
	Class       string   `json:"class"`
	Version     string   `json:"version"`
	Models      []string `json:"models"`
	HardwareIDs []string `json:"hardware_ids"`
}

type file struct {
	Name     string        `json:"name"`
	Size     int64         `json:"size"`
	SHA256   layout.Digest `json:"sha256"`
	SHA1     layout.SHA1   `json:"sha1"`
	MD5      layout.MD5    `json:"md5"`
	URL      string        `json:"url"`
	Kind     string        `json:"kind"`
	Language string        `json:"language"`
}

func (r *record) update(l upstream.List) (*layout.Update, error) {
	if err := checkID(r.ID); err != nil {
		return nil, err
	}
	if r.Revision < 0 {
		return nil, fmt.Errorf("revision %d is negative", r.Revision)
	}
	u := &layout.Update{
		ID:            l.Source + ":" + r.ID,
		Revision:      r.Revision,
		Title:         r.Title,
		Description:   r.Description,
		Products:      r.Products,
		IncludedIn:    r.IncludedIn,
		Bulletins:     r.Bulletins,
		CVEs:          r.CVEs,
		Supersedes:    r.Supersedes,
		Prerequisites: r.Prerequisites,
		Reboot:        r.Reboot,
	}
	if d := r.Driver; d != nil {
		u.Driver = &layout.Driver{Maker: d.Maker, Class: d.Class, Version: d.Version, Models: d.Models, HardwareIDs: d.HardwareIDs}
	}
	if err := checkInstall(r.Install); err != nil {
		return nil, err
	}
	u.Install = said(r.Install)
	if err := r.words(u); err != nil {
		return nil, err
	}
	if err := r.files(u, l); err != nil {
		return nil, err
	}
	return u, nil
}

// words brings what has a vocabulary or a form to it.
func (r *record) words(u *layout.Update) error {
	var err error
	if u.Type, err = parseType(r.Type, r.Driver != nil); err != nil {
		return err
	}
	if u.KB, err = parseKB(r.KB); err != nil {
		return err
	}
	if r.Released != "" {
		if u.Released, err = layout.ParseDate(r.Released); err != nil {
			return fmt.Errorf("released: %w", err)
		}
	}
	if r.SupportURL != "" {
		if s, err := url.Parse(r.SupportURL); err != nil || s.Scheme != "http" && s.Scheme != "https" {
			return fmt.Errorf("support_url %.80q is not a URL of http or https", r.SupportURL)
		}
		u.SupportURL = r.SupportURL
	}
	u.Classification, _ = layout.ParseClassification(r.Classification)
	u.Severity, _ = layout.ParseSeverity(r.Severity)
	u.Language, _ = layout.ParseLanguage(r.Language)
	for _, s := range r.OS {
		if os, _ := layout.ParseOS(s); os != "" {
			u.OS = append(u.OS, os)
		}
	}
	for _, s := range r.Arch {
		if a, _ := layout.ParseArch(s); a != "" {
			u.Arch = append(u.Arch, a)
		}
	}
	return nil
}

func (r *record) files(u *layout.Update, l upstream.List) error {
	if len(r.Files) > MaxFiles {
		return fmt.Errorf("%d files, more than %d", len(r.Files), MaxFiles)
	}
	for i := range r.Files {
		f, err := r.Files[i].file(l)
		if err != nil {
			return fmt.Errorf("files[%d]: %w", i, err)
		}
		u.Files = append(u.Files, f)
	}
	return nil
}

func (f *file) file(l upstream.List) (layout.File, error) {
	if f.URL == "" {
		return layout.File{}, errors.New("no url")
	}
	where, err := l.URL(f.URL)
	if err != nil {
		return layout.File{}, err
	}
	if f.Size < 0 {
		return layout.File{}, fmt.Errorf("size %d is negative", f.Size)
	}
	name := f.Name
	if name == "" {
		name, err = upstream.NameOf(where)
	} else {
		name, err = upstream.FileName(name)
	}
	if err != nil {
		return layout.File{}, err
	}
	language, _ := layout.ParseLanguage(f.Language)
	return layout.File{
		Name: name, Size: f.Size, SHA256: f.SHA256, SHA1: f.SHA1, MD5: f.MD5,
		URL: where.String(), Kind: layout.Kind(strings.ToLower(f.Kind)), Language: language,
	}, nil
}

// checkID refuses ids that would not be the same text everywhere.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("no id")
	case len(id) > MaxID:
		return fmt.Errorf("id has %d bytes, more than %d", len(id), MaxID)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }):
		return fmt.Errorf("id %q holds blanks or unprintable characters", id)
	}
	return nil
}

func parseType(s string, driver bool) (layout.Type, error) {
	switch strings.ToLower(s) {
	case "software":
		return layout.Software, nil
	case "driver", "drivers":
		return layout.Drivers, nil
	case "":
		if driver {
			return layout.Drivers, nil
		}
		return layout.Software, nil
	}
	return "", fmt.Errorf("type %.40q is neither software nor driver", s)
}

// parseKB reads "835732", "KB835732" or "Q835732".
func parseKB(s string) (string, error) {
	digits := strings.TrimLeft(s, "KkBbQq")
	if strings.Trim(digits, "0123456789") != "" || len(digits) > 8 || digits == "" && s != "" {
		return "", fmt.Errorf("kb %.40q is not a number", s)
	}
	return digits, nil
}
