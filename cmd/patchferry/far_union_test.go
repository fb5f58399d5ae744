package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/verify"
)

// follow makes the far side of g follow the near side of another gap besides.
func (g *gap) follow(other *gap) {
	g.t.Helper()
	origin := filepath.Join(other.near, "keys", "origin.asc")
	ring, err := verify.ReadKeyFile(origin)
	if err != nil {
		g.t.Fatal(err)
	}
	g.on(g.far, "key", "add", origin)
	g.on(g.far, "key", "pin", ring.Fingerprints()[0].String(), "--purpose", "origin")
}

// streams returns the ids of the updates of a KB article on the far side, by the
// name of the stream that has each.
func (g *gap) streams(kb string) map[string]string {
	g.t.Helper()
	ids := make(map[string]string)
	for line := range strings.Lines(g.on(g.far, "show", kb, "--json").stdout) {
		var shown showReport
		if err := json.Unmarshal([]byte(line), &shown); err != nil {
			g.t.Fatal(err)
		}
		for _, stream := range shown.Streams {
			ids[stream] = shown.Update.ID
		}
	}
	return ids
}

// evidence gathers on the far side what proves a file.
func (g *gap) evidence(name string) (report evidenceReport) {
	g.t.Helper()
	said := g.on(g.far, "evidence", name, "--to", filepath.Join(g.t.TempDir(), "audit"), "--json").stdout
	if err := json.Unmarshal([]byte(said), &report); err != nil {
		g.t.Fatal(err)
	}
	return report
}

// TestFarSideUnion follows two streams of two near sides: whoever looks at the
// store sees what both have, and what one takes back is gone.
func TestFarSideUnion(t *testing.T) {
	g, lab := newGap(t), newGap(t)
	lab.config(lab.near, "[[stream]]\nname = \"lab\"\n")
	lab.list(secondFile)
	lab.on(lab.near, "sync")
	g.follow(lab)
	g.on(g.far, "import", g.export())
	medium := lab.export("--stream", "lab")
	g.says(g.far, exitUntrusted, "--accept-stream", "import", medium)
	g.on(g.far, "import", medium, "--accept-stream", "lab")

	url := serveRings(t, g.far)
	first := fmt.Sprintf("rings/test/objects/sha256/%x", sha256.Sum256([]byte("MZ english")))
	second := fmt.Sprintf("rings/test/objects/sha256/%x", sha256.Sum256([]byte("MZ german")))
	page(t, url+first, http.StatusOK)
	page(t, url+second, http.StatusOK)
	metrics := page(t, url+"metrics", http.StatusOK)
	for _, stream := range []string{"main", "lab"} {
		g.says(g.far, exitDone, "stream "+stream, "status")
		if !strings.Contains(metrics, fmt.Sprintf("stream=%q} 1\n", stream)) {
			t.Errorf("the metrics do not name the stream %s", stream)
		}
	}
	ids := g.streams("KB835732")
	if len(ids) != 2 || ids["main"] == "" || ids["lab"] == "" || len(g.streams("KB841720")) != 1 {
		t.Fatalf("both near sides have KB835732, show names %v", ids)
	}
	ids["lab"] = g.streams("KB841720")["lab"]
	for stream, id := range ids {
		if proof := g.evidence(id); proof.Newest.Bundle != stream+"-e001-s000001" {
			t.Errorf("evidence of %s, which came in stream %s, names the bundle %s", id, stream, proof.Newest.Bundle)
		}
	}
	tree := filepath.Join(t.TempDir(), "tree")
	g.on(g.far, "tree", "--ring", "test", "--to", tree)
	if files, err := filepath.Glob(filepath.Join(tree, "Software", "EN", "*", "*", "*", "*.EXE")); len(files) != 3 || err != nil {
		t.Errorf("the tree has %q (%v), want two files of main and lab's KB835732, and lab's KB841720", files, err)
	}
	g.says(g.far, exitDone, "2 states, 2 generations,", "audit")
	g.says(g.far, exitDone, "nothing to remove", "prune")

	lab.on(lab.near, "revoke", "KB841720", "--reason", "withdrawn by the publisher")
	g.on(g.far, "import", lab.export("--stream", "lab"))
	becomes(t, url+second, http.StatusGone)
	page(t, url+first, http.StatusOK)
	g.says(g.far, exitDone, "3 states, 3 generations,", "audit")
	if proof := g.evidence("KB841720"); proof.Revoked == nil {
		t.Error("the evidence does not say that the file was revoked")
	}
}
