package mirror_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
)

// largeList writes a local list of n updates of about 1.4 KB, like those of
// the real catalogs, and makes it the site's source.
func (s *site) largeList(b *testing.B, n int) {
	b.Helper()
	var list []byte
	var err error
	for i := range n {
		u := &layout.Update{
			ID: fmt.Sprintf("large:%08x-0000-4000-8000-%012x", i*2654435761&0xffffffff, i), Revision: 200,
			Type: layout.Software, KB: fmt.Sprint(1_000_000 + i), Classification: "security_update", Severity: "Important",
			Title:       fmt.Sprintf("2026-11 Cumulative Update for Windows 10 Version 1809 for x64-based Systems (KB%d)", 1_000_000+i),
			Description: fmt.Sprintf("%0300d", i),
			Products:    []string{"Windows 10, version 1903 and later", "Windows 10 LTSB"},
			OS:          []layout.OS{"windows10-1809"}, Arch: []layout.Arch{"x64"}, Released: "2026-11-10",
			CVEs:       []string{"CVE-2026-10001", "CVE-2026-10002", "CVE-2026-10003"},
			Supersedes: []string{"5000001", "5000002", "5000003"},
			SupportURL: fmt.Sprintf("https://support.example/help/%d", 1_000_000+i),
		}
		name := fmt.Sprintf("windows10.0-kb%d-x64_%s.msu", 1_000_000+i, sha1Of([]byte(u.ID)))
		u.Files = []layout.File{{Name: name, Size: 30_000_000, SHA1: sha1Of([]byte(u.ID)), SHA256: layout.DigestOf([]byte(u.ID)), URL: "https://download.example/d/msdownload/update/software/secu/2026/11/" + name}}
		if list, err = layout.AppendLine(list, u); err != nil {
			b.Fatal(err)
		}
	}
	path := filepath.Join(b.TempDir(), "large.jsonl")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		b.Fatal(err)
	}
	s.Sources = []mirror.Source{s.source("large", "", "download.example")}
	s.Sources[0].Path = path
	b.ReportMetric(float64(len(list))/float64(n), "bytes/update")
}

// BenchmarkSyncOfALargeList reads a list of 100,000 updates for the first time
// and publishes the catalog, without content.
func BenchmarkSyncOfALargeList(b *testing.B) {
	const updates = 100_000
	for b.Loop() {
		s := newSite(b)
		s.largeList(b, updates)
		begin := time.Now()
		s.sync(mirror.SyncOptions{MetadataOnly: true})
		b.ReportMetric(time.Since(begin).Seconds(), "s/first-sync")
		begin = time.Now()
		s.sync(mirror.SyncOptions{MetadataOnly: true})
		b.ReportMetric(time.Since(begin).Seconds(), "s/idle-sync")
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(mem.Sys)/(1<<20), "MiB-sys")
	}
}

// BenchmarkBulletins syncs 3,000 signed documents of a source that answers at
// once, then once more with nothing new.
func BenchmarkBulletins(b *testing.B) {
	const documents = 3000
	for b.Loop() {
		p := newPublisher(b, true)
		for i := range documents {
			p.press.print(fmt.Sprintf("%04d", i), p.clearSigned(fmt.Sprintf("MS04-%d 83%d Critical 2004-04-13", i, i)), nil)
		}
		begin := time.Now()
		p.sync(mirror.SyncOptions{})
		b.ReportMetric(documents/time.Since(begin).Seconds(), "documents/s")
		begin = time.Now()
		p.sync(mirror.SyncOptions{})
		b.ReportMetric(time.Since(begin).Seconds(), "s/idle-sync")
	}
}
