package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// writeBundle writes what a mirror published as a transfer bundle, and returns
// its folder.
func writeBundle(t *testing.T, dir string) string {
	t.Helper()
	ctx := t.Context()
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml")}}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSite(ctx, &l.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, err := s.newest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := a.openSigners(ctx, &l.Config)
	if err != nil {
		t.Fatal(err)
	}
	at := e.state.Generation.Generation
	doc, err := s.reader.Document(ctx, at.Document)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.reader.Document(ctx, at.Signature)
	if err != nil {
		t.Fatal(err)
	}
	var objects []layout.ObjectRef
	for u, err := range s.everyUpdate(ctx, e) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range u.Files {
			objects = append(objects, layout.ObjectRef{SHA256: f.SHA256, Size: f.Size})
		}
	}
	c := &bundle.Content{
		Generation: bundle.SignedDocument{Document: doc, Signature: sig}, Catalog: e.generation.Catalog, Objects: slices.Values(objects),
		Header: bundle.Header{
			Bundle: "11111111-2222-4333-8444-555555555555", Origin: "6b1ee6c1-6f0a-4c6e-9b63-0c8d4b8f2f01",
			Stream: "0a0dca1e-1c26-4a52-8a4c-6d6a6a3a7f11", StreamName: "main", Epoch: 1, Seq: 1, Kind: bundle.Full, Tool: "test",
			Generation: bundle.NumberedRef{Number: e.generation.Number, SHA256: at.Document.SHA256, Size: at.Document.Size}, Created: layout.At(time.Now()),
		},
	}
	made, err := (&bundle.Writer{Source: s.store, Signers: []bundle.Signer{keys.origin}}).Write(ctx, t.TempDir(), c)
	if err != nil {
		t.Fatal(err)
	}
	return made.Dir
}

// TestFarSide sets up both sides, carries a bundle over, and runs every command
// that a far side has: it has nothing wired that could dial.
func TestFarSide(t *testing.T) {
	near, _ := newMirror(t, map[string][]byte{"/WindowsXP-KB835732-x86-ENU.EXE": []byte("MZ update")})
	if r := runIn(t.Context(), near, "sync"); r.code != exitDone {
		t.Fatalf("sync exits %d: %s", r.code, r.stderr)
	}
	medium := writeBundle(t, near)
	origin := filepath.Join(near, "keys", "origin.asc")
	ring, err := verify.ReadKeyFile(origin)
	if err != nil {
		t.Fatal(err)
	}
	fpr := ring.Fingerprints()[0]
	far := filepath.Join(t.TempDir(), "far")
	wrong := strings.Repeat("A", 40)
	steps := []struct {
		args []string
		code int
		want string // in what is printed
	}{
		{[]string{"init", "far", "--dir", far, "--name", "plant", "--origin-key", origin, "--fingerprint", wrong, "--no-passphrase"}, exitUntrusted, "does not hold the key"},
		{[]string{"init", "far", "--dir", far, "--name", "plant", "--origin-key", origin, "--no-passphrase"}, exitUsage, "needs --name, --origin-key and --fingerprint"},
		{[]string{"init", "far", "--dir", far, "--name", "plant", "--origin-key", origin, "--fingerprint", fpr.Grouped(), "--no-passphrase"}, exitDone, "--purpose destination --source plant"},
		{[]string{"config", "check"}, exitDone, "no errors, 0 sources, 0 warnings"},
		{[]string{"sync"}, exitUsage, "patchferry import DIR"},
		{[]string{"show", "KB835732"}, exitFailed, "patchferry import DIR"},
		{[]string{"bundle", "inspect", medium}, exitDone, "not checked"},
		{[]string{"bundle", "verify", medium, "--key", origin}, exitDone, fpr.String()},
		{[]string{"bundle", "verify", medium, "--key", filepath.Join(far, "keys", "site.asc")}, exitUntrusted, "bundle refused (key)"},
		{[]string{"import", medium, "--dry-run"}, exitDone, "dry run, nothing was changed"},
		{[]string{"import", medium, "--receipt", filepath.Join(far, "back")}, exitDone, "in ring test"},
		{[]string{"import", medium}, exitAlready, "already imported"},
		{[]string{"show", "KB835732"}, exitDone, "KB835732"},
		{[]string{"status"}, exitDone, "import main-e001-s000001"},
		{[]string{"audit"}, exitDone, ""},
		{[]string{"prune"}, exitDone, "nothing to remove"},
		{[]string{"promote", "pilot"}, exitDone, "pilot"},
		{[]string{"promote", "production"}, exitDone, "production"},
		{[]string{"tree", "--to", filepath.Join(far, "tree")}, exitDone, " present, 0 removed, 0 failed"},
		{[]string{"bulletin", "list"}, exitDone, ""},
		{[]string{"key", "list"}, exitDone, ""},
	}
	for _, s := range steps {
		r := runIn(t.Context(), far, s.args...)
		if r.code != s.code || !strings.Contains(r.stdout+r.stderr, s.want) {
			t.Errorf("%v exits %d, want %d with %q:\n%s%s", s.args[:2], r.code, s.code, s.want, r.stdout, r.stderr)
		}
	}
	checkAlone(t, far)
	if got := inTree(t, filepath.Join(far, "tree"), "WindowsXP-KB835732-x86-ENU.EXE"); got != "MZ update" {
		t.Errorf("the tree has %q as the update's file", got)
	}
	doc, err := os.ReadFile(filepath.Join(far, "back", "RECEIPT-plant-000001.json"))
	var receipt struct{ Status, Destination string }
	if err != nil || json.Unmarshal(doc, &receipt) != nil || receipt.Status != "imported" || receipt.Destination != "plant" {
		t.Errorf("receipt %s: %v", doc, err)
	}
}

// inTree returns the content of the file of that name below dir.
func inTree(t *testing.T, dir, name string) (content string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != name {
			return err
		}
		doc, err := os.ReadFile(path)
		content = string(doc)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// checkAlone makes sure that a far side has no client and no source.
func checkAlone(t *testing.T, dir string) {
	t.Helper()
	a := &app{env: []string{"PATCHFERRY_CONFIG=" + filepath.Join(dir, "patchferry.toml")}}
	l, err := a.load(a.rootCommand(), nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := a.openJob(t.Context(), &l.Config, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.client != nil || len(j.Sources) > 0 || len(j.Bulletins) > 0 || j.Origin != nil {
		t.Errorf("a far side has a client (%v), %d sources, %d sources of bulletins, an origin's key (%v)", j.client != nil, len(j.Sources), len(j.Bulletins), j.Origin != nil)
	}
}

// TestImportSaysOfAGapOnlyWhatIsSo: that nothing is missing is said of a
// bundle that was taken, not of one whose base is missing.
func TestImportSaysOfAGapOnlyWhatIsSo(t *testing.T) {
	for status, want := range map[string]bool{
		mirror.StatusImported: true, mirror.StatusChecked: true, mirror.StatusPartial: false, mirror.StatusRefused: false,
	} {
		var stdout, stderr strings.Builder
		a := &app{stdout: &stdout, stderr: &stderr}
		if err := a.printImport(&mirror.ImportReport{Status: status, Bundle: "main-e001-s000003", Missed: []uint64{2}, Counts: &layout.Counts{}}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(stderr.String(), "nothing that it needs is missing"); got != want {
			t.Errorf("%s: got %t, want %t: %s", status, got, want, stderr.String())
		}
	}
}
