package mirror

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"patchferry/layout"
)

// admitted is the journal of files that this or a killed sync has put in the
// store and that no published generation names yet. A file stated by SHA-1, or
// by nothing, could not be found in the store again without it.
//
// It is local and disposable: a lost line costs one more download. A line is
// written after the object is durable, so what it says is so.
type admitted struct {
	mu    sync.Mutex
	file  *os.File
	byKey map[string]layout.Got
}

type admittedLine struct {
	Key string     `json:"key"`
	Got layout.Got `json:"got"`
}

func (m *Mirror) admittedPath() string { return filepath.Join(m.Work, "admitted.jsonl") }

// openAdmitted reads the journal and opens it for writing.
func (m *Mirror) openAdmitted() (*admitted, error) {
	byKey, cut, err := m.readAdmitted()
	if err != nil {
		return nil, err
	}
	a := &admitted{byKey: byKey}
	if a.file, err = os.OpenFile(m.admittedPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640); err != nil {
		return nil, fmt.Errorf("open the journal of admitted files: %w", err)
	}
	if cut {
		// The next line must not run on from it.
		_, err = a.file.WriteString("\n")
	}
	return a, err
}

// readAdmitted reads the journal; a line cut short by a crash is passed over
// and reported as cut.
func (m *Mirror) readAdmitted() (byKey map[string]layout.Got, cut bool, err error) {
	byKey = map[string]layout.Got{}
	old, err := os.ReadFile(m.admittedPath())
	if err != nil && !isMissing(err) {
		return nil, false, fmt.Errorf("read the journal of admitted files: %w", err)
	}
	for line := range bytes.Lines(old) {
		var l admittedLine
		if json.Unmarshal(line, &l) == nil {
			byKey[l.Key] = l.Got
		}
	}
	return byKey, len(old) > 0 && old[len(old)-1] != '\n', nil
}

// add notes that the file known by key is in the store.
func (a *admitted) add(key string, got layout.Got) error {
	line, err := json.Marshal(admittedLine{key, got})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byKey[key] = got
	_, err = a.file.Write(append(line, '\n'))
	return err
}

// find returns what the file known by key turned out to be.
func (a *admitted) find(key string) (layout.Got, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	got, ok := a.byKey[key]
	return got, ok
}

// clear empties the journal once a generation names everything in it.
func (a *admitted) clear() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.byKey)
	return a.file.Truncate(0)
}

func (a *admitted) close() { _ = a.file.Close() }

// contentKey names what a file is expected to be: by digest where one is
// stated, else by URL. Files with one key are fetched once.
func contentKey(f *layout.File) string {
	switch {
	case !f.SHA256.IsZero():
		return "sha256:" + f.SHA256.String()
	case !f.SHA1.IsZero():
		return "sha1:" + f.SHA1.String()
	}
	return "url:" + f.URL
}
