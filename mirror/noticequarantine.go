package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// quarantinedNotices is how many refused documents of one source are kept;
// the oldest go first.
const quarantinedNotices = 1000

// RefusedNotice is the report beside a document in quarantine.
type RefusedNotice struct {
	Source    string            `json:"source"`
	Name      string            `json:"name"`
	File      string            `json:"file"`
	By        string            `json:"by"`
	At        layout.Time       `json:"at"`
	Judgement *verify.Judgement `json:"judgement"`
	Dir       string            `json:"dir"` // where its bytes are
}

func (m *Mirror) noticeQuarantine(source string) string {
	return filepath.Join(m.Work, "quarantine", source)
}

// quarantineNotice keeps a document that is not what was signed, with its
// signature and the report, and returns the folder. Nothing of it was ever in
// the store. Names from outside do not become names here.
func (m *Mirror) quarantineNotice(s *BulletinSource, item layout.Announced, doc *layout.Announcement, j *verify.Judgement) (string, error) {
	all := m.noticeQuarantine(s.Name)
	dir := filepath.Join(all, layout.DigestOf([]byte(item.Name + "\n" + j.FileSHA256.String())).String()[:32])
	report := RefusedNotice{s.Name, item.Name, item.File, item.By, layout.At(m.now()), j, dir}
	text, err := json.MarshalIndent(report, "", "  ")
	if err == nil {
		err = os.MkdirAll(dir, 0o750)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "document"), doc.Original, 0o640)
	}
	if err == nil && doc.Signature != nil {
		err = os.WriteFile(filepath.Join(dir, "signature"), doc.Signature, 0o640)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "report.json"), append(text, '\n'), 0o640)
	}
	if err != nil {
		return "", fmt.Errorf("quarantine %s of source %s: %w", item.Name, s.Name, err)
	}
	return dir, thinNotices(all)
}

// QuarantinedNotices returns the reports of all documents in quarantine in the
// directory work, oldest first. A report that cannot be read is left out.
func QuarantinedNotices(work string) []RefusedNotice {
	var all []RefusedNotice
	root := filepath.Join(work, "quarantine")
	for _, source := range namesIn(root) {
		for _, name := range namesIn(filepath.Join(root, source)) {
			var r RefusedNotice
			dir := filepath.Join(root, source, name)
			text, err := os.ReadFile(filepath.Join(dir, "report.json"))
			if err != nil || json.Unmarshal(text, &r) != nil || r.Judgement == nil {
				continue
			}
			r.Dir = dir
			all = append(all, r)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].At.Time().Before(all[j].At.Time()) })
	return all
}

// release takes a document out of quarantine that has become right, or was
// replaced.
func (m *Mirror) release(s *BulletinSource, name string) error {
	for _, r := range QuarantinedNotices(m.Work) {
		if r.Source != s.Name || r.Name != name {
			continue
		}
		if err := os.RemoveAll(r.Dir); err != nil {
			return fmt.Errorf("take %s out of quarantine: %w", name, err)
		}
	}
	return nil
}

// thinNotices removes the oldest documents beyond the limit.
func thinNotices(all string) error {
	names := namesIn(all)
	if len(names) <= quarantinedNotices {
		return nil
	}
	age := map[string]int64{}
	for _, name := range names {
		if st, err := os.Stat(filepath.Join(all, name)); err == nil {
			age[name] = st.ModTime().UnixNano()
		}
	}
	sort.SliceStable(names, func(i, j int) bool { return age[names[i]] < age[names[j]] })
	var errs []error
	for _, name := range names[:len(names)-quarantinedNotices] {
		errs = append(errs, os.RemoveAll(filepath.Join(all, name)))
	}
	return errors.Join(errs...)
}

// words joins the reasons of a judgement.
func words(j *verify.Judgement) string { return strings.Join(j.Reasons, "; ") }
