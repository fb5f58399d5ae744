package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/mirror"
)

// visits is the host's part, on the first day and on the next, with what
// happens in between.
func (d *demo) visits(ctx context.Context, url string) error {
	h := newHost(url)
	defer h.client.CloseIdleConnections()
	if err := d.visit(ctx, h); err != nil {
		return err
	}
	changed, wrong, err := d.syncWrong(ctx)
	if err != nil {
		return err
	}
	if err := d.increment(ctx); err != nil {
		return err
	}
	if err := d.tamper(ctx); err != nil {
		return err
	}
	d.step("The disk itself is as it was written: import it, and release it. The server follows within a second.")
	if err := d.do(ctx, d.far, "import", d.bundle()); err != nil {
		return err
	}
	if err := d.release(ctx); err != nil {
		return err
	}
	return d.revisit(ctx, h, changed, wrong)
}

// syncWrong lets the publisher change two things: a file that changes in place,
// whose new version is captured, and a new file that is not what its list
// states, which must be refused and must not disturb anything else.
func (d *demo) syncWrong(ctx context.Context) (changed, wrong sample.File, err error) {
	changed = d.publisher.ReplaceInPlace()[0]
	if wrong, err = d.publisher.AddWrong(); err != nil {
		return changed, wrong, err
	}
	d.step("The next day the publisher replaces %s, as it does by design,\n   and lists a new file, %s, whose bytes are not those it states.", changed.Name, wrong.Name)
	err = d.do(ctx, d.near, "sync")
	if !errors.Is(err, mirror.ErrPartial) {
		return changed, wrong, errors.Join(fmt.Errorf("sync of the wrong file %s: want it refused", wrong.Name), err)
	}
	d.say("   Refused: %s stays listed and was not admitted. Sync itself ends with exit status %d.", wrong.Name, exitPart)
	return changed, wrong, nil
}

// increment writes the second bundle.
func (d *demo) increment(ctx context.Context) error {
	d.step("Export the difference: bundle 1 has arrived.")
	if err := d.do(ctx, d.near, "export", "--to", d.disk, "--since", "1"); err != nil {
		return err
	}
	return d.exported()
}

// tamper flips one byte of a payload file on a copy of the disk. The far side
// must refuse the copy, and be as it was.
func (d *demo) tamper(ctx context.Context) error {
	d.step("On a copy of the disk somebody changes one byte of one file.")
	copied := filepath.Join(d.dir, "tampered")
	d.say("   far$ cp -r %s %s", shellWord(d.bundle()), shellWord(copied))
	if err := os.CopyFS(copied, os.DirFS(d.bundle())); err != nil {
		return err
	}
	if err := d.flip(copied); err != nil {
		return err
	}
	if err := d.refuses(ctx, d.far, exitUntrusted, "import", copied); err != nil {
		return err
	}
	d.report.Tampered++
	d.say("   Refused: import ends with exit status %d, and hosts have what they had.", exitUntrusted)
	return nil
}

// flip flips the lowest bit of the byte in the middle of the largest payload
// file below dir, and shows what would do the same at a prompt.
func (d *demo) flip(dir string) error {
	name, size, err := largest(dir)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	at := size / 2
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, at); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	one[0] ^= 1
	if _, err := f.WriteAt(one, at); err != nil {
		return fmt.Errorf("change %s: %w", name, err)
	}
	d.say(`   far$ printf '\%03o' | dd conv=notrunc status=none bs=1 seek=%d of=%s`, one[0], at, shellWord(name))
	return nil
}

// largest finds the largest object below dir.
func largest(dir string) (name string, size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(filepath.ToSlash(path), "/objects/") {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Size() > size {
			name, size = path, info.Size()
		}
		return err
	})
	if err == nil && name == "" {
		err = fmt.Errorf("%s has no payload", dir)
	}
	return name, size, err
}
