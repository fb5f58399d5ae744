package verify_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"patchferry/verify"
)

// wantCode checks that err is a refusal with the code.
func wantCode(t *testing.T, err error, want verify.Code) {
	t.Helper()
	refusal, ok := errors.AsType[*verify.TrustError](err)
	if !ok || !errors.Is(err, verify.ErrUntrusted) {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
	if refusal.Code != want {
		t.Errorf("got code %s (%v), want %s", refusal.Code, err, want)
	}
}

var doc = []byte("bytes\r\n of any kind \x00\n")

func TestDetachedSignature(t *testing.T) {
	key := newKey(t, "origin")
	trust := trusting(t, verify.PurposeOrigin, key)
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	got, err := trust.CheckDetached(doc, sig, verify.PurposeOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Text, doc) || got.Fingerprint != key.Fingerprint() || got.Pin.Purpose != verify.PurposeOrigin {
		t.Errorf("got %+v", got)
	}
	again, err := key.Sign(doc, noon)
	if err != nil || !bytes.Equal(again, sig) {
		t.Errorf("signing again gives other bytes (%v)", err)
	}
}

func TestAlteredDetachedIsRefused(t *testing.T) {
	key := newKey(t, "origin")
	trust := trusting(t, verify.PurposeOrigin, key)
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	clear, err := key.ClearSign([]byte("text\n"), noon)
	if err != nil {
		t.Fatal(err)
	}
	other, err := key.Sign([]byte("other"), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		doc, sig []byte
	}{
		{"byte of the document", append([]byte("B"), doc[1:]...), sig},
		{"line end of the document", bytes.Replace(doc, []byte("\r\n"), []byte("\n"), 1), sig},
		{"document cut", doc[:len(doc)-1], sig},
		{"document longer", append(bytes.Clone(doc), '\n'), sig},
		{"signature of another document", doc, other},
		{"no signature", doc, nil},
		{"empty block", doc, []byte("-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n")},
		{"text before the block", doc, append([]byte("\n"), sig...)},
		{"text after the block", doc, append(bytes.Clone(sig), "x\n"...)},
		{"two blocks", doc, append(bytes.Clone(sig), sig...)},
		{"CRLF", doc, bytes.ReplaceAll(sig, []byte("\n"), []byte("\r\n"))},
		{"a whole clear-signed document", doc, clear},
		{"not armored", doc, []byte{0xc2, 0x01, 0x04}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := trust.CheckDetached(test.doc, test.sig, verify.PurposeOrigin)
			wantCode(t, err, verify.CodeSignature)
		})
	}
	for i := range sig {
		altered := bytes.Clone(sig)
		altered[i] ^= 1
		if _, err := trust.CheckDetached(doc, altered, verify.PurposeOrigin); !errors.Is(err, verify.ErrUntrusted) {
			t.Errorf("byte %d of the signature altered: got %v", i, err)
		}
	}
}

// TestEveryAlteredByteOfThePacketIsRefused gives each altered packet a right
// checksum of the armor, which would hide what the packet's own checks miss.
// Only the form of the packet's header is free, since programs differ in it.
func TestEveryAlteredByteOfThePacketIsRefused(t *testing.T) {
	key := newKey(t, "origin")
	trust := trusting(t, verify.PurposeOrigin, key)
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	raw := dearmored(t, sig)
	for i := range raw {
		altered := bytes.Clone(raw)
		for b := range 256 {
			altered[i] = byte(b)
			if altered[i] == raw[i] || i == 0 && (b == 0x88 || b == 0xc2) {
				continue // a packet's header has an old and a new form, which say the same
			}
			if _, err := trust.CheckDetached(doc, armored(t, altered), verify.PurposeOrigin); !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("byte %d of %d changed from %#x to %#x: got %v", i, len(raw), raw[i], b, err)
			}
		}
	}
}

// TestEveryAlteredByteOfGPGsPacketIsRefused does so with a signature of
// GnuPG, which has a part that is not signed.
func TestEveryAlteredByteOfGPGsPacketIsRefused(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "weak", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ring, err := verify.ReadKeyring(bytes.NewReader(read("key.asc")))
	if err != nil {
		t.Fatal(err)
	}
	trust := &verify.Trust{Keys: ring, Pins: &verify.Pins{}, Clock: clock(noon)}
	pin(t, trust, verify.Pin{Fingerprint: ring.Fingerprints()[0], Purpose: verify.PurposeSite})
	raw := dearmored(t, read("sha256.asc"))
	for i := range raw {
		altered := bytes.Clone(raw)
		for b := range 256 {
			altered[i] = byte(b)
			if altered[i] == raw[i] || i == 0 && (b == 0x88 || b == 0xc2) {
				continue // a packet's header has an old and a new form, which say the same
			}
			if _, err := trust.CheckDetached(doc, armored(t, altered), verify.PurposeSite); !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("byte %d of %d changed from %#x to %#x: got %v", i, len(raw), raw[i], b, err)
			}
		}
	}
}

func dearmored(t *testing.T, sig []byte) []byte {
	t.Helper()
	block, err := armor.Decode(bytes.NewReader(sig))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(block.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAlteredClearIsRefused(t *testing.T) {
	key := newKey(t, "site")
	trust := trusting(t, verify.PurposeSite, key)
	good, err := key.ClearSign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	other, err := key.ClearSign([]byte("{}\n"), noon)
	if err != nil {
		t.Fatal(err)
	}
	text, block, _ := bytes.Cut(good, []byte("-----BEGIN PGP SIGNATURE"))
	_, otherBlock, _ := bytes.Cut(other, []byte("-----BEGIN PGP SIGNATURE"))
	binary, err := key.Sign(bytes.ReplaceAll(state[:len(state)-1], []byte("\n"), []byte("\r\n")), noon)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for name, data := range map[string][]byte{
		"empty":                     {},
		"plain text":                state,
		"text before":               append([]byte("hello\n"), good...),
		"newline before":            append([]byte("\n"), good...),
		"BOM before":                append([]byte("\xef\xbb\xbf"), good...),
		"text after":                append(bytes.Clone(good), "hello\n"...),
		"newline after":             append(bytes.Clone(good), '\n'),
		"blank after":               append(bytes.Clone(good), ' '),
		"twice":                     append(bytes.Clone(good), good...),
		"signature of another text": bytes.Join([][]byte{text, otherBlock}, []byte("-----BEGIN PGP SIGNATURE")),
		"signature missing":         text,
		"signature twice":           bytes.Join([][]byte{good, block}, []byte("-----BEGIN PGP SIGNATURE")),
		"detached signature":        append(bytes.Clone(text), binary...),
		"CRLF":                      bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
		"trailing blank":            replace("{\n", "{ \n"),
		"trailing tab":              replace("{\n", "{\t\n"),
		"line added":                replace("{\n", "{\n\n"),
		"line removed":              replace("{\n", ""),
		"needless dash escape":      replace("{\n", "- {\n"),
		"other Hash header":         replace("SHA512", "SHA256"),
		"weak Hash header":          replace("SHA512", "SHA1"),
		"no Hash header":            replace("Hash: SHA512\n", ""),
		"second header":             replace("Hash: SHA512\n", "Hash: SHA512\nHash: SHA256\n"),
		"NotDashEscaped":            replace("Hash: SHA512\n", "Hash: SHA512\nNotDashEscaped: yes\n"),
		"injected header text":      replace("Hash: SHA512\n", "Hash: SHA512\nyou owe me money\n"),
		"comment in the armor":      replace("SIGNATURE-----\n\n", "SIGNATURE-----\nComment: x\n\n"),
		"form feed":                 replace("{\n", "{\f\n"),
		"larger than any":           append(bytes.Clone(good), make([]byte, verify.MaxClear)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trust.OpenClear(data, verify.PurposeSite)
			wantCode(t, err, verify.CodeSignature)
		})
	}
	for n := range good {
		if _, err := trust.OpenClear(good[:n], verify.PurposeSite); !errors.Is(err, verify.ErrUntrusted) {
			t.Errorf("cut after %d bytes: got %v", n, err)
		}
	}
}

func TestTextThatCannotBeClearSigned(t *testing.T) {
	key := newKey(t, "site")
	for name, text := range map[string]string{
		"empty":          "",
		"newline alone":  "\n",
		"no newline":     "x",
		"CRLF":           "x\r\n",
		"trailing blank": "x \n",
		"trailing tab":   "{\t\n}\n",
		"NUL":            "\x00\n",
		"escape":         "\x1b[31m\n",
		"long line":      strings.Repeat("x", verify.MaxLine+1) + "\n",
		"too much":       strings.Repeat("x\n", verify.MaxClear/2),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := key.ClearSign([]byte(text), noon); err == nil {
				t.Error("it was signed")
			}
		})
	}
}
