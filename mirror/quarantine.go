package mirror

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"patchferry/layout"
	"patchferry/layout/store"
)

// quarantined is how many refused files are kept for whoever wants to know
// what was sent; the oldest go first.
const quarantined = 20

// Refused is the note beside a file in quarantine.
type Refused struct {
	Source string      `json:"source"`
	Update string      `json:"update"`
	File   string      `json:"file"`
	URL    string      `json:"url"`
	Why    string      `json:"why"`
	At     layout.Time `json:"at"`
}

// quarantine keeps the bytes of a file that were not what was promised, with
// the reason. They were never in the store.
func (f *fetching) quarantine(path string, w *want, why error) {
	var mismatch *layout.MismatchError
	if !errors.As(why, &mismatch) {
		return
	}
	f.m.quarantine(path+".bad", filepath.Base(path), Refused{w.from.src.Name, w.update, w.f.Name, w.f.URL, why.Error(), layout.At(f.m.now())})
}

// quarantine takes the file bad into the quarantine of the stage, under a name of
// its own and with a note beside it. It is a service to the operator, so its own
// failures are only logged.
func (m *Mirror) quarantine(bad, name string, r Refused) {
	if _, err := os.Stat(bad); err != nil {
		return
	}
	if err := m.jail(bad, name, r); err != nil {
		m.log().Warn("quarantine", "file", r.File, "err", err)
	}
}

func (m *Mirror) jail(bad, name string, r Refused) error {
	stage, err := m.Stage()
	if err != nil {
		return err
	}
	dir := filepath.Join(stage, "quarantine")
	note, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	kept := filepath.Join(dir, name)
	if err := os.Rename(bad, kept); err != nil {
		return err
	}
	if err := os.WriteFile(kept+".json", note, 0o640); err != nil {
		return err
	}
	thin(dir)
	return nil
}

// RefusedFiles returns the notes of the files in quarantine, the newest of those that
// were refused, the oldest first.
func (m *Mirror) RefusedFiles() []Refused {
	var all []Refused
	stage := filepath.Join(m.Work, stageFolder)
	if s, ok := m.Store.(store.Stager); ok {
		stage = s.StageDir()
	}
	dir := filepath.Join(stage, "quarantine")
	for _, name := range namesIn(dir) {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		var r Refused
		if doc, err := os.ReadFile(filepath.Join(dir, name)); err == nil && json.Unmarshal(doc, &r) == nil {
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].At.Time().Before(all[j].At.Time()) })
	return all
}

// thin removes the oldest of what is in quarantine beyond the limit.
func thin(dir string) {
	var notes []string
	for _, name := range namesIn(dir) {
		if strings.HasSuffix(name, ".json") {
			notes = append(notes, filepath.Join(dir, name))
		}
	}
	if len(notes) <= quarantined {
		return
	}
	age := func(path string) int64 {
		if st, err := os.Stat(path); err == nil {
			return st.ModTime().UnixNano()
		}
		return 0
	}
	sort.Slice(notes, func(i, j int) bool { return age(notes[i]) < age(notes[j]) })
	for _, note := range notes[:len(notes)-quarantined] {
		_ = os.Remove(strings.TrimSuffix(note, ".json"))
		_ = os.Remove(note)
	}
}
