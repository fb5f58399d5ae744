package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	installs "patchferry/distribute/script"
	"patchferry/layout"
)

// TestDeployGuide does what docs/deploy.md and docs/smb.md say on the server, and holds
// the paths and arguments that they give hosts to those that there are.
func TestDeployGuide(t *testing.T) {
	mirror, _ := newMirror(t, map[string][]byte{"/Windows2000-KB824146-x86-ENU.exe": []byte("MZ an update")})
	tree := filepath.Join(t.TempDir(), "updates")
	done := map[string]int{}
	for _, name := range []string{"deploy.md", "smb.md"} {
		for _, command := range pageCommands(t, name) {
			args := strings.Fields(strings.Replace(command, "/srv/updates", tree, 1))
			if r := runIn(t.Context(), mirror, args[1:]...); args[0] != "patchferry" || r.code != exitDone {
				t.Errorf("%s: %s: exit status %d: %s", name, command, r.code, r.stderr)
			}
			done[name]++
		}
		hostsAreTold(t, name)
	}
	if done["deploy.md"] != 2 || done["smb.md"] != 1 {
		t.Errorf("the pages have %v commands", done)
	}
	contents(t, tree)
}

// pageCommands reads the commands of a page of docs, in their order.
func pageCommands(t *testing.T, name string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(docs, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(m[1]) {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if !ok {
				t.Errorf("%s: %q is no command", name, line)
			}
			commands = append(commands, command)
		}
	}
	return commands
}

// hostsAreTold looks at what a page tells hosts to run.
func hostsAreTold(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docs, name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, m := range regexp.MustCompile(`install\\hosts\\(\w+)\\(\w+)\\(\w+)`).FindAllStringSubmatch(text, -1) {
		h := installs.Host{OS: layout.OS(m[1]), Arch: layout.Arch(m[2]), Language: layout.Language(m[3])}
		if m[3] == "ALL" {
			h.Language = ""
		}
		if got, want := strings.ReplaceAll(m[0], `\`, "/"), installs.HostPlace(h); got != want || !slices.ContainsFunc(layout.OSes(), func(o layout.OSInfo) bool { return o.OS == h.OS }) {
			t.Errorf("%s: %s is not where %+v finds its set: %s", name, got, h, want)
		}
	}
	flags := []string{"/dry", "/log", "/stage", "/only", "/all", "/base", "/report", "/help"}
	for _, m := range regexp.MustCompile("(?:this-host|install|validate|rollback)\\.cmd\"?((?: [^\\s`|]+)+)").FindAllStringSubmatch(text, -1) {
		for word := range strings.FieldsSeq(m[1]) {
			if strings.HasPrefix(word, "/") && !slices.Contains(flags, word) {
				t.Errorf("%s: scripts have no argument %s", name, word)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		target := filepath.Join(docs, filepath.FromSlash(m[1]))
		page, err := os.ReadFile(target)
		if err != nil && !isFolder(target) {
			t.Errorf("%s: a link to nowhere: %s", name, m[1])
		}
		if m[2] != "" && !slices.Contains(anchors(string(page)), m[2][1:]) {
			t.Errorf("%s: %s has no section %s", name, m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(anchors(text), m[1]) {
			t.Errorf("%s has no section #%s", name, m[1])
		}
	}
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// anchors are what the sections of a page are called in links.
func anchors(text string) (all []string) {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			title = regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			all = append(all, strings.ReplaceAll(title, " ", "-"))
		}
	}
	return all
}
