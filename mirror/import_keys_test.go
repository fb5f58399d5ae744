package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// believe has the far side know a certificate, and pin it.
func (f *far) believe(k *gpgKey, pin verify.Pin) {
	f.t.Helper()
	f.trust.Keys = verify.MergeKeyrings(f.trust.Keys, k.public())
	if pin.Purpose == "" {
		return
	}
	pin.Fingerprint = verify.Fingerprint(k.primary)
	if err := f.trust.Pins.Add(pin); err != nil {
		f.t.Fatal(err)
	}
}

var asOrigin = verify.Pin{Purpose: verify.PurposeOrigin}

// keyCase signs a right bundle with some keys, and sets up who reads it.
type keyCase struct {
	name      string
	sign      func(t *testing.T, w *wire, f *far) []bundle.Signer
	threshold int
	code      bundle.Code // empty: it is imported
	words     string
	next      string // what is to be done
}

func runKeyCases(t *testing.T, cases []keyCase) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			w := published(t)
			f := newFar(t, w)
			w.signer = tt.sign(t, w, f)
			dir := w.send()
			opt := mirror.ImportOptions{Threshold: tt.threshold, Destination: "plant"}
			if tt.code == "" {
				if _, err := f.Import(t.Context(), []string{dir}, opt); err != nil {
					t.Error(err)
				}
				return
			}
			e := f.refuse(opt, dir)
			if e.Code != tt.code || !strings.Contains(e.Error(), tt.words) || !strings.Contains(e.Next, tt.next) || !errors.Is(e, verify.ErrUntrusted) {
				t.Errorf("got %v (%s), next %q; want %s with %q, next %q", e, e.Code, e.Next, tt.code, tt.words, tt.next)
			}
		})
	}
}

var keyMade = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func TestT6KeyThatDoesNotCount(t *testing.T) {
	const ask = "ask the near side with which key it signs now"
	alone := func(pin verify.Pin) func(*testing.T, *wire, *far) []bundle.Signer {
		return func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "0")
			f.believe(k, pin)
			return []bundle.Signer{k}
		}
	}
	runKeyCases(t, []keyCase{
		{name: "as it should be", sign: alone(asOrigin)},
		{name: "unknown", sign: func(t *testing.T, _ *wire, _ *far) []bundle.Signer {
			return []bundle.Signer{newGPG(t).key("ed25519", keyMade, "0")}
		}, code: mirror.CodeKey, words: "is not in the keyring", next: ask},
		{name: "known and pinned by nobody", sign: alone(verify.Pin{}), code: mirror.CodeKey, words: "is not pinned for origin", next: ask},
		{name: "a bulletin's", sign: alone(verify.Pin{Purpose: verify.PurposeBulletin}), code: mirror.CodeKey, words: "is pinned for bulletin, not for origin", next: ask},
		{name: "a far side's", sign: alone(verify.Pin{Purpose: verify.PurposeDestination, Source: "plant"}), code: mirror.CodeKey, words: "is pinned for destination, not for origin", next: ask},
		{name: "of a pin that has ended", sign: alone(verify.Pin{Purpose: verify.PurposeOrigin, NotAfter: "2026-11-20"}), code: mirror.CodeKey, words: "when the pin of", next: ask},
		{name: "expired, and signed before that", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "10d")
			k.when = keyMade.AddDate(0, 0, 9)
			f.believe(k, asOrigin)
			return []bundle.Signer{k}
		}, code: mirror.CodeKey, words: "expired on 2026-11-11", next: ask},
		{name: "not yet expired", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "60d")
			f.believe(k, asOrigin)
			return []bundle.Signer{k}
		}},
		{name: "revoked", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "0")
			signed := signedBefore(t, k)
			k.revoke()
			f.believe(k, asOrigin)
			return signed
		}, code: mirror.CodeKey, words: "is revoked", next: ask},
	})
}

// signedBefore is a signer whose key is revoked afterwards, when gpg signs
// nothing more with it: it signs on a copy of the key.
func signedBefore(t *testing.T, k *gpgKey) []bundle.Signer {
	t.Helper()
	secret := k.run(nil, "--armor", "--export-secret-keys", k.primary)
	elsewhere := newGPG(t)
	elsewhere.run(secret, "--import")
	return []bundle.Signer{&gpgKey{gpgHome: elsewhere, primary: k.primary, user: k.primary}}
}

func TestT7OneKeyIsNotTwo(t *testing.T) {
	const sign = "patchferry bundle sign DIR --key FILE"
	runKeyCases(t, []keyCase{
		{name: "two keys", threshold: 2, sign: func(t *testing.T, w *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "0")
			f.believe(k, asOrigin)
			return []bundle.Signer{w.key, k}
		}},
		{name: "one key", threshold: 2, sign: func(_ *testing.T, w *wire, _ *far) []bundle.Signer {
			return []bundle.Signer{w.key}
		}, code: mirror.CodeThreshold, words: "is signed by 1 of the 2 certificates that must sign", next: sign},
		{name: "one key, on two days", threshold: 2, sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "0")
			f.believe(k, asOrigin)
			earlier := *k
			earlier.when = keyMade.AddDate(0, 0, 1)
			return []bundle.Signer{k, &earlier}
		}, code: mirror.CodeThreshold, words: "1 of the 2", next: sign},
		{name: "primary key and subkey of one", threshold: 2, sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			sub, primary := newGPG(t).key("ed25519", keyMade, "0").subkey(keyMade)
			f.believe(primary, asOrigin)
			return []bundle.Signer{primary, sub}
		}, code: mirror.CodeThreshold, words: "1 of the 2", next: sign},
		{name: "a subkey alone, where one is enough", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			sub, primary := newGPG(t).key("ed25519", keyMade, "0").subkey(keyMade)
			f.believe(primary, asOrigin)
			return []bundle.Signer{sub}
		}},
		{name: "one that is pinned, one that is not", threshold: 2, sign: func(t *testing.T, w *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "0")
			f.believe(k, verify.Pin{})
			return []bundle.Signer{w.key, k}
		}, code: mirror.CodeThreshold, words: "1 of the 2", next: sign},
		{name: "one of two expired", threshold: 2, sign: func(t *testing.T, w *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "10d")
			k.when = keyMade.AddDate(0, 0, 9)
			f.believe(k, asOrigin)
			return []bundle.Signer{w.key, k}
		}, code: mirror.CodeThreshold, words: "1 of the 2", next: sign},
		{name: "two of three", threshold: 3, sign: func(t *testing.T, w *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("ed25519", keyMade, "0")
			f.believe(k, asOrigin)
			return []bundle.Signer{w.key, k}
		}, code: mirror.CodeThreshold, words: "2 of the 3", next: sign},
	})
}

// TestT7GenerationByOneAlone takes the second signature away from the
// generation; the header has both.
func TestT7GenerationByOneAlone(t *testing.T) {
	w := published(t)
	f := newFar(t, w)
	k := newGPG(t).key("ed25519", keyMade, "0")
	f.believe(k, asOrigin)
	w.signer = []bundle.Signer{w.key, k}
	dir := w.send()
	one, err := w.key.Sign(w.content(nil).Generation.Document, w.now)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "vol-001-of-001", filepath.FromSlash(bundle.GenerationSigFile)), one, 0o600))
	e := f.refuse(mirror.ImportOptions{Threshold: 2}, dir)
	if e.Code != mirror.CodeThreshold || !strings.Contains(e.Error(), "generation.json is signed by 1 of the 2") {
		t.Errorf("got %v, want threshold", e)
	}
}

func TestT8WeakSignature(t *testing.T) {
	runKeyCases(t, []keyCase{
		{name: "over SHA-1", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("rsa3072", keyMade, "0")
			k.digest = "SHA1"
			f.believe(k, asOrigin)
			return []bundle.Signer{k}
		}, code: mirror.CodeWeak, words: "over SHA-1", next: "sign again with SHA-256"},
		{name: "RSA of 1024 bits", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("rsa1024", keyMade, "0")
			f.believe(k, asOrigin)
			return []bundle.Signer{k}
		}, code: mirror.CodeWeak, words: "1024", next: "sign with a stronger key"},
		{name: "RSA of 3072 bits", sign: func(t *testing.T, _ *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("rsa3072", keyMade, "0")
			f.believe(k, asOrigin)
			return []bundle.Signer{k}
		}},
		{name: "a weak second one", threshold: 2, sign: func(t *testing.T, w *wire, f *far) []bundle.Signer {
			k := newGPG(t).key("rsa3072", keyMade, "0")
			k.digest = "SHA1"
			f.believe(k, asOrigin)
			return []bundle.Signer{w.key, k}
		}, code: mirror.CodeThreshold, words: "1 of the 2", next: "patchferry bundle sign"},
	})
}

// TestT5SignatureOfAnotherHeader puts signatures where they do not belong.
func TestT5SignatureOfAnotherHeader(t *testing.T) {
	w := published(t)
	first, second := w.send(), w.send()
	sign := func(dir, name string) string { return filepath.Join(dir, "vol-001-of-001", filepath.FromSlash(name)) }
	for _, tt := range []struct {
		name, from, to string
		words          string
	}{
		{"the header's of another bundle", sign(first, bundle.HeaderSigFile), bundle.HeaderSigFile, "these are not the bytes that"},
		{"the generation's for the header's", sign(second, bundle.GenerationSigFile), bundle.HeaderSigFile, "these are not the bytes that"},
		{"the header's for the generation's", sign(second, bundle.HeaderSigFile), bundle.GenerationSigFile, "these are not the bytes that"},
		{"no signature", sign(second, bundle.ReadmeFile), bundle.HeaderSigFile, "not a detached signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS(second)))
			sig, err := os.ReadFile(tt.from)
			must(t, err)
			must(t, os.WriteFile(sign(dir, tt.to), sig, 0o600))
			e := newFar(t, w).refuse(mirror.ImportOptions{}, dir)
			if e.Code != bundle.CodeSignature || !strings.Contains(e.Error(), tt.words) || !strings.Contains(e.Next, "get the bundle again") && !strings.Contains(e.Next, "get the original again") {
				t.Errorf("got %v, next %q; want signature with %q", e, e.Next, tt.words)
			}
		})
	}
}

// TestSignersAreNamed counts each certificate once, in the order of
// fingerprints.
func TestSignersAreNamed(t *testing.T) {
	w := published(t)
	f := newFar(t, w)
	k := newGPG(t).key("ed25519", keyMade, "0")
	f.believe(k, asOrigin)
	w.signer = []bundle.Signer{w.key, k, w.key}
	want := []string{w.key.Fingerprint().String(), k.primary}
	slices.Sort(want)
	if r := f.take(w.send()); !slices.Equal(r.Signers, want) {
		t.Errorf("signed by %v, want %v", r.Signers, want)
	}
}
