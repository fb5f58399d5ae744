package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"patchferry/layout/durable"
)

// KeyDir is the operator's directory of public keys. Every file in it whose
// name ends in ".asc" is part of the keyring; a PinFile beside them says which
// of the keys count. A key that is added proves nothing by being there.
//
// A reader sees a file before or after a change. Changes wait for each other,
// also those of the PinFile in the same directory.
type KeyDir struct {
	Path string
}

// Added says what became of a certificate that was added to a KeyDir.
type Added string

// The outcomes of KeyDir.Add.
const (
	AddedNew     Added = "new"     // it was not there before
	AddedMerged  Added = "merged"  // what it says that was not known joined the version that was there
	AddedPresent Added = "present" // it says nothing that was not there already
)

// File returns the path under which Add keeps a certificate.
func (d KeyDir) File(f Fingerprint) string {
	// A colon, which a name of a version 3 key has, cannot stand in a file name
	// everywhere.
	return filepath.Join(d.Path, strings.ReplaceAll(f.String(), ":", "-")+".asc")
}

// Files lists the files of keys, sorted by name.
func (d KeyDir) Files() ([]string, error) {
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".asc" && !e.IsDir() {
			names = append(names, filepath.Join(d.Path, e.Name()))
		}
	}
	return names, nil
}

// Keyring reads every file. One that cannot be read is an error that names it.
func (d KeyDir) Keyring() (*Keyring, error) {
	names, err := d.Files()
	if err != nil {
		return nil, err
	}
	var rings []*Keyring
	for _, name := range names {
		ring, err := ReadKeyFile(name)
		if err != nil {
			return nil, err
		}
		rings = append(rings, ring)
	}
	return MergeKeyrings(rings...), nil
}

// ReadKeyFile reads the certificates of a file, as ReadKeyring does.
func ReadKeyFile(name string) (*Keyring, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	defer f.Close()
	ring, err := ReadKeyring(f)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", name, err)
	}
	return ring, nil
}

// Add keeps a certificate of ring in a file of its own. Where a version of it
// is there, the two are merged: an old version may hold what a new one dropped.
// It waits for other changes under way until ctx ends.
func (d KeyDir) Add(ctx context.Context, ring *Keyring, f Fingerprint) (added Added, err error) {
	unlock, err := lockDir(ctx, d.Path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	name := d.File(f)
	known, err := ReadKeyFile(name)
	added = AddedMerged
	if errors.Is(err, fs.ErrNotExist) {
		known, added, err = nil, AddedNew, nil
	}
	if err != nil {
		return "", err
	}
	if known != nil && (len(known.Fingerprints()) != 1 || known.Fingerprints()[0] != f) {
		return "", fmt.Errorf("add key %s: %s holds other certificates; give it another name", f, name)
	}
	var before, after bytes.Buffer
	if known != nil {
		if err := known.WriteCertificate(&before, f); err != nil {
			return "", err
		}
	}
	if err := MergeKeyrings(known, ring).WriteCertificate(&after, f); err != nil {
		return "", err
	}
	if bytes.Equal(before.Bytes(), after.Bytes()) {
		return AddedPresent, nil
	}
	if after.Len() > maxKeyring {
		return "", fmt.Errorf("add key %s: more than %d bytes with the version that is there", f, maxKeyring)
	}
	return added, durable.Replace(name, 0o644, after.Bytes())
}

// Remove takes away the file that Add made for a certificate. A file that is
// not there matches fs.ErrNotExist.
func (d KeyDir) Remove(ctx context.Context, f Fingerprint) (err error) {
	unlock, err := lockDir(ctx, d.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := os.Remove(d.File(f)); err != nil {
		return fmt.Errorf("remove the key: %w", err)
	}
	return durable.SyncDir(d.Path)
}
