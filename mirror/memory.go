package mirror

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// memory is what is remembered of a source between two syncs, in the work
// directory. Losing it costs one full request of the list, nothing else.
type memory struct {
	Place      string            `json:"place"` // of the list, when these were got
	Validators layout.Validators `json:"validators"`
	List       layout.Digest     `json:"list,omitzero"` // of the list's bytes
	TLSKey     layout.Digest     `json:"tls_key,omitzero"`
	Fetched    layout.Time       `json:"fetched,omitzero"`  // when these bytes came
	Checked    layout.Time       `json:"checked,omitzero"`  // when the publisher was last asked with success
	Settings   layout.Digest     `json:"settings,omitzero"` // what the list was read with
	// Folded is the lines digest of the catalog in which the whole list is
	// folded, with every file held that was wanted; zero while something is
	// missing.
	Folded layout.Digest `json:"folded,omitzero"`
	Failed int           `json:"failed,omitempty"` // files that could not be had
	Left   int           `json:"left,omitempty"`   // files that are left for hosts to ask for
	// Problem is why the list could not be had the last time.
	Problem string `json:"problem,omitempty"`
	// Captures are the validators of files that change in place, by URL.
	Captures map[string]layout.Validators `json:"captures,omitempty"`
	// Refused are the files of the last sync whose bytes were wrong, by URL.
	Refused map[string]refusal `json:"refused,omitempty"`
}

// SourceStatus is what is known of a source without asking it.
type SourceStatus struct {
	Name    string      `json:"name"`
	Kind    string      `json:"kind"`
	Place   string      `json:"place"`
	Checked layout.Time `json:"checked,omitzero"`
	Fetched layout.Time `json:"fetched,omitzero"`
	Whole   bool        `json:"whole"` // everything it listed is held, or left for hosts to ask for
	Failed  int         `json:"failed"`
	Left    int         `json:"left,omitempty"` // files that are left for hosts to ask for, when the list was last read
	Refused int         `json:"refused"`        // documents in quarantine
	Problem string      `json:"problem,omitempty"`
}

// SourceStatus reports what the last syncs left behind for every configured
// source.
func (m *Mirror) SourceStatus() []SourceStatus {
	var all []SourceStatus
	for i := range m.Sources {
		s := &m.Sources[i]
		mem := m.recall(s)
		all = append(all, SourceStatus{
			Name: s.Name, Kind: s.Kind, Place: s.place(), Checked: mem.Checked, Fetched: mem.Fetched,
			Whole: !mem.Folded.IsZero(), Failed: mem.Failed, Left: mem.Left, Problem: mem.Problem,
		})
	}
	for i := range m.Bulletins {
		all = append(all, m.bulletinStatus(&m.Bulletins[i]))
	}
	return all
}

func (m *Mirror) memoryDir(s *Source) string { return filepath.Join(m.Work, "sources", s.Name) }
func (m *Mirror) listFile(s *Source) string  { return filepath.Join(m.memoryDir(s), "list") }

// recall reads the memory of a source; a missing, damaged or outdated one is
// as good as none.
func (m *Mirror) recall(s *Source) memory {
	var mem memory
	doc, err := os.ReadFile(filepath.Join(m.memoryDir(s), "memory.json"))
	if err != nil || json.Unmarshal(doc, &mem) != nil || mem.Place != s.place() {
		return memory{Place: s.place()}
	}
	return mem
}

// remember replaces the memory of a source in one step.
func (m *Mirror) remember(s *Source, mem memory) error {
	dir := m.memoryDir(s)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("remember source %s: %w", s.Name, err)
	}
	doc, err := json.MarshalIndent(mem, "", "  ")
	if err != nil {
		return fmt.Errorf("remember source %s: %w", s.Name, err)
	}
	if err := durable.Rewrite(filepath.Join(dir, "memory.json"), 0o640, append(doc, '\n'), false); err != nil {
		return fmt.Errorf("remember source %s: %w", s.Name, err)
	}
	return nil
}
