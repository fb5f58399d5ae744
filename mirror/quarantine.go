package mirror

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"patchferry/layout"
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
// the reason. They were never in the store. It is a service to the operator,
// so its own failures are only logged.
func (f *fetching) quarantine(path string, w *want, why error) {
	var mismatch *layout.MismatchError
	if !errors.As(why, &mismatch) {
		return
	}
	bad := path + ".bad"
	if _, err := os.Stat(bad); err != nil {
		return
	}
	dir := filepath.Join(f.stage, "quarantine")
	note, err := json.MarshalIndent(Refused{w.from.src.Name, w.update, w.f.Name, w.f.URL, why.Error(), layout.At(f.m.now())}, "", "  ")
	if err == nil {
		err = os.MkdirAll(dir, 0o750)
	}
	kept := filepath.Join(dir, filepath.Base(path))
	if err == nil {
		err = os.Rename(bad, kept)
	}
	if err == nil {
		err = os.WriteFile(kept+".json", note, 0o640)
	}
	if err != nil {
		f.m.log().Warn("quarantine", "file", w.f.Name, "err", err)
		return
	}
	thin(dir)
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
