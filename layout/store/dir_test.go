package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newDir makes a store in a new folder.
func newDir(t testing.TB) *store.Dir {
	t.Helper()
	return openDir(t, store.CreateDir, t.TempDir())
}

func openDir(t testing.TB, open func(string) (*store.Dir, error), folder string) *store.Dir {
	t.Helper()
	d, err := open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// stageFile makes a file in the stage, open for writing.
func stageFile(t testing.TB, d *store.Dir, name string, data []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(d.StageDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return f
}

func putStaged(t testing.TB, d *store.Dir, data []byte) error {
	t.Helper()
	f := stageFile(t, d, "put", data)
	err := d.Put(t.Context(), layout.DigestOf(data), int64(len(data)), f)
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func TestDirSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return newDir(t) })
}

func TestCreateDir(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "parent", "store")
	first := openDir(t, store.CreateDir, folder)
	if err := first.Create(t.Context(), 1, []byte("state 1")); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(string) (*store.Dir, error){"create": store.CreateDir, "open": store.OpenDir} {
		again := openDir(t, open, folder)
		if n, err := again.Newest(t.Context()); n != 1 || err != nil {
			t.Errorf("%s again: got newest %d, %v, want 1", name, n, err)
		}
	}
	// The format of the folder: a change of it is a new version.
	for name, want := range map[string]string{
		"format":                `{"format":"patchferry-store","version":1}` + "\n",
		"states/0000000001.asc": "state 1",
	} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestOpenDirRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, folder string)
		want    error  // of OpenDir; nil is any
		says    string // by OpenDir
		creates bool   // CreateDir succeeds
	}{
		{"missing", func(t *testing.T, folder string) { check(t, os.Remove(folder)) }, fs.ErrNotExist, "patchferry init", true},
		{"empty", func(t *testing.T, folder string) {}, store.ErrNoStore, "patchferry init", true},
		{"half made", func(t *testing.T, folder string) {
			check(t, os.Mkdir(filepath.Join(folder, "objects"), 0o755))
		}, store.ErrNoStore, "patchferry init", true},
		{"other files", func(t *testing.T, folder string) {
			check(t, os.WriteFile(filepath.Join(folder, "photo.jpg"), nil, 0o644))
		}, store.ErrNoStore, "patchferry init", false},
		{"a file", func(t *testing.T, folder string) {
			check(t, errors.Join(os.Remove(folder), os.WriteFile(folder, nil, 0o644)))
		}, nil, "", false},
		{"other format", func(t *testing.T, folder string) {
			check(t, os.WriteFile(filepath.Join(folder, "format"), []byte("{}"), 0o644))
		}, store.ErrNoStore, "not ours", false},
		{"newer format", func(t *testing.T, folder string) {
			doc := []byte(`{"format":"patchferry-store","version":2}`)
			check(t, os.WriteFile(filepath.Join(folder, "format"), doc, 0o644))
		}, nil, "newer patchferry", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "store")
			check(t, os.Mkdir(folder, 0o755))
			tt.prepare(t, folder)
			_, err := store.OpenDir(folder)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("open: got error %v, want %v, saying %q", err, tt.want, tt.says)
			}
			d, err := store.CreateDir(folder)
			if (err == nil) != tt.creates {
				t.Errorf("create: got error %v, want success: %v", err, tt.creates)
			}
			if err == nil {
				check(t, d.Close())
			}
		})
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDirLinksStagedFile: what lies in the stage is admitted without a copy and
// is read-only from then on; what does not is copied.
func TestDirLinksStagedFile(t *testing.T) {
	d := newDir(t)
	data := []byte("staged")
	staged := stageFile(t, d, "download", data)
	check(t, os.Mkdir(filepath.Join(d.StageDir(), "deep"), 0o755))
	deepData := []byte("deep in the stage")
	deep := stageFile(t, d, "deep/download", deepData)
	outsideData := []byte("outside, under the name of a staged file")
	outside, err := os.Create(filepath.Join(t.TempDir(), "download"))
	check(t, err)
	defer func() { _ = outside.Close() }()
	_, err = outside.Write(outsideData)
	check(t, err)

	aliasData := []byte("staged, by another path")
	alias := stageFile(t, d, "alias", aliasData)
	detour := filepath.Join(t.TempDir(), "detour")
	if err := os.Symlink(d.StageDir(), detour); err == nil {
		alias, err = os.OpenFile(filepath.Join(detour, "alias"), os.O_RDWR, 0)
		check(t, err)
		defer func() { _ = alias.Close() }()
	}

	tests := []struct {
		name   string
		file   *os.File
		data   []byte
		linked bool
	}{
		{"staged", staged, data, true},
		{"staged, by another path", alias, aliasData, true},
		{"deep in the stage", deep, deepData, true},
		{"outside", outside, outsideData, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			digest := layout.DigestOf(tt.data)
			check(t, d.Put(t.Context(), digest, int64(len(tt.data)), tt.file))
			object, err := d.File(t.Context(), digest)
			check(t, err)
			defer func() { _ = object.Close() }()
			info, err := object.Stat()
			check(t, err)
			from, err := tt.file.Stat()
			check(t, err)
			if got := os.SameFile(info, from); got != tt.linked {
				t.Errorf("linked: got %v, want %v", got, tt.linked)
			}
			if info.Mode().Perm()&0o222 != 0 {
				t.Errorf("mode: got %v, want read-only", info.Mode())
			}
			if got := readObject(t, d, digest); got != string(tt.data) {
				t.Errorf("object: got %q, want %q", got, tt.data)
			}
		})
	}
}

func TestDirDamagedObject(t *testing.T) {
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	data := []byte("whole")
	name := filepath.Join(folder, filepath.FromSlash(store.ObjectKey(layout.DigestOf(data))))
	check(t, os.MkdirAll(filepath.Dir(name), 0o755))
	check(t, os.WriteFile(name, data[:3], 0o644))
	if err := putStaged(t, d, data); err == nil || !strings.Contains(err.Error(), "patchferry audit") {
		t.Errorf("put over a damaged object: got error %v, want what to do", err)
	}
	check(t, os.Remove(name))
	check(t, os.Mkdir(name, 0o755))
	if _, err := d.Stat(t.Context(), layout.DigestOf(data)); err == nil {
		t.Error("stat of a folder in an object's place: no error")
	}
	if _, err := d.File(t.Context(), layout.DigestOf(data)); err == nil {
		t.Error("file of a folder in an object's place: no error")
	}
}

func TestDirRefusesHoles(t *testing.T) {
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	for n := range uint64(4) {
		check(t, d.Create(t.Context(), n+1, []byte("state")))
	}
	check(t, os.Remove(filepath.Join(folder, filepath.FromSlash(store.StateKey(2)))))
	if n, err := openDir(t, store.OpenDir, folder).Newest(t.Context()); err == nil {
		t.Errorf("newest of a log without state 2: got %d and no error", n)
	}
}

// TestDirIgnoresStrangers: names that are not ours are neither listed nor in
// the way.
func TestDirIgnoresStrangers(t *testing.T) {
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	data := []byte("object")
	check(t, putStaged(t, d, data))
	key := layout.DigestOf(data)
	shard := key.String()[:2]
	other := strings.Repeat("0", 64)
	if shard == "00" {
		other = strings.Repeat("1", 64)
	}
	for _, name := range []string{
		"states/.DS_Store", "states/0000000002.asc~", "states/2.asc", "states/0000000000.asc", "states/99999999999.asc",
		"objects/sha256/README", "objects/sha256/" + shard + "/" + strings.ToUpper(key.String()),
		"objects/sha256/" + shard + "/" + other, "objects/sha256/" + shard + "/short",
	} {
		check(t, os.WriteFile(filepath.Join(folder, filepath.FromSlash(name)), []byte("x"), 0o644))
	}
	check(t, os.MkdirAll(filepath.Join(folder, filepath.FromSlash(store.ObjectKey(layout.Digest{1}))), 0o755))
	d = openDir(t, store.OpenDir, folder)
	if n, err := d.Newest(t.Context()); n != 0 || err != nil {
		t.Errorf("newest: got %d, %v, want 0", n, err)
	}
	count := 0
	for info, err := range d.List(t.Context(), layout.Digest{}) {
		check(t, err)
		if info.Digest != key {
			t.Errorf("list: got %v", info)
		}
		count++
	}
	if count != 1 {
		t.Errorf("list: got %d objects, want 1", count)
	}
}

func TestDirSweepsStage(t *testing.T) {
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	tests := []struct {
		name string
		age  time.Duration
		goes bool
	}{
		{store.TempPrefix + "old", 25 * time.Hour, true},
		{store.TempPrefix + "young", 23 * time.Hour, false},
		{"download", 1000 * time.Hour, false},
	}
	for _, tt := range tests {
		f := stageFile(t, d, tt.name, []byte("half"))
		check(t, f.Close())
		at := time.Now().Add(-tt.age)
		check(t, os.Chtimes(f.Name(), at, at))
	}
	openDir(t, store.OpenDir, folder)
	for _, tt := range tests {
		_, err := os.Stat(filepath.Join(d.StageDir(), tt.name))
		if gone := errors.Is(err, fs.ErrNotExist); gone != tt.goes {
			t.Errorf("%s: gone: got %v, want %v", tt.name, gone, tt.goes)
		}
	}
}

// TestDirLeavesNoTemporary: after any write, won or lost, the stage is empty.
func TestDirLeavesNoTemporary(t *testing.T) {
	d := newDir(t)
	key := layout.Digest{1}
	check(t, putStaged(t, d, []byte("object")))
	check(t, putStaged(t, d, []byte("object")))
	outside, err := os.Create(filepath.Join(t.TempDir(), "outside"))
	check(t, err)
	defer func() { _ = outside.Close() }()
	check(t, d.Put(t.Context(), layout.DigestOf(nil), 0, outside))
	check(t, d.Create(t.Context(), 1, []byte("state")))
	if err := d.Create(t.Context(), 1, []byte("other")); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	check(t, d.Bind(t.Context(), key, []byte("binding")))
	if err := d.Bind(t.Context(), key, []byte("other")); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	entries, err := os.ReadDir(d.StageDir())
	check(t, err)
	for _, e := range entries {
		t.Errorf("left in the stage: %s", e.Name())
	}
}

func TestDirRefusesSymlinkOut(t *testing.T) {
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	data := []byte("elsewhere")
	outside := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(outside, data, 0o644))
	name := filepath.Join(folder, filepath.FromSlash(store.ObjectKey(layout.DigestOf(data))))
	check(t, os.MkdirAll(filepath.Dir(name), 0o755))
	if err := os.Symlink(outside, name); err != nil {
		if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "symlink") {
			t.Fatal("needs symbolic links, as PATCHFERRY_REQUIRE says")
		}
		t.Skipf("SKIP: no symbolic links here: %v", err)
	}
	if f, err := d.File(t.Context(), layout.DigestOf(data)); err == nil {
		t.Errorf("file through a symbolic link: got %s", f.Name())
	}
	if _, err := d.Stat(t.Context(), layout.DigestOf(data)); err == nil {
		t.Error("stat of a symbolic link: no error")
	}
}

// TestDirsAtOnce: two Dirs on one folder are like two processes.
func TestDirsAtOnce(t *testing.T) {
	const writers, states = 4, 20
	folder := t.TempDir()
	openDir(t, store.CreateDir, folder)
	var wg sync.WaitGroup
	won := make([][]uint64, writers)
	for i := range writers {
		d := openDir(t, store.OpenDir, folder)
		wg.Go(func() {
			for {
				n, err := d.Newest(t.Context())
				if err != nil || n >= states {
					if err != nil {
						t.Error(err)
					}
					return
				}
				err = d.Create(t.Context(), n+1, fmt.Appendf(nil, "state %d by %d", n+1, i))
				if err == nil {
					won[i] = append(won[i], n+1)
				} else if !errors.Is(err, store.ErrExists) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	d := openDir(t, store.OpenDir, folder)
	total := 0
	for i := range won {
		total += len(won[i])
		for _, n := range won[i] {
			want := fmt.Appendf(nil, "state %d by %d", n, i)
			if got, err := d.Read(t.Context(), n); err != nil || !bytes.Equal(got, want) {
				t.Errorf("state %d: got %q, %v, want %q", n, got, err, want)
			}
		}
	}
	if total != states {
		t.Errorf("states won: got %d, want %d", total, states)
	}
}
