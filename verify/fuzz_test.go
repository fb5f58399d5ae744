package verify_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"patchferry/layout"
	"patchferry/verify"
)

func addFiles(f *testing.F, add func([]byte)) {
	f.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "weak", "*"))
	if err != nil || len(names) == 0 {
		f.Fatalf("got %v, %v, want seeds", names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
}

func FuzzOpenClear(f *testing.F) {
	key := newKey(f, "site")
	trust := trusting(f, verify.PurposeSite, key)
	good, err := key.ClearSign(state, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	addFiles(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := trust.OpenClear(data, verify.PurposeSite)
		if err != nil {
			if !errors.Is(err, verify.ErrUntrusted) {
				t.Fatalf("got %v, want a refusal", err)
			}
			return
		}
		if !bytes.Equal(data, good) {
			t.Fatalf("accepted with text %q: %q", got.Text, data)
		}
	})
}

func FuzzCheckDetached(f *testing.F) {
	key := newKey(f, "origin")
	trust := trusting(f, verify.PurposeOrigin, key)
	good, err := key.Sign(doc, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc, good)
	addFiles(f, func(b []byte) { f.Add(doc, b) })
	f.Fuzz(func(t *testing.T, text, sig []byte) {
		_, err := trust.CheckDetached(text, sig, verify.PurposeOrigin)
		if err != nil {
			if !errors.Is(err, verify.ErrUntrusted) {
				t.Fatalf("got %v, want a refusal", err)
			}
			return
		}
		if !bytes.Equal(text, doc) {
			t.Fatalf("accepted for %q", text)
		}
	})
}

func FuzzReadKeyring(f *testing.F) {
	key := newKey(f, "site")
	block := publicBlock(f, key)
	f.Add([]byte(block))
	f.Add(binaryKey(f, block))
	addFiles(f, func(b []byte) { f.Add(b) })
	f.Add(newOldRSA(f, 3, 1024).public())
	f.Add(wrapped("PUBLIC KEY BLOCK", newOldDSA(f).public(), newOldRSA(f, 3, 1024).public()))
	sig, err := key.Sign(doc, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ring, err := verify.ReadKeyring(bytes.NewReader(data))
		if err != nil {
			return
		}
		trust := trusting(t, verify.PurposeOrigin, key)
		trust.Keys = ring
		// Whatever was read, judging it must not panic, and only the key
		// itself may be believed.
		got, err := trust.CheckDetached(doc, sig, verify.PurposeOrigin)
		if err == nil && got.Fingerprint != key.Fingerprint() {
			t.Fatalf("got %s", got.Fingerprint)
		}
		for _, fpr := range ring.Fingerprints() {
			ring.Names(fpr)
		}
		infos := ring.Certificates()
		if len(infos) != len(ring.Fingerprints()) {
			t.Fatalf("got %d certificates of %d", len(infos), len(ring.Fingerprints()))
		}
		judged := csaf(ring).Document(verify.Document{Original: doc, Signature: sig})
		if judged.Verdict == layout.Valid && judged.Primary != key.Fingerprint() {
			t.Fatalf("valid by %s", judged.Primary)
		}
	})
}
