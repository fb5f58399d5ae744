package csaf_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream/parsetest"
)

// TestCorpora makes providers of real documents and gets each of them back, byte
// for byte, over the network and from a folder.
func TestCorpora(t *testing.T) {
	real := filepath.Join(parsetest.Corpora(t), "signed")
	if _, err := os.Stat(real); err != nil {
		if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "corpora") {
			t.Fatal("needs the corpora, as PATCHFERRY_REQUIRE says")
		}
		t.Skip("SKIP: needs the corpora")
	}
	t.Run("cisa", func(t *testing.T) {
		files, index := realFiles(t, filepath.Join(real, "cisa-csaf"), "OT/white/2023/")
		files["OT/white/index.txt"] = index
		files["provider-metadata.json"] = `{"canonical_url":"https://vendor.example/provider-metadata.json","distributions":[{"directory_url":"https://vendor.example/OT/white"}]}`
		wantReal(t, files, 6, "cisa-csaf")
	})
	t.Run("schwarz", func(t *testing.T) {
		files, index := realFiles(t, filepath.Join(real, "schwarz-csaf"), "2025/")
		files["index.txt"] = index
		files["provider-metadata.json"] = files["2025/provider-metadata.json"]
		delete(files, "2025/provider-metadata.json")
		key, err := os.ReadFile(filepath.Join(real, "keys", "schwarz-informatik.asc"))
		if err != nil {
			t.Fatal(err)
		}
		files["openpgp/C3C70670C1BC7D803C13BE0808B22DD8E330E6E2.asc"] = string(key)
		wantReal(t, files, 2, "schwarz-csaf")
	})
}

// realFiles reads a folder of documents as files below a path, and makes an
// index of it.
func realFiles(t *testing.T, dir, below string) (files map[string]string, index string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	var lines strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[below+e.Name()] = string(b)
		if strings.HasSuffix(e.Name(), ".json") && e.Name() != "provider-metadata.json" {
			lines.WriteString(filepath.Base(below) + "/" + e.Name() + "\n")
		}
	}
	return files, lines.String()
}

// wantReal lists and gets the files as a folder and as a site.
func wantReal(t *testing.T, files map[string]string, documents int, name string) {
	t.Helper()
	f := newFolder(t, files)
	list := f.list(nil)
	check := func(item layout.Announced, a *layout.Announcement) {
		t.Helper()
		for path, text := range files {
			switch filepath.Base(path) {
			case item.File:
				if !bytes.Equal(a.Original, []byte(text)) {
					t.Errorf("%s: %s is not what the publisher has", name, item.Name)
				}
			case a.SigFile:
				if !bytes.Equal(a.Signature, []byte(text)) {
					t.Errorf("%s: the signature of %s is not what the publisher has", name, item.Name)
				}
			}
		}
		if a.SigFile != item.File+".asc" || len(a.Signature) == 0 || len(a.Sums) == 0 {
			t.Errorf("%s: %s lacks what stands beside it", name, item.Name)
		}
	}
	if len(list.Items) != documents {
		t.Fatalf("%s: got %v", name, plainNames(list))
	}
	for _, item := range list.Items {
		check(item, f.get(item))
	}

	served := map[string]string{}
	for path, text := range files {
		if path == "provider-metadata.json" { // the site is on loopback
			for _, host := range []string{"https://vendor.example", "https://schwarz-informatik.at/.well-known/csaf"} {
				text = strings.ReplaceAll(text, host, "{}")
			}
		}
		served["/"+path] = text
	}
	s := newSite(t, "/provider-metadata.json", nil)
	for path, text := range served {
		if path == "/provider-metadata.json" {
			s.put(path, text)
			continue
		}
		s.Put(path, []byte(text))
	}
	online := s.list(nil)
	wantList(t, plainNames(online), plainNames(list)...)
	if len(online.Keys) != len(list.Keys) {
		t.Errorf("%s: got %d keys over the network and %d from the folder", name, len(online.Keys), len(list.Keys))
	}
	for _, item := range online.Items {
		check(item, s.get(item, layout.Validators{}))
	}
}
