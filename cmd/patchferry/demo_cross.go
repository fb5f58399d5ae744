package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"patchferry/verify"
)

// demoVolume is how large the volumes of the first bundle are: small, so that
// there are several.
const demoVolume = "10MB"

// demoSite is the name of the far side.
const demoSite = "plant"

// Public keys that go over the gap on the disk: two with the first bundle, and
// the far side's own when the disk goes back.
const (
	originFile    = "origin.asc"
	publisherFile = "publisher.asc"
	siteFile      = "site.asc"
)

// export writes the first bundle and puts beside it the public keys that the
// far side needs.
func (d *demo) export(ctx context.Context) error {
	if err := os.Mkdir(d.disk, 0o755); err != nil {
		return err
	}
	d.step("The far side has no network; what it gets is carried. Export to a disk, in volumes, with the public keys beside it.")
	if err := d.do(ctx, d.near, "export", "--to", d.disk, "--volume-size", demoVolume); err != nil {
		return err
	}
	keys := filepath.Join(d.near.dir, "keys")
	err := errors.Join(
		d.copyFile(d.near, filepath.Join(keys, originFile), filepath.Join(d.disk, originFile)),
		d.copyFile(d.near, filepath.Join(keys, string(d.publisher.Fingerprint())+".asc"), filepath.Join(d.disk, publisherFile)))
	if err != nil {
		return err
	}
	return d.exported()
}

// exported counts the bundle that was just written.
func (d *demo) exported() error {
	d.report.Bundles++
	volumes, err := filepath.Glob(filepath.Join(d.bundle(), "vol-*"))
	if err != nil || len(volumes) == 0 {
		return errors.Join(fmt.Errorf("export left no volume in %s", d.bundle()), err)
	}
	d.report.Volumes += len(volumes)
	return nil
}

// bundle returns the folder of the newest bundle.
func (d *demo) bundle() string {
	return filepath.Join(d.disk, fmt.Sprintf("main-e001-s%06d", d.report.Bundles))
}

// copyFile shows cp at the prompt of a machine, and does what it would.
func (d *demo) copyFile(m machine, from, to string) error {
	d.say("   %s$ cp %s %s", m.name, shellWord(from), shellWord(to))
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// initFar sets up the far side, which believes the origin whose fingerprint is
// typed, and then the publisher.
func (d *demo) initFar(ctx context.Context) error {
	ring, err := verify.ReadKeyFile(filepath.Join(d.near.dir, "keys", originFile))
	if err != nil {
		return err
	}
	d.step("Set up the far side. The fingerprint of the origin was read out by telephone, as init near printed it above;\n   the key that came on the disk must have it. The publisher's key is pinned here as well: each side believes for itself.")
	if err := d.do(ctx, d.far, "init", "far", "--dir", d.far.dir, "--name", demoSite, "--origin-key", filepath.Join(d.disk, originFile),
		"--fingerprint", ring.Fingerprints()[0].Grouped(), "--no-passphrase"); err != nil {
		return err
	}
	if err := d.acceptReports(); err != nil {
		return fmt.Errorf("let the far side take reports: %w", err)
	}
	d.say("\n   The demo has switched on in its configuration that hosts may report what they installed: accept = true below [reports].\n   In a terminal of the far side, type once:")
	d.settle(d.far)
	if err := d.do(ctx, d.far, "key", "add", filepath.Join(d.disk, publisherFile)); err != nil {
		return err
	}
	return d.pin(ctx, d.far)
}

// acceptReports lets the far side take what hosts report, as an operator would with
// an editor.
func (d *demo) acceptReports() error {
	written, err := os.ReadFile(d.far.config)
	if err != nil {
		return err
	}
	return os.WriteFile(d.far.config, append(written, "\n[reports]\naccept = true\n"...), 0o644)
}

// crossOver imports the first bundle, which nobody sees but the hosts that test.
func (d *demo) crossOver(ctx context.Context) error {
	d.step("Import: every signature and every byte is checked before anything enters the store. What came is in the ring test alone.")
	if err := d.do(ctx, d.far, "import", d.disk, "--receipt", d.disk); err != nil {
		return err
	}
	if err := d.copyFile(d.far, filepath.Join(d.far.dir, "keys", siteFile), filepath.Join(d.disk, siteFile)); err != nil {
		return err
	}
	return d.do(ctx, d.far, "status")
}

// acknowledge has the near side note the receipt that the disk has brought back,
// once it believes the far side, whose fingerprint is typed.
func (d *demo) acknowledge(ctx context.Context) error {
	ring, err := verify.ReadKeyFile(filepath.Join(d.far.dir, "keys", siteFile))
	if err != nil {
		return err
	}
	d.step("The disk went back, with the receipt. It counts by the far side's key, whose fingerprint was read out by telephone.\n   Then export the difference: bundle 1 has arrived.")
	for _, typed := range [][]string{
		{"key", "add", filepath.Join(d.disk, siteFile)},
		{"key", "pin", ring.Fingerprints()[0].Grouped(), "--purpose", "destination", "--source", demoSite},
		{"receipt", "apply", filepath.Join(d.disk, "RECEIPT-"+demoSite+"-000001.json")},
	} {
		if err := d.do(ctx, d.near, typed...); err != nil {
			return err
		}
	}
	return nil
}

// promote releases what came, ring by ring.
func (d *demo) promote(ctx context.Context) error {
	d.step("The hosts that test are content, then those of the pilot: release it, ring by ring. What was announced sets deadlines, here too.")
	if err := d.release(ctx); err != nil {
		return err
	}
	return d.do(ctx, d.far, "status", "--due")
}

func (d *demo) release(ctx context.Context) error {
	if err := d.do(ctx, d.far, "promote", "pilot"); err != nil {
		return err
	}
	return d.do(ctx, d.far, "promote", "production")
}
