package mirror

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// bulletinMemory is what is remembered of a source of bulletins between two
// syncs, in the work directory. Losing it costs one full reading of the
// source, nothing else: documents that the catalog has already are recognised
// by their bytes.
type bulletinMemory struct {
	Place   string          `json:"place"`
	List    json.RawMessage `json:"list,omitempty"` // the source's own
	Checked layout.Time     `json:"checked,omitzero"`
	Problem string          `json:"problem,omitempty"` // why the list could not be had the last time
	// Basis is the digest of everything that the documents were judged and
	// read with.
	Basis layout.Digest        `json:"basis,omitzero"`
	Items map[string]knownItem `json:"items,omitempty"` // by name
	// Whole is the digest of the list of notices that has all Items that were
	// kept; another one has to be compared with them.
	Whole layout.Digest `json:"whole,omitzero"`
}

// knownItem is a document that was looked at.
type knownItem struct {
	Stamp      string            `json:"stamp,omitempty"`
	Validators layout.Validators `json:"validators,omitzero"`
	Original   layout.Digest     `json:"original"`
	Kept       bool              `json:"kept"`
	Verdict    layout.Verdict    `json:"verdict"`
	At         layout.Time       `json:"at"`
}

func (m *Mirror) bulletinDir(s *BulletinSource) string {
	return filepath.Join(m.Work, "sources", s.Name)
}

func (m *Mirror) offeredDir(s *BulletinSource) string {
	return filepath.Join(m.bulletinDir(s), "keys")
}

// recallBulletins reads the memory; a missing, damaged or outdated one is as
// good as none.
func (m *Mirror) recallBulletins(s *BulletinSource) bulletinMemory {
	var mem bulletinMemory
	doc, err := os.ReadFile(filepath.Join(m.bulletinDir(s), "bulletins.json"))
	if err != nil || json.Unmarshal(doc, &mem) != nil || mem.Place != s.Place {
		mem = bulletinMemory{Place: s.Place}
	}
	if mem.Items == nil {
		mem.Items = map[string]knownItem{}
	}
	return mem
}

// bulletinStatus reports what the last syncs left behind for a source of
// bulletins.
func (m *Mirror) bulletinStatus(s *BulletinSource) SourceStatus {
	mem := m.recallBulletins(s)
	status := SourceStatus{
		Name: s.Name, Kind: s.Kind, Place: s.Place, Checked: mem.Checked, Fetched: mem.Checked,
		Whole: mem.Problem == "" && !mem.Checked.IsZero(), Problem: mem.Problem,
	}
	for _, item := range mem.Items {
		if item.Verdict == layout.Bad || item.Verdict == layout.Malformed {
			status.Refused++
		}
	}
	return status
}

// rememberBulletins replaces the memory in one step.
func (m *Mirror) rememberBulletins(s *BulletinSource, mem bulletinMemory) error {
	dir := m.bulletinDir(s)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("remember source %s: %w", s.Name, err)
	}
	doc, err := json.Marshal(mem)
	if err != nil {
		return fmt.Errorf("remember source %s: %w", s.Name, err)
	}
	if err := durable.Rewrite(filepath.Join(dir, "bulletins.json"), 0o640, append(doc, '\n'), false); err != nil {
		return fmt.Errorf("remember source %s: %w", s.Name, err)
	}
	return nil
}
