package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/verify"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "List, add, pin and remove trusted keys, and rotate the origin's own",
		Long: `The keys that count. A key file in the directory keys proves nothing: a key is
believed when its full fingerprint is pinned, for one purpose. The fingerprint is
typed from a second source (a letter, a telephone call, a book), never copied from
where the key came from.`,
	}
	group(cmd)
	cmd.AddCommand(a.keyListCommand(), a.keyAddCommand(), a.keyPinCommand(), a.keyRemoveCommand(), a.keyRotateCommand())
	return cmd
}

// purposes lists what keys are pinned for.
func purposes() []verify.Purpose {
	return []verify.Purpose{verify.PurposeBulletin, verify.PurposeOrigin, verify.PurposeDestination, verify.PurposeSite}
}

// certificateReport is a certificate in JSON (docs/json.md).
type certificateReport struct {
	Fingerprint verify.Fingerprint `json:"fingerprint"`
	UserIDs     []string           `json:"user_ids"`
	Algorithm   string             `json:"algorithm"`
	Bits        int                `json:"bits,omitempty"`
	Created     layout.Time        `json:"created,omitzero"`
	Expires     layout.Time        `json:"expires,omitzero"`
	Revoked     bool               `json:"revoked"`
	RevokedAt   layout.Time        `json:"revoked_at,omitzero"`
	Compromised bool               `json:"compromised,omitempty"` // revoked so, or without a reason; else it was retired
	MD5         string             `json:"md5,omitempty"`         // of a version 3 key
}

func reportCertificate(c verify.CertificateInfo) certificateReport {
	return certificateReport{
		Fingerprint: c.Fingerprint, UserIDs: append([]string{}, c.Names...), Algorithm: c.Algorithm, Bits: c.Bits,
		Created: c.Created, Expires: c.Expires, Revoked: c.Revoked, RevokedAt: c.RevokedAt, Compromised: c.Compromised, MD5: c.MD5,
	}
}

// problem says what is wrong with the certificate for a purpose, or "". Only
// bulletins may be older than the end of their key.
func (c *certificateReport) problem(p verify.Purpose, now time.Time) string {
	kept := "; what it signed before stays valid"
	if p != verify.PurposeBulletin {
		kept = "; nothing that it signed is accepted any more"
	}
	switch {
	case c.Compromised:
		return "revoked by its owner on " + day(c.RevokedAt) + " as compromised, or without a reason: nothing that it signed counts"
	case c.Revoked:
		return "retired by its owner on " + day(c.RevokedAt) + kept
	case !c.Expires.IsZero() && !now.Before(c.Expires.Time()):
		return "expired on " + day(c.Expires) + kept
	}
	return ""
}

// lines describes the certificate for people.
func (c *certificateReport) lines(now time.Time) []string {
	var out []string
	for _, name := range some(c.UserIDs, 8) {
		out = append(out, printable(name))
	}
	about := c.Algorithm
	if c.Bits > 0 {
		about += fmt.Sprintf(" %d bits", c.Bits)
	}
	about += ", made " + day(c.Created)
	switch {
	case c.Expires.IsZero():
		about += ", never expires"
	case now.Before(c.Expires.Time()):
		about += ", expires " + day(c.Expires)
	default:
		about += ", expired " + day(c.Expires)
	}
	out = append(out, about)
	if c.MD5 != "" {
		out = append(out, "MD5 fingerprint "+c.MD5+" (for comparing with old books only: it can be forged)")
	}
	return out
}

// some returns at most n of the names, with a word for the rest: whoever makes a
// certificate can give it a thousand.
func some(names []string, n int) []string {
	if len(names) <= n {
		return names
	}
	return append(slices.Clone(names[:n]), fmt.Sprintf("… and %d more", len(names)-n))
}

func day(t layout.Time) string { return t.Time().UTC().Format(time.DateOnly) }

// keyStore is what a configuration has of keys: those in its directory, the
// pins, and those that sources offered.
type keyStore struct {
	dir   verify.KeyDir
	pins  verify.PinFile
	rings map[string]*verify.Keyring // by file
	files []string                   // of rings, sorted
	bad   map[string]error           // files that cannot be read
	found []foundKeys
}

// foundKeys is a file of certificates that a source offered.
type foundKeys struct {
	source, file string
	ring         *verify.Keyring
}

// openKeys reads the keys of a configuration. A file that cannot be read hides
// no other one.
func openKeys(c *config.Config) (*keyStore, error) {
	s := &keyStore{
		dir: keyDir(c), pins: verify.PinFile{Path: c.KeyFile(pinsName)},
		rings: make(map[string]*verify.Keyring), bad: make(map[string]error),
	}
	names, err := s.dir.Files()
	if err != nil {
		return nil, withHint(err, "%s makes keys and pins; or point keys at theirs", initCommand(c))
	}
	for _, name := range names {
		ring, err := verify.ReadKeyFile(name)
		if err != nil {
			s.bad[name] = err
			continue
		}
		s.rings[name], s.files = ring, append(s.files, name)
	}
	return s, s.readFound(c)
}

// readFound reads the certificates that sync left beside what it knows of each
// source.
func (s *keyStore) readFound(c *config.Config) error {
	for i := range c.Sources {
		name := c.Sources[i].Name
		dir := verify.KeyDir{Path: c.WorkFile(filepath.Join("sources", name, "keys"))}
		files, err := dir.Files()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, file := range files {
			ring, err := verify.ReadKeyFile(file)
			if err != nil {
				s.bad[file] = err
				continue
			}
			s.found = append(s.found, foundKeys{source: name, file: file, ring: ring})
		}
	}
	return nil
}

// ring returns all keys in the directory.
func (s *keyStore) ring() *verify.Keyring {
	var rings []*verify.Keyring
	for _, name := range s.files {
		rings = append(rings, s.rings[name])
	}
	return verify.MergeKeyrings(rings...)
}

// offered returns all keys that sources offered.
func (s *keyStore) offered() *verify.Keyring { return s.offeredAt("") }

// offeredAt returns the keys that one source offered, all of them for "".
func (s *keyStore) offeredAt(source string) *verify.Keyring {
	var rings []*verify.Keyring
	for _, f := range s.found {
		if source == "" || f.source == source {
			rings = append(rings, f.ring)
		}
	}
	return verify.MergeKeyrings(rings...)
}

// offeredBy returns the sources that offered a certificate.
func (s *keyStore) offeredBy(f verify.Fingerprint) []string {
	var names []string
	for _, found := range s.found {
		if has(found.ring, f) && !slices.Contains(names, found.source) {
			names = append(names, found.source)
		}
	}
	return names
}

// filesOf returns the files in the directory that hold a certificate.
func (s *keyStore) filesOf(f verify.Fingerprint) []string {
	var names []string
	for _, name := range s.files {
		if has(s.rings[name], f) {
			names = append(names, name)
		}
	}
	return names
}

// loadPins reads the pins; a missing file has none.
func (s *keyStore) loadPins() (*verify.Pins, error) {
	pins, err := s.pins.Load()
	if errors.Is(err, os.ErrNotExist) {
		return &verify.Pins{}, nil
	}
	return pins, err
}

func has(ring *verify.Keyring, f verify.Fingerprint) bool {
	return slices.Contains(ring.Fingerprints(), f)
}

// find returns what a ring says of a certificate.
func find(ring *verify.Keyring, f verify.Fingerprint) *certificateReport {
	for _, c := range ring.Certificates() {
		if c.Fingerprint == f {
			r := reportCertificate(c)
			return &r
		}
	}
	return nil
}

// typedFingerprint reads a fingerprint from the words of a command line, into
// which its blanks have split it, and helps whoever mistyped it.
func (s *keyStore) typedFingerprint(words []string) (verify.Fingerprint, error) {
	f, err := verify.ParseFingerprint(strings.Join(words, " "))
	if err != nil {
		return "", withHint(usageError("fingerprint: %w", err), "%s", s.typingHint(err))
	}
	all := verify.MergeKeyrings(s.ring(), s.offered())
	primary, isSubkey := all.PrimaryOf(f)
	if isSubkey && !has(all, f) {
		return "", withHint(usageError("fingerprint: %s is that of a subkey of %s", f.Grouped(), primary.Grouped()),
			"compare the primary key's fingerprint with a second source and type that one; it stands for all of its subkeys")
	}
	return f, nil
}

// typingHint says where to look for the right digits.
func (s *keyStore) typingHint(err error) string {
	hint := "read the digits again from where they are printed"
	typed, ok := errors.AsType[*verify.FingerprintError](err)
	if !ok {
		return hint
	}
	digits := string(typed.Suggestion)
	if digits == "" {
		digits = strings.ToUpper(strings.Join(strings.Fields(typed.Input), ""))
	}
	if key := find(verify.MergeKeyrings(s.ring(), s.offered()), typed.Suggestion); key != nil {
		return "a key with the suggested fingerprint is here (" + printable(strings.Join(key.UserIDs, ", ")) + "); compare it with a second source, and type it"
	}
	if len(digits) == 32 {
		return "patchferry key add FILE shows the v3sha256 of such a key beside its MD5 fingerprint; compare the one, type the other"
	}
	if k, ok := verify.DocumentedIssuer(digits[max(0, len(digits)-16):]); ok {
		return "that looks like the key of " + k.Owner + "; patchferry key list --documented says where it is documented"
	}
	return hint
}
