package bulletins_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream/bulletins"
	"patchferry/mirror/upstream/parsetest"
)

// TestFolderOfRealDocuments lists real documents: each that is judged elsewhere
// must be found, with its own signature beside it and no other. Where that is
// itself a signed text, damaged or not, it is the document.
func TestFolderOfRealDocuments(t *testing.T) {
	dir := filepath.Join(parsetest.Corpora(t), "signed")
	table, err := os.ReadFile(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "corpora") {
			t.Fatal("needs the corpora, as PATCHFERRY_REQUIRE says")
		}
		t.Skip("SKIP: needs the corpora")
	}
	f := &bulletins.Folder{Path: dir}
	l := list(t, f, nil)
	if len(l.Problems) > 0 {
		t.Errorf("got problems %q", problems(l))
	}
	items := map[string]layout.Announced{}
	for _, item := range l.Items {
		items[item.Name] = item
	}
	documents := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(fields) < 2 {
			continue
		}
		documents++
		item, found := items[fields[0]]
		if _, itself := items[fields[1]]; !found && itself {
			continue
		}
		if !found {
			t.Errorf("%s is not listed", fields[0])
			continue
		}
		a, err := f.Get(t.Context(), item, layout.Validators{})
		if err != nil {
			t.Error(err)
			continue
		}
		if want, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(fields[0]))); err != nil || !bytes.Equal(a.Original, want) {
			t.Errorf("%s has other bytes (%v)", fields[0], err)
		}
		var want []byte
		if fields[1] != "" && !strings.HasPrefix(fields[1], "block ") {
			if want, err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(fields[1]))); err != nil {
				t.Fatal(err)
			}
		}
		if _, itself := items[fields[1]]; itself {
			want = nil // a clear-signed text beside its text is judged as it is
		}
		if !bytes.Equal(a.Signature, want) {
			t.Errorf("%s has another signature than %q", fields[0], fields[1])
		}
	}
	if documents == 0 {
		t.Error("the table has no documents")
	}
	t.Logf("%d documents of the table among %d listed, %d files of keys", documents, len(l.Items), len(l.Keys))
}
