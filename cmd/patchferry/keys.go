package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/verify"
)

// The names in the directory of keys (verify.KeyDir). A secret key NAME.key stands beside its
// public half NAME.asc; every *.asc is part of the keyring, and pins says which
// of them count.
const (
	originKey = "origin"
	siteKey   = "site"
	pinsName  = "pins"
)

// readTrust reads the pins and the public keys of the operator.
func readTrust(c *config.Config) (*verify.Trust, error) {
	pins, err := verify.PinFile{Path: c.KeyFile(pinsName)}.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("read the pins: %w", err), "%s makes keys and pins; or point keys at theirs", initCommand(c))
	}
	if err != nil {
		return nil, fmt.Errorf("read the pins: %w", err)
	}
	ring, err := keyDir(c).Keyring()
	if err != nil {
		return nil, err
	}
	return &verify.Trust{Keys: ring, Pins: pins}, nil
}

// keyDir is the operator's directory of public keys.
func keyDir(c *config.Config) verify.KeyDir { return verify.KeyDir{Path: c.Path(c.Keys)} }

// signers are the keys of a side: origin signs generations, and only a near
// side has it; site the log of states, and receipts.
type signers struct {
	origin, site *verify.SecretKey
	passphrase   []byte // what opened them; nil where they have none
}

// openSigners reads the secret keys; a passphrase comes from the file that the
// configuration names, or is asked for once on a terminal.
func (a *app) openSigners(ctx context.Context, c *config.Config) (s signers, err error) {
	open := func(name string) (*verify.SecretKey, error) {
		file := c.KeyFile(name + ".key")
		armored, err := os.ReadFile(file)
		if err != nil {
			return nil, withHint(fmt.Errorf("read the signing key: %w", err), "%s makes it", initCommand(c))
		}
		key, err := verify.ReadSecret(bytes.NewReader(armored), s.passphrase)
		if errors.Is(err, verify.ErrPassphrase) && s.passphrase == nil {
			if s.passphrase, err = a.passphrase(ctx, c); err != nil {
				return nil, err
			}
			key, err = verify.ReadSecret(bytes.NewReader(armored), s.passphrase)
		}
		if err != nil {
			return nil, fmt.Errorf("read the signing key %s: %w", file, err)
		}
		return key, nil
	}
	if c.Role != config.Far {
		if s.origin, err = open(originKey); err != nil {
			return s, err
		}
	}
	s.site, err = open(siteKey)
	return s, err
}

// passphrase returns what opens the signing keys.
func (a *app) passphrase(ctx context.Context, c *config.Config) ([]byte, error) {
	if c.PassphraseFile != "" {
		return readPassphrase(c.Path(c.PassphraseFile))
	}
	if !isTerminal(a.stdin) {
		return nil, withHint(usageError("the signing keys have a passphrase, and there is no terminal to ask on"),
			"set passphrase_file, or PATCHFERRY_PASSPHRASE_FILE=FILE")
	}
	return a.ask(ctx, "Passphrase of the signing keys: ")
}

const maxPassphrase = 4096

// readPassphrase returns the first line of a file.
func readPassphrase(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxPassphrase)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the passphrase from %s: %w", name, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, fmt.Errorf("read the passphrase from %s: the first line is empty", name)
	}
	return []byte(line), nil
}

// ask reads a line from the terminal without showing it. After Ctrl-C it leaves
// the terminal as it found it.
func (a *app) ask(ctx context.Context, question string) ([]byte, error) {
	fd := int(a.stdin.(*os.File).Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("ask on the terminal: %w", err)
	}
	fmt.Fprint(a.stderr, question)
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the line, or with the process: a read of a terminal cannot be stopped
		line, err := term.ReadPassword(fd)
		answered <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		err := term.Restore(fd, before)
		fmt.Fprintln(a.stderr)
		return nil, errors.Join(ctx.Err(), err)
	case got := <-answered:
		fmt.Fprintln(a.stderr)
		if got.err != nil {
			return nil, fmt.Errorf("ask on the terminal: %w", got.err)
		}
		return got.line, nil
	}
}

// readSecret reads a secret key from a file, with the passphrase of another, or
// asks for it on a terminal.
func (a *app) readSecret(ctx context.Context, file, passphraseFile string) (*verify.SecretKey, error) {
	armored, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	key, err := verify.ReadSecret(bytes.NewReader(armored), nil)
	if !errors.Is(err, verify.ErrPassphrase) {
		return key, withHint(err, "a secret key is wanted, as gpg --armor --export-secret-keys FINGERPRINT writes it")
	}
	passphrase, err := a.passphraseOf(ctx, file, passphraseFile)
	if err != nil {
		return nil, err
	}
	if key, err = verify.ReadSecret(bytes.NewReader(armored), passphrase); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

func (a *app) passphraseOf(ctx context.Context, file, passphraseFile string) ([]byte, error) {
	if passphraseFile != "" {
		return readPassphrase(passphraseFile)
	}
	if !isTerminal(a.stdin) {
		return nil, withHint(usageError("%s has a passphrase, and there is no terminal to ask on", file), "give --passphrase-file FILE")
	}
	return a.ask(ctx, "Passphrase of "+file+": ")
}
