package script

import (
	"bytes"
	"encoding/json"
	"strconv"

	"patchferry/layout"
)

// manifestSchema is the version of manifest.json. Members may be added under it;
// whoever changes the meaning of one raises it.
const manifestSchema = 1

// manifestJSON is manifest.json: the set as programs read it.
type manifestJSON struct {
	Schema     int            `json:"schema"`
	ID         string         `json:"id"`
	Title      string         `json:"title,omitempty"`
	Ring       string         `json:"ring,omitempty"`
	Generation uint64         `json:"generation"`
	State      uint64         `json:"state"`
	Root       layout.Digest  `json:"root"`
	Created    layout.Time    `json:"created,omitzero"`
	Place      string         `json:"place"`
	Bases      []string       `json:"bases,omitempty"`
	Items      []manifestItem `json:"items"`
	Left       []manifestLeft `json:"left,omitempty"`
	Notes      []string       `json:"notes,omitempty"`
}

type manifestItem struct {
	ID       string      `json:"id"`
	Order    int         `json:"order"`
	Update   string      `json:"update,omitempty"`
	KB       string      `json:"kb,omitempty"`
	Title    string      `json:"title,omitempty"`
	Released layout.Date `json:"released,omitempty"`
	Kind     layout.Kind `json:"kind,omitempty"`
	manifestFile
	Members   []manifestFile         `json:"members,omitempty"`
	OS        manifestGate           `json:"os"`
	Engine    Engine                 `json:"engine,omitempty"`
	Args      []string               `json:"args"`
	Log       string                 `json:"log,omitempty"`
	Codes     manifestCodes          `json:"codes"`
	QChain    bool                   `json:"qchain,omitempty"`
	Reboot    bool                   `json:"reboot,omitempty"`
	Barrier   Barrier                `json:"barrier,omitempty"`
	Installed []manifestInstalled    `json:"installed,omitempty"`
	Files     []layout.InstalledFile `json:"installed_files,omitempty"`
	Remove    []manifestCommand      `json:"remove,omitempty"`
	Stays     string                 `json:"stays,omitempty"`
}

type manifestFile struct {
	File   string        `json:"file"`
	Path   string        `json:"path"`
	Size   int64         `json:"size"`
	SHA256 layout.Digest `json:"sha256,omitzero"`
	SHA1   layout.SHA1   `json:"sha1,omitzero"`
	MD5    layout.MD5    `json:"md5,omitzero"`
}

// manifestGate says for which hosts an item is; what is absent is for all.
type manifestGate struct {
	Systems  []layout.OS   `json:"systems,omitempty"`
	Arch     []layout.Arch `json:"arch,omitempty"`
	Lang     []string      `json:"lang,omitempty"`
	MinSP    int           `json:"min_sp,omitempty"`
	MaxSP    *int          `json:"max_sp,omitempty"`
	MinBuild int           `json:"min_build,omitempty"`
	MaxBuild int           `json:"max_build,omitempty"`
}

// manifestInstalled is one sign that an item is on a host; one of them is enough.
type manifestInstalled struct {
	Dir     string `json:"dir,omitempty"`
	Key     string `json:"key,omitempty"`
	Value   string `json:"value,omitempty"`
	Data    string `json:"data,omitempty"`
	Product string `json:"product,omitempty"`
	Patch   string `json:"patch,omitempty"`
	Package string `json:"package,omitempty"`
	SP      int    `json:"sp,omitempty"`
}

// manifestCommand removes an item. Without a program it is the item's own
// package; with a key it is run only where that is there.
type manifestCommand struct {
	Program string   `json:"program,omitempty"`
	Args    []string `json:"args"`
	Key     string   `json:"key,omitempty"`
}

type manifestLeft struct {
	Update string `json:"update"`
	File   string `json:"file,omitempty"`
	Why    string `json:"why"`
}

// manifestCodes is an object from exit code to result, in the order of the
// table and with "default" last.
type manifestCodes []layout.ExitCode

// MarshalJSON writes each code once: the first word on it counts.
func (c manifestCodes) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	seen := make(map[int32]bool)
	for _, code := range c {
		if seen[code.Code] {
			continue
		}
		seen[code.Code] = true
		result, err := json.Marshal(code.Result)
		if err != nil {
			return nil, err
		}
		b = append(strconv.AppendQuote(b, strconv.Itoa(int(code.Code))), ':')
		b = append(append(b, result...), ',')
	}
	return append(b, `"default":"failed"}`...), nil
}

// manifest writes manifest.json, a line a member so that differences are read
// easily.
func (s *Set) manifest() ([]byte, error) {
	m := manifestJSON{
		Schema: manifestSchema, ID: s.Name, Title: s.Title, Ring: s.Ring,
		Generation: s.Edition.Generation, State: s.Edition.State, Root: s.Edition.Root, Created: s.Edition.Created,
		Place: s.Place, Bases: s.Bases, Items: make([]manifestItem, 0, len(s.Items)), Notes: s.Notes,
	}
	for i := range s.Items {
		m.Items = append(m.Items, s.Items[i].manifest())
	}
	for _, l := range s.Left {
		m.Left = append(m.Left, manifestLeft(l))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (it *Item) manifest() manifestItem {
	m := manifestItem{
		ID: it.ID, Order: it.Order, Update: it.Update, KB: it.KB, Title: it.Title, Released: it.Released, Kind: it.Kind,
		manifestFile: manifestFile{it.Name, it.Path, it.Size, it.SHA256, it.SHA1, it.MD5},
		OS:           it.Gate.manifest(),
		Engine:       it.Run.Engine, Args: append([]string{}, it.Run.Args...), Log: it.Run.Log,
		Codes: it.Run.Codes, QChain: it.Run.QChain, Reboot: it.Reboot, Barrier: it.Barrier,
		Installed: it.Detect.manifest(), Files: it.Detect.Files, Stays: it.Remove.Why,
	}
	for _, f := range it.Members {
		m.Members = append(m.Members, manifestFile{f.Name, f.Path, f.Size, f.SHA256, f.SHA1, f.MD5})
	}
	for _, c := range it.Remove.Commands {
		m.Remove = append(m.Remove, manifestCommand{c.Program, append([]string{}, c.Args...), c.Key})
	}
	return m
}

func (g *Gate) manifest() manifestGate {
	m := manifestGate{Systems: g.OS, Arch: g.Arch, MinSP: g.MinSP, MinBuild: g.MinBuild, MaxBuild: g.MaxBuild}
	if g.Language != "" {
		m.Lang = []string{string(g.Language)}
	}
	if g.MaxSP >= 0 {
		m.MaxSP = &g.MaxSP
	}
	return m
}

func (d *Detect) manifest() []manifestInstalled {
	var all []manifestInstalled
	for _, dir := range d.Dirs {
		all = append(all, manifestInstalled{Dir: dir})
	}
	for _, k := range d.Keys {
		all = append(all, manifestInstalled{Key: k.Key, Value: k.Value, Data: k.Data})
	}
	for _, code := range d.Products {
		all = append(all, manifestInstalled{Product: code})
	}
	for _, code := range d.Patches {
		all = append(all, manifestInstalled{Patch: code})
	}
	for _, p := range d.Packages {
		all = append(all, manifestInstalled{Package: p})
	}
	if d.SP > 0 {
		all = append(all, manifestInstalled{SP: d.SP})
	}
	return all
}
