package csaf_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream/csaf"
)

// folder is a provider in a local folder.
type folder struct {
	t    *testing.T
	csaf *csaf.Provider
}

func newFolder(t *testing.T, files map[string]string) *folder {
	t.Helper()
	f := &folder{t: t, csaf: &csaf.Provider{Path: t.TempDir()}}
	for name, text := range files {
		f.put(name, text)
	}
	return f
}

func (f *folder) path(name string) string {
	return filepath.Join(f.csaf.Path, filepath.FromSlash(name))
}

func (f *folder) put(name, text string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.path(name)), 0o777); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(f.path(name), []byte(text), 0o666); err != nil {
		f.t.Fatal(err)
	}
	at := time.Date(2026, 8, 11, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(f.path(name), at, at); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) list(prev json.RawMessage, problems ...string) *layout.AnnouncedList {
	f.t.Helper()
	list, err := f.csaf.List(f.t.Context(), prev)
	if err != nil {
		f.t.Fatal(err)
	}
	wantProblems(f.t, list.Problems, problems...)
	return list
}

func plainNames(list *layout.AnnouncedList) []string {
	var all []string
	for _, item := range list.Items {
		all = append(all, item.Name)
	}
	return all
}

// copied is what a copy of a provider at https://vendor.example/csaf/ holds,
// below the given folder.
func copied(below string) map[string]string {
	files := map[string]string{
		"provider-metadata.json": `{"canonical_url":"https://vendor.example/csaf/provider-metadata.json","distributions":[` +
			`{"directory_url":"https://vendor.example/csaf/white"},{"rolie":{"feeds":[{"tlp_label":"WHITE","url":"https://vendor.example/csaf/feed.json"}]}}],` +
			`"public_openpgp_keys":[{"fingerprint":"C3C7","url":"https://vendor.example/csaf/openpgp/C3C7.asc"}]}`,
		"feed.json": `{"feed":{"entry":[{"id":"C","updated":"2024-01-02T03:04:05Z","link":[{"rel":"self","href":"https://vendor.example/csaf/more/c.json"},` +
			`{"rel":"signature","href":"https://vendor.example/csaf/sigs/c.asc"}]}]}}`,
		"openpgp/C3C7.asc":         "key",
		"white/index.txt":          "2024/a.json\n2024/b.json\n",
		"white/changes.csv":        "2024/a.json,2024-01-02\n",
		"white/2024/a.json":        `{"a":1}`,
		"white/2024/a.json.asc":    "signature of a",
		"white/2024/a.json.sha256": "256 of a",
		"white/2024/b.json":        `{"b":1}`,
		"more/c.json":              `{"c":1}`,
		"sigs/c.asc":               "signature of c",
	}
	moved := map[string]string{}
	for name, text := range files {
		moved[below+name] = text
	}
	return moved
}

func TestFolder(t *testing.T) {
	for name, below := range map[string]string{"as it is": "", "well-known": ".well-known/csaf/"} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, copied(below))
			list := f.list(nil)
			wantList(t, plainNames(list), "more/c.json", "2024/a.json", "2024/b.json")
			if len(list.Keys) != 1 || string(list.Keys[0].Data) != "key" || list.Keys[0].Claimed != "C3C7" {
				t.Errorf("got keys %+v", list.Keys)
			}
			a := f.get(list.Items[1])
			if string(a.Original) != `{"a":1}` || string(a.Signature) != "signature of a" || len(a.Sums) != 1 || a.At.IsZero() || !a.TLSKey.IsZero() {
				t.Errorf("a: got %+v", a)
			}
			if want := f.path(below + "white/2024/a.json"); list.Items[1].By != want {
				t.Errorf("a: got By %s, want %s", list.Items[1].By, want)
			}
			if b := f.get(list.Items[2]); b.Signature != nil || b.Sums != nil {
				t.Errorf("b: got %+v", b)
			}
			if c := f.get(list.Items[0]); string(c.Signature) != "signature of c" || c.SigFile != "c.asc" {
				t.Errorf("c: got %+v", c)
			}
			if again := f.list(list.Memory); !again.NotModified || again.Items != nil || again.Keys != nil {
				t.Errorf("got %+v", again)
			}
		})
	}
}

func (f *folder) get(item layout.Announced) *layout.Announcement {
	f.t.Helper()
	a, err := f.csaf.Get(f.t.Context(), item, layout.Validators{})
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// TestFolderOfWebRoot reads copies that tools for copying web sites make.
func TestFolderOfWebRoot(t *testing.T) {
	for _, root := range []string{"csaf/", "vendor.example/csaf/"} {
		files := map[string]string{}
		for name, text := range copied("") {
			files[root+name] = text
		}
		files["provider-metadata.json"] = files[root+"provider-metadata.json"]
		f := newFolder(t, files)
		if list := f.list(nil); len(list.Items) != 3 || len(list.Keys) != 1 {
			t.Errorf("%s: got %v", root, plainNames(list))
		}
	}
}

// TestFolderChanges changes what a folder holds and asks whether that is seen.
func TestFolderChanges(t *testing.T) {
	tests := []struct {
		name, file, text string
		same             bool
	}{
		{name: "nothing", file: "unrelated.txt", text: "x", same: true},
		{name: "document", file: "white/2024/a.json", text: `{"a":10}`},
		{name: "signature", file: "white/2024/b.json.asc", text: "late"},
		{name: "signature elsewhere", file: "sigs/c.asc", text: "another"},
		{name: "index", file: "white/index.txt", text: "2024/a.json\n"},
		{name: "key", file: "openpgp/C3C7.asc", text: "another"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, copied(""))
			first := f.list(nil)
			f.put(tt.file, tt.text)
			if got := f.list(first.Memory); got.NotModified != tt.same {
				t.Errorf("got not modified %v", got.NotModified)
			}
		})
	}
}

func TestFolderWithoutMetadata(t *testing.T) {
	t.Run("index", func(t *testing.T) {
		f := newFolder(t, map[string]string{"index.txt": "2024/a.json\n2024/gone.json\n../x.json\n", "2024/a.json": "{}", "other.json": "{}"})
		list := f.list(nil, f.path("index.txt")+": line 3", "file does not exist")
		wantList(t, plainNames(list), "2024/a.json")
	})
	t.Run("nothing", func(t *testing.T) {
		f := newFolder(t, map[string]string{"2024/a.json": "{}", "2024/a.json.asc": "s", "b.JSON": "{}", "readme.txt": "x", "2024/%2e.json": "{}"})
		list := f.list(nil)
		wantList(t, plainNames(list), "2024/%2e.json", "2024/a.json", "b.JSON")
		for _, item := range list.Items {
			if a := f.get(item); string(a.Original) != "{}" {
				t.Errorf("%s: got %+v", item.Name, a)
			}
		}
	})
	t.Run("metadata of what is not here", func(t *testing.T) {
		f := newFolder(t, map[string]string{"provider-metadata.json": copied("")["provider-metadata.json"], "c.json": "{}"})
		list := f.list(nil, "file does not exist", "key C3C7")
		wantList(t, plainNames(list), "c.json")
	})
	t.Run("no folder", func(t *testing.T) {
		_, err := (&csaf.Provider{Path: filepath.Join(t.TempDir(), "none")}).List(t.Context(), nil)
		wantError(t, err, "CSAF folder: ")
	})
}

// TestFolderIsClosed tries to leave the folder.
func TestFolderIsClosed(t *testing.T) {
	if runtime.GOOS == "windows" {
		if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "symlink") {
			t.Fatal("needs symbolic links, as PATCHFERRY_REQUIRE says")
		}
		t.Skip("SKIP: needs symbolic links")
	}
	outside := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(outside, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, map[string]string{"index.txt": "link.json\nfolder.json\na.json\n", "a.json": "{}", "folder.json/x": "x"})
	if err := os.Symlink(outside, f.path("link.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, f.path("a.json.asc")); err != nil {
		t.Fatal(err)
	}
	list := f.list(nil, "link.json", "not a file")
	wantList(t, plainNames(list), "a.json")
	for _, by := range []string{f.path("link.json"), outside, f.path("../x.json"), "", "a.json"} {
		a, err := f.csaf.Get(t.Context(), layout.Announced{Name: "x", File: "x", By: by}, layout.Validators{})
		if err == nil {
			t.Errorf("%s: got %+v", by, a)
		}
	}
	_, err := f.csaf.Get(t.Context(), list.Items[0], layout.Validators{})
	wantError(t, err, "a.json.asc")
}

func TestFolderIsBounded(t *testing.T) {
	f := newFolder(t, map[string]string{"a.json": strings.Repeat("a", 4<<20+1)})
	_, err := f.csaf.Get(t.Context(), f.list(nil).Items[0], layout.Validators{})
	wantError(t, err, "larger than the limit of 4194304 bytes")
	f.put("provider-metadata.json", `{"canonical_url":"https://a.example/"}`+strings.Repeat(" ", 1<<20))
	_, err = f.csaf.List(t.Context(), nil)
	wantError(t, err, "larger than the limit of 1048576 bytes")
}
