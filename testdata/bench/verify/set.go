package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"patchferry/verify"
)

// errCannot says that a program has no way to verify documents of this form.
var errCannot = errors.New("not this form")

// set is documents of one form, all by one key, all good.
type set struct {
	name      string
	detached  bool
	documents []document
	key       string // file of the armored key
	ring      string // the same for gpgv, binary
	home      string // the same for gpg
}

type document struct{ file, signature string }

func (s *set) files() []string {
	names := make([]string, len(s.documents))
	for i, d := range s.documents {
		names[i] = d.file
	}
	return names
}

// each verifies the documents one by one, some at a time.
func (s *set) each(ctx context.Context, jobs int, verify func(document) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, d := range s.documents {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return verify(d)
		})
	}
	return group.Wait()
}

func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	var diagnostics bytes.Buffer
	cmd.Stderr = &diagnostics
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, diagnostics.String())
	}
	return nil
}

// prepare gives gpgv and gpg the key in the forms that they take.
func (s *set) prepare(ctx context.Context, dir string) error {
	if _, err := exec.LookPath("gpg"); err != nil {
		return nil
	}
	home, err := os.MkdirTemp(dir, "gpg")
	if err != nil {
		return err
	}
	s.home, s.ring = home, filepath.Join(home, "ring.gpg")
	if err := command(ctx, "gpg", "--homedir", home, "--batch", "--quiet", "--import", s.key); err != nil {
		return err
	}
	return command(ctx, "gpg", "--homedir", home, "--batch", "--quiet", "--output", s.ring, "--dearmor", s.key)
}

// advisories are documents with detached signatures: real ones where they are
// found, else ones of our own making.
func advisories(dir string, copies int) (*set, error) {
	corpora, ok := findCorpora()
	if !ok {
		return signedBySelf(dir, "made advisories, detached Ed25519", true)
	}
	s := &set{name: "CISA advisories, detached RSA-4096", detached: true, key: filepath.Join(corpora, "keys", "cisa-csaf-signing.asc")}
	originals, err := filepath.Glob(filepath.Join(corpora, "cisa-csaf", "*.json"))
	if err != nil {
		return nil, err
	}
	for n := range copies {
		for _, original := range originals {
			d := document{file: filepath.Join(dir, fmt.Sprintf("%d-%s", n, filepath.Base(original)))}
			d.signature = d.file + ".asc"
			for _, ext := range []string{"", ".asc"} {
				content, err := os.ReadFile(original + ext)
				if err != nil {
					return nil, err
				}
				if err := os.WriteFile(d.file+ext, content, 0o600); err != nil {
					return nil, err
				}
			}
			s.documents = append(s.documents, d)
		}
	}
	return s, nil
}

// texts are bulletins signed in the clear, of our own making.
func texts(dir string, _ int) (*set, error) {
	return signedBySelf(dir, "made bulletins, clear-signed Ed25519", false)
}

const madeDocuments = 300

func signedBySelf(dir, name string, detached bool) (*set, error) {
	key, err := verify.GenerateKey("bench", time.Now().Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	var public bytes.Buffer
	if err := key.WritePublic(&public); err != nil {
		return nil, err
	}
	s := &set{name: name, detached: detached, key: filepath.Join(dir, fmt.Sprintf("key-%t.asc", detached))}
	if err := os.WriteFile(s.key, public.Bytes(), 0o600); err != nil {
		return nil, err
	}
	for n := range madeDocuments {
		text := []byte(fmt.Sprintf("Bulletin %d\n", n) + strings.Repeat("Affected software: everything that was not updated.\n", 120))
		d := document{file: filepath.Join(dir, fmt.Sprintf("%d-%t.txt", n, detached))}
		if err := s.write(&d, key, text); err != nil {
			return nil, err
		}
		s.documents = append(s.documents, d)
	}
	return s, nil
}

func (s *set) write(d *document, key *verify.SecretKey, text []byte) error {
	at := time.Now().Add(-time.Minute)
	if !s.detached {
		signed, err := key.ClearSign(text, at)
		if err != nil {
			return err
		}
		return os.WriteFile(d.file, signed, 0o600)
	}
	signature, err := key.Sign(text, at)
	if err != nil {
		return err
	}
	d.signature = d.file + ".asc"
	return errors.Join(os.WriteFile(d.file, text, 0o600), os.WriteFile(d.signature, signature, 0o600))
}

// findCorpora finds the real documents beside a parent of this folder.
func findCorpora() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		signed := filepath.Join(dir, "shared", "corpora", "signed")
		if _, err := os.Stat(signed); err == nil {
			return signed, true
		}
	}
	return "", false
}
