// Package sample is a publisher for demonstrations and tests: some twenty
// updates and drivers of thirty years and seven languages, the lists that
// offer them, and an https server on loopback that hands them out.
//
// The updates are true to life in their fields, file names and KB numbers, and
// invented in everything else: titles are our own, and the bytes of a file are
// noise made from its name, the same on every machine. Nothing in it can be
// installed but one package for practice.
package sample

import (
	"crypto/sha1"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"

	"patchferry/layout"
)

// List is one list of updates that the publisher offers.
type List struct {
	Name  string // of the source: "windows"
	Kind  string // the form of the list, as a configuration has it: links, metalink, updates
	File  string // the list's file name; for links it says things of the files
	Local bool   // kept by the operator, not handed out by the publisher
	Trust string // what a configuration has to say: "capture", or nothing
}

// Lists returns all lists, in the order in which a configuration would have
// them. There is one of each kind, one that the operator keeps, and one of
// files that change in place.
func Lists() []List {
	return []List{
		{Name: "windows", Kind: "updates", File: "windows.jsonl"},
		{Name: "office", Kind: "metalink", File: "office.meta4"},
		{Name: "offline", Kind: "links", File: "StaticDownloadLinks-w100-x64-glb.txt"},
		{Name: "local", Kind: "links", File: "StaticDownloadLinks-wxp-x86-chs.txt", Local: true},
		{Name: "defender", Kind: "links", File: "defender.txt", Trust: "capture"},
	}
}

// Update is one update with the list that offers it. Its ID is the native one,
// without the source; the URLs of its files are paths at the publisher. Not
// every kind of list has room for all of its fields.
type Update struct {
	List string
	layout.Update

	seeds []string // of the files' bytes, in the order of Files
	own   [][]byte // the bytes of files that are no noise
}

// Content returns the bytes of the file at index i of Files.
func (u *Update) Content(i int) []byte {
	if i < len(u.own) {
		return u.own[i]
	}
	return noise(u.seeds[i], u.Files[i].Size)
}

// Updates returns all updates, with sizes and digests of their files. The
// caller may change what it gets.
func Updates() []*Update {
	var all []*Update
	for _, rows := range [][]Update{windows2000Era(), windowsXPEra(), windows7Era(), windows11Era(), practice(), drivers(), office(), lists()} {
		for i := range rows {
			complete(&rows[i])
			all = append(all, &rows[i])
		}
	}
	return all
}

// complete fills in what follows from a file's name and size.
func complete(u *Update) {
	if u.Type == "" {
		u.Type = layout.Software
	}
	if u.Driver != nil {
		u.Type, u.Classification = layout.Drivers, layout.DriverUpdate
	}
	for i := range u.Files {
		f := &u.Files[i]
		u.seeds = append(u.seeds, f.Name)
		u.measure(i)
		f.Name = strings.Replace(f.Name, sha1Place, f.SHA1.String(), 1)
		f.URL = place(u) + f.Name
	}
}

// measure sets the digests of the file at index i.
func (u *Update) measure(i int) {
	body := u.Content(i)
	u.Files[i].SHA256, u.Files[i].SHA1 = layout.DigestOf(body), sha1.Sum(body)
}

// sha1Place stands in a file name where the publisher puts the SHA-1.
const sha1Place = "{sha1}"

// place returns the folder at the publisher in which an update's files are.
func place(u *Update) string {
	class, ok := classFolders[u.Classification]
	if !ok || u.Released == "" {
		return "/download/" + u.List + "/"
	}
	year, rest, _ := strings.Cut(string(u.Released), "-")
	month, _, _ := strings.Cut(rest, "-")
	return "/d/msdownload/update/software/" + class + "/" + year + "/" + month + "/"
}

// classFolders are the folders that say the class in the addresses of Windows
// Update.
var classFolders = map[layout.Classification]string{
	layout.SecurityUpdate: "secu", layout.CriticalUpdate: "crup", layout.ServicePack: "svpk",
	layout.UpdateRollup: "uprl", layout.PlainUpdate: "updt", layout.DefinitionUpdate: "defu",
}

// noise returns size bytes that are always the same for the same seed, after a
// line that says what they are.
func noise(seed string, size int64) []byte {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(body) // it never fails
	copy(body, "patchferry sample "+seed+": noise, nothing to install\r\n")
	return body
}

// changing returns the updates of lists of files that change in place.
func changing(updates []*Update) []*Update {
	var all []*Update
	for _, l := range Lists() {
		if l.Trust == "capture" {
			all = append(all, of(updates, l.Name)...)
		}
	}
	return all
}

// of returns the updates that a list offers.
func of(updates []*Update, list string) []*Update {
	return slices.DeleteFunc(slices.Clone(updates), func(u *Update) bool { return u.List != list })
}
