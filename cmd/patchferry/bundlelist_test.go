package main

import (
	"net/url"
	"strings"
	"testing"

	installation "patchferry/distribute/script"
	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/metalink"
)

// TestBundleListIsASource: what a server writes into bundle.meta4 another one
// reads as a source, with names, sizes, digests and URLs of the first.
func TestBundleListIsASource(t *testing.T) {
	sp4 := layout.DigestOf([]byte("sp4"))
	set := &installation.Set{
		Name: "w2k", Title: "Windows 2000", Place: "install/hosts/windows2000/x86/EN", Bases: []string{`\\server\updates`, "http://other:8530"},
		Items: []installation.Item{{
			ID: "W2KSP4", Title: "Service Pack 4 & more", Path: "Software/EN/com_microsoft.windows2000/x86win2k/sp4/W2KSP4 (EN).EXE", Name: "W2KSP4 (EN).EXE",
			Size: 3, SHA256: sp4, SHA1: layout.SHA1{1}, MD5: layout.MD5{2}, Kind: layout.KindServicePack, Run: installation.Run{Engine: installation.EngineSelf},
			Gate:    installation.Gate{OS: []layout.OS{"windows2000"}, Language: "EN"},
			Members: []installation.Member{{Path: "Software/EN/com_microsoft.windows2000/x86win2k/sp4/more.cab", Name: "more.cab", Size: 4, SHA256: layout.DigestOf([]byte("more"))}},
		}},
	}
	files, err := set.Files()
	if err != nil {
		t.Fatal(err)
	}
	list := ""
	for _, f := range files {
		if f.Name == "bundle.meta4" {
			list = string(f.Data)
		}
	}
	base, err := url.Parse("http://near:8530/" + set.Place + "/bundle.meta4")
	if err != nil {
		t.Fatal(err)
	}
	var got []*layout.Update
	for u, err := range metalink.Parse(strings.NewReader(list), upstream.List{Source: "near", Base: base}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, u)
	}
	if len(got) != 2 {
		t.Fatalf("%d updates, want 2", len(got))
	}
	u, f := got[0], got[0].Files[0]
	if u.Title != "Service Pack 4 & more" || u.Language != "EN" || len(u.OS) != 1 || u.OS[0] != "windows2000" {
		t.Errorf("title %q, language %q, systems %v", u.Title, u.Language, u.OS)
	}
	if f.Name != "W2KSP4 (EN).EXE" || f.Size != 3 || f.SHA256 != sp4 || f.SHA1 != (layout.SHA1{1}) || f.MD5 != (layout.MD5{2}) {
		t.Errorf("file %+v", f)
	}
	if want := "http://near:8530/Software/EN/com_microsoft.windows2000/x86win2k/sp4/W2KSP4%20%28EN%29.EXE"; f.URL != want {
		t.Errorf("URL %s, want %s", f.URL, want)
	}
}
