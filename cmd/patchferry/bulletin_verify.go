package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/verify"
)

const bulletinVerifyHelp = `Check who signed each FILE, and whether that is good enough. FILE is text signed in
the clear, a mail (with any transfer encoding, or PGP/MIME), a mailbox (each message
by itself: box.mbox#3), a document with a detached signature beside it (FILE.asc or
FILE.sig, or the one that --signature names), a directory (everything in it), or - for
standard input. Files of digests beside a document (.sha256, .sha512) decide nothing;
they tell who went wrong where a signature is bad.

A document is valid when its signature is right, by a key whose full fingerprint is
pinned, and good enough for its profile. With --key the keys of these files count, and
no others: they are pinned for this run, and no configuration is needed. Without it the
pins of the configuration count.

The profile says how strictly is judged: csaf (what publishers sign today), historical
(also MD5, SHA-1, DSA and RSA of 1024 bits up to a day each, where the pin is legacy),
bundle (the strictest). Without --profile it is that of the source which --source
names, else csaf for *.json and historical for all others. With --key the old
algorithms are allowed only where --profile historical was typed.

The first word is the verdict:
  valid        right, by a pinned key, within policy
  unpinned     right, but the key is not pinned
  unknown-key  no key of the signer is here
  unsigned     there is no signature
  unsupported  a signature of a kind that this program cannot check
  malformed    the signature, or what surrounds it, cannot be read
  refused      right, but policy says no
  bad          these are not the bytes that were signed

Exit status 0 when all are valid, 4 when not all are, 1 when a file cannot be read.`

// verification is one run of bulletin verify, as it was typed.
type verification struct {
	profile, signature, source, original string
	keys                                 []string
	jobs                                 int
	show                                 bool
}

func (a *app) bulletinVerifyCommand() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify FILE…",
		Short: "Check signed bulletins, on any machine, without a store",
		Long:  bulletinVerifyHelp,
		Example: "  patchferry bulletin verify MS08-067.txt\n" +
			"  patchferry bulletin verify --key cisa.asc --json icsa-24-032-01.json\n" +
			"  patchferry bulletin verify --profile historical --key security-officer.asc advisories/",
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(args); err != nil {
				return err
			}
			judges, err := a.openJudges(cmd, &v)
			if err != nil {
				return err
			}
			return a.verifyBulletins(cmd.Context(), &v, judges, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.profile, "profile", "", "`PROFILE`: csaf, historical, bundle")
	f.StringArrayVar(&v.keys, "key", nil, "`FILE` or directory of keys that count for this run, and no others; may be repeated")
	f.StringVar(&v.signature, "signature", "", "`FILE` with the detached signature of the one document")
	f.StringVar(&v.source, "source", "", "judge as documents of the source `NAME`: its profile, and the pins for it")
	f.IntVar(&v.jobs, "jobs", 0, "`NUMBER` of documents checked at once (default: one a processor)")
	f.BoolVar(&v.show, "show", false, "print what was signed of each valid document, and nothing else of it")
	f.StringVar(&v.original, "write-original", "", "write to `FILE` the bytes that were signed, where the diagnosis of a bad signature recovers them")
	return cmd
}

// check refuses flags that do not go together.
func (v *verification) check(args []string) error {
	profiles := []verify.Profile{verify.ProfileCSAF, verify.ProfileHistorical, verify.ProfileBundle}
	switch {
	case v.profile != "" && !slices.Contains(profiles, verify.Profile(v.profile)):
		return usageError("--profile %q is none of %s", v.profile, joined(profiles))
	case v.jobs < 0:
		return usageError("--jobs %d is none: give a number from 1", v.jobs)
	case v.source != "" && len(v.keys) > 0:
		return usageError("--source takes the pins of the configuration, --key those of its files: they exclude each other")
	case (v.signature != "" || v.original != "") && len(args) != 1:
		return usageError("--signature and --write-original go with one FILE, and %d are given", len(args))
	}
	if v.jobs == 0 {
		v.jobs = runtime.GOMAXPROCS(0)
	}
	return nil
}

// judges are the judges of a run, one for each profile.
type judges struct {
	typed verify.Profile // for all documents; empty: by their names
	keys  *verify.Keyring
	pins  *verify.Pins
	of    map[verify.Profile]*verify.Judge
}

// openJudges reads the keys and pins that count for this run.
func (a *app) openJudges(cmd *cobra.Command, v *verification) (*judges, error) {
	j := &judges{typed: verify.Profile(v.profile), of: make(map[verify.Profile]*verify.Judge)}
	if len(v.keys) > 0 {
		ring, err := a.readKeyArguments(v.keys)
		if err != nil {
			return nil, err
		}
		j.keys = ring
		// Whoever types --key says whose documents these are, and not that
		// algorithms which prove nothing today are good enough.
		j.pins = verify.PinAll(ring, v.profile == string(verify.ProfileHistorical))
	} else if err := a.configuredJudges(cmd, v, j); err != nil {
		return nil, err
	}
	for _, p := range []verify.Profile{verify.ProfileCSAF, verify.ProfileHistorical, verify.ProfileBundle} {
		j.of[p] = &verify.Judge{Keys: j.keys, Pins: j.pins, Profile: p, Source: v.source}
	}
	return j, nil
}

// configuredJudges takes keys and pins from the configuration, and the profile
// from the source that was typed.
func (a *app) configuredJudges(cmd *cobra.Command, v *verification, j *judges) error {
	l, err := a.load(cmd, nil)
	if errors.Is(err, config.ErrNone) {
		return withHint(err, "patchferry bulletin verify --key FILE … needs no configuration")
	}
	if err != nil {
		return err
	}
	trust, err := readTrust(&l.Config)
	if err != nil {
		return err
	}
	// What sources offer is looked at as a sync does; only the pins count.
	keys, err := openKeys(&l.Config)
	if err != nil {
		return err
	}
	j.keys, j.pins = verify.MergeKeyrings(trust.Keys, keys.offeredAt(v.source)), trust.Pins
	if v.source == "" {
		return nil
	}
	source, ok := l.Config.Source(v.source)
	if !ok {
		return withHint(usageError("no source is called %q", v.source), "patchferry config show")
	}
	if j.typed == "" {
		j.typed = source.Judged()
	}
	return nil
}

// readKeyArguments reads what --key names: files, and directories of them. In a
// directory a file that holds no public key, as a secret one, is left out.
func (a *app) readKeyArguments(names []string) (*verify.Keyring, error) {
	var rings []*verify.Keyring
	for _, name := range names {
		if isDir(name) {
			found, err := a.readKeysIn(name)
			if err != nil {
				return nil, err
			}
			rings = append(rings, found...)
			continue
		}
		ring, err := a.readKeys(name)
		if err != nil {
			return nil, err
		}
		a.noteSkipped(name, ring)
		rings = append(rings, ring)
	}
	return verify.MergeKeyrings(rings...), nil
}

// readKeysIn reads the files of keys in a directory.
func (a *app) readKeysIn(dir string) ([]*verify.Keyring, error) {
	files, err := keyFilesIn(dir)
	if err != nil {
		return nil, err
	}
	var rings []*verify.Keyring
	for _, file := range files {
		ring, err := verify.ReadKeyFile(file)
		if err != nil {
			a.note("left out: %s", printable(err.Error()))
			continue
		}
		a.noteSkipped(file, ring)
		rings = append(rings, ring)
	}
	if len(rings) == 0 {
		return nil, usageError("--key %s: no file in it that ends in .asc, .gpg, .key or .pgp is a public key", dir)
	}
	return rings, nil
}

func (a *app) noteSkipped(name string, ring *verify.Keyring) {
	for _, s := range ring.Skipped() {
		a.note("%s: left out: block %d: %s", name, s.Block, printable(s.Reason))
	}
}

// judge returns the judge for a document of that name.
func (j *judges) judge(name string, content []byte) *verify.Judge {
	switch {
	case j.typed != "":
		return j.of[j.typed]
	case strings.EqualFold(filepath.Ext(name), ".json"):
		return j.of[verify.ProfileCSAF]
	case name == "-" && bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")):
		return j.of[verify.ProfileCSAF]
	}
	return j.of[verify.ProfileHistorical]
}

// verifyReport is one line of bulletin verify with --json (docs/json.md).
type verifyReport struct {
	File string `json:"file"`
	*verify.Judgement
	Profile   verify.Profile `json:"profile,omitempty"`
	Signature string         `json:"signature,omitempty"` // the file of the detached signature
	Pin       *pinReport     `json:"pin,omitempty"`       // that makes it valid
	Signed    []signedText   `json:"signed,omitempty"`    // with --show
	Error     string         `json:"error,omitempty"`     // why the file cannot be read; there is no verdict then
}

// signedText is what was signed, for reading.
type signedText struct {
	Where string `json:"where,omitempty"`
	Text  string `json:"text"`
}

// verdictCount counts what a run made of its documents.
type verdictCount struct {
	documents, unread int
	verdicts          map[layout.Verdict]int
}

// verifyBulletins judges the documents and reports each in the order in which
// they were named.
func (a *app) verifyBulletins(ctx context.Context, v *verification, j *judges, args []string) error {
	targets, err := a.expand(args, v.signature)
	if err != nil {
		return err
	}
	count := verdictCount{verdicts: make(map[layout.Verdict]int)}
	one := func(_ context.Context, t target) *verifyReport { return t.verify(j, v.show) }
	err = inOrder(ctx, v.jobs, a.documents(ctx, targets), one, func(r *verifyReport) error {
		count.add(r)
		if err := a.printVerified(r, j.keys); err != nil {
			return err
		}
		if v.original != "" {
			return a.writeRecovered(r, v.original)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return count.outcome()
}

func (c *verdictCount) add(r *verifyReport) {
	c.documents++
	if r.Error != "" {
		c.unread++
		return
	}
	c.verdicts[r.Verdict]++
}

// outcome is the error that a run ends in, nil where all is valid.
func (c *verdictCount) outcome() error {
	bad := c.documents - c.unread - c.verdicts[layout.Valid]
	switch {
	case c.documents == 0:
		return withHint(usageError("there is no document in what was named"), "patchferry bulletin verify --help")
	case bad > 0:
		text := fmt.Sprintf("not valid: %d of %s", bad, plural(c.documents, "document", "documents"))
		return withHint(withCode(exitUntrusted, errors.New(text)), "patchferry bulletin verify --help explains each verdict")
	case c.unread > 0:
		return fmt.Errorf("%s cannot be read", plural(c.unread, "document", "documents"))
	}
	return nil
}

// writeRecovered keeps the document as it was signed, where the diagnosis of a
// bad signature found it out. It is written and not called verified: that is
// the business of another run.
func (a *app) writeRecovered(r *verifyReport, name string) error {
	if r.Judgement == nil || r.Diagnosis == nil || r.Diagnosis.Original == nil {
		return fmt.Errorf("write %s: nothing was recovered from %s", name, r.File)
	}
	if err := durable.WriteNew(name, 0o644, r.Diagnosis.Original); err != nil {
		return err
	}
	check := "patchferry bulletin verify " + name
	if r.Signature != "" {
		check = fmt.Sprintf("patchferry bulletin verify --signature %s %s", r.Signature, name)
	}
	a.note("wrote %s: %s with the change %q undone; it is verified by\n  %s", name, r.File, r.Diagnosis.Transform, check)
	return nil
}
