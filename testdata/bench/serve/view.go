package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"patchferry/distribute"
	"patchferry/layout"
)

const viewUpdates = 250_000

var viewMeta = distribute.ViewMeta{State: 1, Generation: 1, Digest: layout.DigestOf([]byte("bench"))}

// measureView starts a process that makes a view from a catalog of 250,000
// updates of 1.4 KB, then one that reads the index file the first one left.
func measureView(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "patchferry-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeCatalog(filepath.Join(dir, "catalog.zst")); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, role := range [...]string{"cold", "warm"} {
		start := time.Now()
		out, err := exec.CommandContext(ctx, self, "-role", role, "-dir", dir).Output()
		if err != nil {
			return fmt.Errorf("%s start: %w", role, err)
		}
		fmt.Printf("250,000 updates, %s start: %.2f s, %s", role, time.Since(start).Seconds(), out)
	}
	fmt.Println("wanted: cold < 20 s, warm < 3 s, memory < 300 MiB")
	return nil
}

func startView(_ context.Context, role, dir string) error {
	debug.SetGCPercent(40) // as patchferry serve does while it makes a view
	index := filepath.Join(dir, "index")
	var view *distribute.View
	var err error
	if role == "cold" {
		view, err = distribute.BuildView(viewMeta, readCatalog(filepath.Join(dir, "catalog.zst")))
	} else {
		view, err = readIndex(index)
	}
	if err != nil {
		return err
	}
	peak, err := statusMB(os.Getpid(), "VmHWM:")
	if err != nil {
		return err
	}
	fmt.Printf("%d files, at most %.0f MiB resident\n", view.Counts().Files, peak*1e6/(1<<20))
	if role != "cold" {
		return nil
	}
	f, err := os.Create(index)
	if err != nil {
		return err
	}
	if _, err := view.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

func readIndex(path string) (*distribute.View, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return distribute.ReadView(f, viewMeta.Key())
}

// writeCatalog writes JSON lines like those of a catalog.
func writeCatalog(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewChaCha8([32]byte{}))
	for i := range viewUpdates {
		line, err := json.Marshal(sampleUpdate(rng, i))
		if err != nil {
			return err
		}
		if _, err := z.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

func sampleUpdate(rng *rand.Rand, i int) *layout.Update {
	var d layout.Digest
	for j := range d {
		d[j] = byte(rng.Uint32())
	}
	kb := fmt.Sprint(100000 + i)
	languages := [...]string{"EN", "DE", "FR", "JA", "ZHCN", "PTBR"}
	lang := languages[i%len(languages)]
	name := fmt.Sprintf("WindowsXP-KB%s-x86-%s_%x.exe", kb, lang, d[:20])
	return &layout.Update{
		ID: fmt.Sprintf("wsus:%08d-%x-%x", i, d[:4], d[4:10]), Revision: 200, Type: layout.Software, KB: kb,
		Title:       "Security Update for Windows XP (KB" + kb + ")",
		Description: strings.Repeat("A security issue has been identified that could allow an attacker to compromise your computer. ", 5),
		OS:          []layout.OS{"windowsxp", "windowsxp-sp2"}, Arch: []layout.Arch{"x86"}, Language: layout.Language(lang),
		Classification: "security_update", Severity: "Critical", Released: "2004-04-13", Bulletins: []string{"MS04-011"},
		Files: []layout.File{{Name: name, Size: 1 << 20, SHA256: d, SHA1: layout.SHA1(d[:20]), Held: true,
			URL:      "http://download.windowsupdate.com/msdownload/update/software/secu/2004/04/" + name,
			Modified: layout.At(fileTime), Evidence: []layout.Evidence{{Grade: layout.GradeChannel, Algorithm: "sha1", Weak: true, By: "https://example.com/list"}}}},
		Folder: fmt.Sprintf("Software/%s/com_microsoft.windowsxp/x86winxp/com_microsoft.KB%s_XP_SP3_%010d", lang, kb, rng.Uint32()),
	}
}

func readCatalog(path string) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			yield(nil, err)
			return
		}
		defer z.Close()
		lines := bufio.NewScanner(io.Reader(z))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var u layout.Update
			err := json.Unmarshal(lines.Bytes(), &u)
			if !yield(&u, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, err)
		}
	}
}
