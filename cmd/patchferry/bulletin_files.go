package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/verify"
	"patchferry/verify/envelope"
)

// headSize is how much of a file is looked at to tell what it is.
const headSize = 1 << 10

var (
	signatureExts = []string{".asc", ".sig"}
	sumExts       = []string{".sha256", ".sha512"}
	keyExts       = []string{".asc", ".gpg", ".key", ".pgp"}
)

// target is one document to be judged.
type target struct {
	file      string // as it is reported: "box.mbox#3"
	signature string // the file of its detached signature, where somebody named it
	raw       []byte // read already: of a mailbox or of standard input
	inHand    bool   // raw counts
	err       error  // why there is nothing to judge
}

// expand lists what is to be verified: files as they were named, and those in
// directories that were, each once. What is only there for another file, a
// signature or digests, goes with it.
func (a *app) expand(args []string, signature string) ([]target, error) {
	var targets []target
	for _, name := range args {
		if !isDir(name) {
			targets = append(targets, target{file: name, signature: signature})
			continue
		}
		if signature != "" {
			return nil, usageError("--signature goes with one FILE, and %s is a directory", name)
		}
		found, err := documentsIn(name)
		if err != nil {
			return nil, err
		}
		targets = append(targets, found...)
	}
	if signature != "" {
		return targets, nil
	}
	return a.withoutSidecars(targets), nil
}

// withoutSidecars leaves out what goes with another file. A signature that was
// named without its document stands for the document.
func (a *app) withoutSidecars(targets []target) []target {
	named := make(map[string]bool, len(targets))
	for _, t := range targets {
		named[t.file] = true
	}
	kept := targets[:0]
	for _, t := range targets {
		document, ok := sidecarOf(t.file)
		switch {
		case !ok:
			kept = append(kept, t)
		case named[document]:
		default:
			a.note("%s belongs to %s, which is verified", t.file, document)
			named[document] = true
			s := target{file: document}
			if slices.Contains(signatureExts, filepath.Ext(t.file)) {
				s.signature = t.file
			}
			kept = append(kept, s)
		}
	}
	return kept
}

// sidecarOf returns the document that a file of digests or a detached
// signature stands beside.
func sidecarOf(name string) (document string, ok bool) {
	ext := filepath.Ext(name)
	isSum := slices.Contains(sumExts, ext)
	if !isSum && !slices.Contains(signatureExts, ext) {
		return "", false
	}
	document = strings.TrimSuffix(name, ext)
	if info, err := os.Stat(document); err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	if isSum {
		return document, true
	}
	head, err := readHead(name)
	if err != nil || bytes.Contains(head, []byte("-----BEGIN PGP SIGNED MESSAGE-----")) {
		return "", false // a document of its own, which has the name of a signature
	}
	return document, true
}

func readHead(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return head[:n], nil
}

// documentsIn lists the files below a directory, in the order of their names.
// Symbolic links, hidden files and files of keys are passed over.
func documentsIn(dir string) ([]target, error) {
	var targets []target
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != dir
		switch {
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.IsDir(), hidden, !d.Type().IsRegular():
			return nil
		}
		if head, err := readHead(name); err == nil && bytes.HasPrefix(bytes.TrimSpace(head), []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
			return nil
		}
		targets = append(targets, target{file: name})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return targets, nil
}

// keyFilesIn lists the files of keys in a directory, sorted by name.
func keyFilesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	var names []string
	for _, e := range entries {
		if slices.Contains(keyExts, filepath.Ext(e.Name())) && !e.IsDir() {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// documents yields the documents of the targets; each message of a mailbox is
// one. They are read here only as far as mailboxes need it.
func (a *app) documents(ctx context.Context, targets []target) iter.Seq[target] {
	return func(yield func(target) bool) {
		for _, t := range targets {
			if ctx.Err() != nil {
				return
			}
			if t.file == "-" {
				if !yieldFrom(a.stdin, t, yield) {
					return
				}
				continue
			}
			if !mayBeMailbox(t.file) {
				if !yield(t) {
					return
				}
				continue
			}
			if !yieldFile(t, yield) {
				return
			}
		}
	}
}

// mayBeMailbox reports whether a file is to be read here: a mailbox, or a pipe,
// which can be read but once.
func mayBeMailbox(name string) bool {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return err == nil
	}
	head, err := readHead(name)
	return err == nil && envelope.IsMailbox(head)
}

func yieldFile(t target, yield func(target) bool) bool {
	f, err := os.Open(t.file)
	if err != nil {
		t.err = err
		return yield(t)
	}
	defer f.Close()
	return yieldFrom(f, t, yield)
}

// yieldFrom yields the document in r, or each message of the mailbox in it.
func yieldFrom(r io.Reader, t target, yield func(target) bool) bool {
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	head = head[:n]
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.err = err
		return yield(t)
	}
	whole := io.MultiReader(bytes.NewReader(head), r)
	if !envelope.IsMailbox(head) {
		t.raw, t.err = readDocument(whole)
		t.inHand = true
		return yield(t)
	}
	for m, err := range envelope.Messages(whole) {
		one := target{file: fmt.Sprintf("%s#%d", t.file, m.Number), raw: m.Raw, inHand: true, err: err}
		if !yield(one) {
			return false
		}
	}
	return true
}

// readDocument reads no more than a document may have.
func readDocument(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, envelope.MaxDocument+1))
	if err == nil && len(raw) > envelope.MaxDocument {
		return nil, errTooLong
	}
	return raw, err
}

var errTooLong = fmt.Errorf("more than %d bytes, which no bulletin has", envelope.MaxDocument)

func readDocumentFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readDocument(f)
}

// verify reads what is not in hand yet, and judges it.
func (t target) verify(j *judges, show bool) *verifyReport {
	r := &verifyReport{File: t.file}
	doc, err := t.read(r)
	if errors.Is(err, errTooLong) {
		r.Judgement = &verify.Judgement{Verdict: layout.Unsupported, Qualifiers: []string{}, Reasons: []string{err.Error()}}
		return r
	}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	judge := j.judge(t.file, doc.Original)
	r.Judgement, r.Profile = judge.Document(doc), judge.Profile
	if r.Judgement.Pin != nil {
		pin := reportPin(*r.Judgement.Pin)
		r.Pin = &pin
	}
	if show {
		for _, text := range r.Texts() {
			r.Signed = append(r.Signed, signedText{Where: text.Where, Text: envelope.Decode(text.Body, text.Charset)})
		}
	}
	return r
}

// read gathers the document and what stands beside it.
func (t target) read(r *verifyReport) (verify.Document, error) {
	doc := verify.Document{Name: filepath.Base(t.file), Original: t.raw}
	if t.err != nil {
		return doc, t.err
	}
	var err error
	if !t.inHand {
		if doc.Original, err = readDocumentFile(t.file); err != nil {
			return doc, err
		}
	}
	if t.signature != "" {
		r.Signature = t.signature
		doc.Signature, err = readDocumentFile(t.signature)
		if err != nil {
			return doc, fmt.Errorf("read the signature: %w", err)
		}
	}
	if t.inHand {
		return doc, nil
	}
	return doc, t.readBeside(&doc, r)
}

// readBeside reads the detached signature and the files of digests beside a
// document. That there is none is no error, that one cannot be read is.
func (t target) readBeside(doc *verify.Document, r *verifyReport) error {
	for _, ext := range signatureExts {
		if doc.Signature != nil {
			break
		}
		sig, err := readDocumentFile(t.file + ext)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the signature: %w", err)
		}
		doc.Signature, r.Signature = sig, t.file+ext
	}
	for _, ext := range sumExts {
		text, err := readDocumentFile(t.file + ext)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the digests: %w", err)
		}
		doc.Sums = append(doc.Sums, layout.Sum{Name: filepath.Base(t.file) + ext, Text: text})
	}
	return nil
}
