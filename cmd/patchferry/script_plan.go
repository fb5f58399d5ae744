package main

import (
	"patchferry/distribute/script"
	"patchferry/layout"
)

// scriptPlan is what script prints with --json (docs/json.md).
type scriptPlan struct {
	Name       string       `json:"name"`
	Title      string       `json:"title"`
	Place      string       `json:"place"` // below the root of a tree
	Ring       string       `json:"ring"`
	State      uint64       `json:"state"`
	Generation uint64       `json:"generation"`
	Bases      []string     `json:"bases,omitempty"`
	Items      []scriptItem `json:"items"`
	Left       []leftReport `json:"left,omitempty"`
	Notes      []string     `json:"notes,omitempty"`
}

// scriptReport is what script prints with --json and --to.
type scriptReport struct {
	Dir   string `json:"dir"`
	Files int    `json:"files"`
	scriptPlan
}

// scriptItem is one package that a script runs.
type scriptItem struct {
	ID       string        `json:"id"`
	Update   string        `json:"update"`
	KB       string        `json:"kb,omitempty"`
	Title    string        `json:"title,omitempty"`
	Order    int           `json:"order"`
	Path     string        `json:"path"`
	Members  []string      `json:"members,omitempty"`
	Size     int64         `json:"size,omitempty"`
	SHA256   layout.Digest `json:"sha256,omitzero"`
	Kind     layout.Kind   `json:"kind,omitempty"`
	Engine   string        `json:"engine"`
	Args     []string      `json:"args,omitempty"`
	Barrier  string        `json:"barrier,omitempty"`
	Reboot   bool          `json:"reboot,omitempty"`
	Released layout.Date   `json:"released,omitempty"`
	Remove   []string      `json:"remove,omitempty"` // programs, of which the first that is there is run
	Stays    string        `json:"stays,omitempty"`  // why it cannot be removed
}

// leftReport is what a set does not have.
type leftReport struct {
	Update string `json:"update"`
	File   string `json:"file,omitempty"`
	Why    string `json:"why"`
}

func planOf(s *script.Set) scriptPlan {
	p := scriptPlan{
		Name: s.Name, Title: s.Title, Place: s.Place, Ring: s.Ring, State: s.Edition.State, Generation: s.Edition.Generation,
		Bases: s.Bases, Notes: s.Notes, Items: []scriptItem{},
	}
	for i := range s.Items {
		p.Items = append(p.Items, itemOf(&s.Items[i]))
	}
	for _, l := range s.Left {
		p.Left = append(p.Left, leftReport(l))
	}
	return p
}

func itemOf(i *script.Item) scriptItem {
	item := scriptItem{
		ID: i.ID, Update: i.Update, KB: i.KB, Title: i.Title, Order: i.Order, Path: i.Path, Size: i.Size, SHA256: i.SHA256,
		Kind: i.Kind, Engine: string(i.Run.Engine), Args: i.Run.Args, Barrier: string(i.Barrier), Reboot: i.Reboot,
		Released: i.Released, Stays: i.Remove.Why,
	}
	for _, m := range i.Members {
		item.Members = append(item.Members, m.Path)
	}
	for _, c := range i.Remove.Commands {
		item.Remove = append(item.Remove, c.Program)
	}
	return item
}
