package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// plan is what a package does to the machine. It is the last line of its file,
// behind planMark, whatever else the file is.
type plan struct {
	Code    int       `json:"code"`              // exit code
	Folders []string  `json:"folders,omitempty"` // to make
	Files   []file    `json:"files,omitempty"`   // to write
	Keys    []key     `json:"keys,omitempty"`    // of the registry, to set
	Gone    []string  `json:"gone,omitempty"`    // files, folders and keys to remove, with all below
	Copies  []planned `json:"copies,omitempty"`  // of this program, each with a plan of its own: spuninst.exe
	Needs   []string  `json:"needs,omitempty"`   // files that must lie beside it
	Undo    *plan     `json:"undo,omitempty"`    // what taking it off does
	Names   []string  `json:"names,omitempty"`   // by which tools know it when it is there
}

type file struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

type key struct {
	Key   string `json:"key"` // HKLM\…
	Value string `json:"value,omitempty"`
	Data  string `json:"data,omitempty"`
}

type planned struct {
	Path string `json:"path"`
	Plan *plan  `json:"plan"`
}

const planMark = "#plan "

// planOf reads the plan of a package; nil where it has none.
func planOf(name string) (*plan, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	last := data[bytes.LastIndexByte(data, '\n')+1:]
	if !bytes.HasPrefix(last, []byte(planMark)) {
		return nil, nil
	}
	p := new(plan)
	if err := json.Unmarshal(last[len(planMark):], p); err != nil {
		return nil, fmt.Errorf("plan of %s: %w", name, err)
	}
	return p, nil
}

// perform changes the machine; program is what copies are made of.
func (p *plan) perform(program string) error {
	for _, name := range p.Folders {
		if err := os.MkdirAll(expand(name), 0o755); err != nil {
			return err
		}
	}
	for _, f := range p.Files {
		if err := write(expand(f.Path), strings.NewReader(f.Text)); err != nil {
			return err
		}
	}
	for _, k := range p.Keys {
		if err := setKey(k.Key, k.Value, k.Data); err != nil {
			return err
		}
	}
	for _, c := range p.Copies {
		if err := c.write(program); err != nil {
			return err
		}
	}
	for _, name := range p.Gone {
		if err := remove(name); err != nil {
			return err
		}
	}
	return nil
}

// write copies the program, with another plan behind the first.
func (c *planned) write(program string) error {
	f, err := os.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := json.Marshal(c.Plan)
	if err != nil {
		return err
	}
	return write(expand(c.Path), io.MultiReader(f, strings.NewReader("\n"+planMark), bytes.NewReader(line)))
}

func write(name string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// remove takes away a key of the registry, or a file or folder. The program that
// runs cannot remove itself: Windows keeps it, and so may we.
func remove(name string) error {
	if strings.HasPrefix(name, `HKLM\`) {
		return deleteKey(name)
	}
	name = expand(name)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToLower(self), strings.ToLower(name)+`\`) {
		return os.RemoveAll(name)
	}
	moved := name + ".old" // as real ones do: out of the way at once, gone at the next start
	if err := os.RemoveAll(moved); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(name, moved)
}

var percent = regexp.MustCompile(`%\w+%`)

// expand puts the values of variables in their places.
func expand(s string) string {
	return percent.ReplaceAllStringFunc(s, func(v string) string { return os.Getenv(strings.Trim(v, "%")) })
}
