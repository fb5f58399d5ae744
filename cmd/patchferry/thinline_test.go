package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
)

// TestThinLineGuide does what docs/thin-line.md says, with a publisher on loopback in
// place of the one of the page: its settings are allowed, its commands run, and a host
// that asks twice by the publisher's path costs the line one file.
func TestThinLineGuide(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "thin-line.md"))
	if err != nil {
		t.Fatal(err)
	}
	settings, commands := thinLineSteps(string(text))
	if len(settings) != 2 {
		t.Fatalf("the page has %d blocks of settings, want that of the sources and that of the line", len(settings))
	}
	want := []string{"patchferry init near --dir ferry --name branch --no-passphrase", "cd ferry", "patchferry config check", "patchferry sync", "patchferry serve", "patchferry status"}
	if !slices.Equal(commands, want) {
		t.Fatalf("the page has the commands %q, want %q", commands, want)
	}
	content := []byte(strings.Repeat("update", 100_000))
	_, p := newMirror(t, map[string][]byte{filledName: content})
	dir := filepath.Join(t.TempDir(), "ferry")
	command := func(line string) string {
		t.Helper()
		args := strings.Fields(strings.Replace(line, "--dir ferry", "--dir "+dir, 1))
		r := runIn(t.Context(), dir, args[1:]...)
		if r.code != exitDone {
			t.Fatalf("%s: exit status %d: %s", line, r.code, r.stderr)
		}
		return r.stdout
	}
	command(commands[0])
	host := strings.Trim(strings.TrimPrefix(p.URL(""), "http://"), "/")
	sources := strings.Replace(settings[0], `url  = "https://mirror.hq.example.net/updates.jsonl"`, `path = "updates.jsonl"`, 1)
	sources = strings.Replace(sources, `hosts = ["download.windowsupdate.com"]`, `hosts = ["`+host+`"]`, 1)
	name := filepath.Join(dir, "patchferry.toml")
	written, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(written), "[fetch]\n", "[fetch]\n"+settings[1], 1) + "\n" + sources
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	list := `{"id":"one","os":["windowsxp"],"files":[{"sha256":"` + layout.DigestOf(content).String() + `","url":"` + p.URL(filledName) + `"}]}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "updates.jsonl"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	command("patchferry config check")
	if said := command("patchferry sync"); !strings.Contains(said, "1 left for hosts to ask for") {
		t.Errorf("sync says %q, want a file that is left", said)
	}
	url, stop := serveUntil(t, dir)
	for range 2 {
		wholeFrom(t, url+filledName[1:], content)
	}
	for _, page := range []string{"status", "metrics"} {
		res, err := http.Get(url + page)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("/%s: %s", page, res.Status)
		}
	}
	stop()
	if got := p.Bytes(filledName); got != int64(len(content)) {
		t.Errorf("%d bytes came from outside, want %d", got, len(content))
	}
	if said := command("patchferry status"); !strings.Contains(said, "1.2 MB sent to hosts, 600 kB from outside, 600 kB saved") {
		t.Errorf("status does not say what was saved:\n%s", said)
	}
}

// thinLineSteps finds the settings of the page and its commands, in their order.
func thinLineSteps(text string) (settings, commands []string) {
	block := regexp.MustCompile("(?s)```(toml|console)\n(.*?)```")
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		if m[1] == "toml" {
			settings = append(settings, m[2])
			continue
		}
		for line := range strings.Lines(m[2]) {
			commands = append(commands, strings.TrimSpace(strings.TrimPrefix(line, "$ ")))
		}
	}
	return settings, commands
}
