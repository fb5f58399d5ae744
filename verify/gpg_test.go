package verify_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"patchferry/verify"
)

// gpgTrust exports the keys of g, pins them all, and trusts them for states.
func gpgTrust(t *testing.T, g *gpg) *verify.Trust {
	t.Helper()
	ring, err := verify.ReadKeyring(strings.NewReader(g.run(nil, "--armor", "--export")))
	if err != nil {
		t.Fatal(err)
	}
	trust := &verify.Trust{Keys: ring, Pins: &verify.Pins{}}
	for _, f := range ring.Fingerprints() {
		pin(t, trust, verify.Pin{Fingerprint: f, Purpose: verify.PurposeSite})
	}
	return trust
}

func TestGPGAcceptsOurSignatures(t *testing.T) {
	g := newGPG(t)
	key := newKey(t, "Site of Ångström – plant 7")
	var public bytes.Buffer
	if err := key.WritePublic(&public); err != nil {
		t.Fatal(err)
	}
	g.run(public.Bytes(), "--import")

	doc, err := key.ClearSign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.run(doc, "--decrypt"); got != string(state) {
		t.Errorf("gpg gives back %q, want %q", got, state)
	}
	sig, err := key.Sign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	status := g.run(nil, "--status-fd", "1", "--verify", g.file("doc.asc", sig), g.file("doc", state))
	if want := "VALIDSIG " + string(key.Fingerprint()); !strings.Contains(status, want) {
		t.Errorf("gpg says %q, want %q", status, want)
	}
	if _, _, err := g.try(nil, "--verify", g.file("doc.asc", sig), g.file("doc", state[1:])); err == nil {
		t.Error("gpg accepts altered bytes; the oracle is broken")
	}
}

func TestGPGUsesOurSecretKeys(t *testing.T) {
	for _, passphrase := range []string{"", "correct horse"} {
		t.Run(fmt.Sprintf("passphrase %q", passphrase), func(t *testing.T) {
			g := newGPG(t)
			key := newKey(t, "origin")
			var protect []byte
			if passphrase != "" {
				protect = []byte(passphrase)
			}
			var secret bytes.Buffer
			if err := key.WriteSecret(&secret, protect); err != nil {
				t.Fatal(err)
			}
			g.run(secret.Bytes(), "--import")
			doc := g.run(state, "--passphrase", passphrase, "--local-user", string(key.Fingerprint()), "--clearsign")

			trust := trusting(t, verify.PurposeSite, key)
			trust.Clock = nil // gpg signs by the system's clock
			got, err := trust.OpenClear([]byte(doc), verify.PurposeSite)
			if err != nil {
				t.Fatalf("%v\n%s", err, doc)
			}
			if string(got.Text) != string(state) {
				t.Errorf("got text %q, want %q", got.Text, state)
			}
		})
	}
}

func TestWeAcceptGPGSignatures(t *testing.T) {
	for _, test := range []struct{ algorithm, usage, want string }{
		{"ed25519", "sign", "ed25519"},
		{"rsa3072", "sign", "rsa3072"},
		{"rsa3072", "cert", "rsa3072"}, // signs with a subkey
	} {
		t.Run(test.algorithm+" "+test.usage, func(t *testing.T) {
			g := newGPG(t)
			g.run(nil, "--passphrase", "", "--quick-generate-key", "tester", test.algorithm, test.usage, "never")
			trust := gpgTrust(t, g)
			primary := trust.Keys.Fingerprints()[0]
			if test.usage == "cert" {
				g.run(nil, "--passphrase", "", "--quick-add-key", string(primary), test.algorithm, "sign", "never")
				trust = gpgTrust(t, g)
			}
			for i := range 8 { // lengths of random numbers differ
				text := fmt.Appendf(nil, "- %d\nFrom x\n", i)
				clear, err := trust.OpenClear([]byte(g.run(text, "--clearsign")), verify.PurposeSite)
				if err != nil {
					t.Fatal(err)
				}
				if string(clear.Text) != string(text) {
					t.Errorf("got text %q, want %q", clear.Text, text)
				}
				detached, err := trust.CheckDetached(text, []byte(g.run(text, "--armor", "--detach-sign")), verify.PurposeSite)
				if err != nil {
					t.Fatal(err)
				}
				if detached.Fingerprint != primary || detached.Algorithm != test.want {
					t.Errorf("got %s %s, want %s %s", detached.Fingerprint, detached.Algorithm, primary, test.want)
				}
			}
		})
	}
}

func TestReadSecretOfGPG(t *testing.T) {
	g := newGPG(t)
	g.run(nil, "--passphrase", "tiger", "--quick-generate-key", "tester", "ed25519", "cert", "never")
	primary := gpgTrust(t, g).Keys.Fingerprints()[0]
	g.run(nil, "--passphrase", "tiger", "--quick-add-key", string(primary), "ed25519", "sign", "never")
	g.run(nil, "--passphrase", "tiger", "--quick-add-key", string(primary), "cv25519", "encr", "never")
	for _, export := range []string{"--export-secret-keys", "--export-secret-subkeys"} {
		armored := g.run(nil, "--passphrase", "tiger", "--armor", export)
		key, err := verify.ReadSecret(strings.NewReader(armored), []byte("tiger"))
		if err != nil {
			t.Fatalf("%s: %v", export, err)
		}
		doc, err := key.ClearSign(state, noon.AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		trust := gpgTrust(t, g)
		trust.Clock = clock(noon.AddDate(1, 0, 0))
		got, err := trust.OpenClear(doc, verify.PurposeSite)
		if err != nil {
			t.Fatal(err)
		}
		if got.Fingerprint != primary || got.SigningKey == primary {
			t.Errorf("%s: got %+v, want a subkey of %s", export, got.Signer, primary)
		}
	}
}
