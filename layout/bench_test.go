package layout_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"patchferry/layout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bigCatalog makes a catalog of n updates of about 1.4 KB a line, the size of
// real ones.
func bigCatalog(b *testing.B, n int) []byte {
	b.Helper()
	var buf bytes.Buffer
	w, err := layout.NewCatalogWriter(&buf)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	for i := range n {
		u := sample(b)
		u.ID = fmt.Sprintf("test:%08d", i)
		u.Description = fmt.Sprintf("%d %s", i*7919, strings.Repeat("what the update does ", 15))
		u.Files[0].SHA256 = layout.DigestOf([]byte(u.ID))
		u.Files = append(u.Files, layout.File{Name: u.ID + ".cab", URL: "https://example.net/update/software/secu/2015/07/" + u.ID + ".cab"})
		if dst, err = layout.AppendLine(dst[:0], u); err != nil {
			b.Fatal(err)
		}
		if err := w.WriteLine(dst); err != nil {
			b.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(sum.PlainBytes)/float64(n), "bytes/line")
	return buf.Bytes()
}

const benchLines = 5000

func BenchmarkCatalogLines(b *testing.B) {
	in := bigCatalog(b, benchLines)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range layout.CatalogLines(bytes.NewReader(in), layout.Limits{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(benchLines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkCatalogUpdates(b *testing.B) {
	in := bigCatalog(b, benchLines)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range layout.Catalog(bytes.NewReader(in), layout.Limits{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(benchLines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkAppendLine(b *testing.B) {
	u := sample(b)
	var dst []byte
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = layout.AppendLine(dst[:0], u); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComplete(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		u := layout.Update{ID: "x:1", Files: []layout.File{{Name: "WindowsServer2003.WindowsXP-KB925876-v2-x64-JPN.exe",
			URL: "http://example.net/download/4/f/a/WindowsServer2003.WindowsXP-KB925876-v2-x64-JPN.exe"}}}
		layout.Complete(&u)
		u.Folder = layout.ProposeFolder(&u)
		layout.NameEntries(&u)
	}
}
